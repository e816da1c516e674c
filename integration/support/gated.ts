/** A method that stands still where the test wants it: it tells that it has begun, waits to be let go, and then runs what the test says. */
import { existsSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createModel, libraryOf, type TestRepo } from './repo.js';
import { finished, type Running, type StartOptions, start } from './swamp.js';
import { until } from './until.js';

export interface Gated {
  readonly running: Running;
  /** Resolves when the command runs: the run fence is held. */
  readonly begun: () => Promise<void>;
  /** Resolves when the command has made this file in $GATE. */
  readonly has: (file: string) => Promise<void>;
  /** Lets the command go on with these shell lines, and this environment for them alone. */
  readonly letGo: (then?: string, env?: Readonly<Record<string, string>>) => void;
}

const COMMAND = 'touch "$GATE/begun"; while [ ! -e "$GATE/then.sh" ]; do sleep 0.02; done; . "$GATE/then.sh"';

/** A command/shell model for `startGated`; its id. */
export async function createGated(repo: TestRepo, name: string): Promise<string> {
  return createModel(repo, name, COMMAND);
}

export function startGated(repo: TestRepo, name: string, args: readonly string[] = [], options: StartOptions = {}): Gated {
  const gate = mkdtempSync(join(repo.base, 'gate-'));
  const running = start(repo, ['model', 'method', 'run', name, 'execute', '--input', `GATE=${gate}`, ...args], options);
  const has = async (file: string): Promise<void> => {
    await until(`the method of ${name} has made ${file}`, () => existsSync(join(gate, file)), { watch: [gate], detail: running.stderr });
  };
  return {
    running,
    has,
    begun: () => has('begun'),
    letGo: (then = ':', env = {}) => {
      const lines = Object.entries(env).map(([key, value]) => `export ${key}='${value}'\n`);
      writeFileSync(join(gate, 'aside'), `${lines.join('')}${then}\n`);
      renameSync(join(gate, 'aside'), join(gate, 'then.sh'));
    },
  };
}

/** A gate that stands open: a method started with it does nothing, at once. */
export function openGate(repo: TestRepo): string {
  const gate = mkdtempSync(join(repo.base, 'gate-'));
  writeFileSync(join(gate, 'then.sh'), ':\n');
  return gate;
}

/** One run from beginning to end, so that the model has its outputs. */
export async function runGated(repo: TestRepo, name: string, then?: string): Promise<void> {
  const library = then === undefined ? libraryOf(repo) : undefined;
  if (library !== undefined) return void (await library.model.run({ model: name, inputs: { GATE: openGate(repo) } }));
  const gated = startGated(repo, name);
  gated.letGo(then);
  await finished(gated.running);
}
