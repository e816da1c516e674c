/** A method that stands still where the test wants it: it tells that it has begun, waits to be let go, and then runs what the test says. */
import { existsSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createModel, type TestRepo } from './repo.js';
import { finished, type Running, type StartOptions, start } from './swamp.js';
import { until } from './until.js';

export interface Gated {
  readonly running: Running;
  /** True once the command runs. */
  readonly hasBegun: () => boolean;
  /** Resolves when the command runs: the run fence is held. */
  readonly begun: () => Promise<void>;
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
  const hasBegun = (): boolean => existsSync(join(gate, 'begun'));
  return {
    running,
    hasBegun,
    begun: () => until(`the method of ${name} runs`, () => hasBegun() || undefined, { watch: [gate], detail: running.stderr }).then(() => undefined),
    letGo: (then = ':', env = {}) => {
      const lines = Object.entries(env).map(([key, value]) => `export ${key}='${value}'\n`);
      writeFileSync(join(gate, 'aside'), `${lines.join('')}${then}\n`);
      renameSync(join(gate, 'aside'), join(gate, 'then.sh'));
    },
  };
}

/** One run from beginning to end, so that the model has its outputs. */
export async function runGated(repo: TestRepo, name: string, then?: string): Promise<void> {
  const gated = startGated(repo, name);
  gated.letGo(then);
  await finished(gated.running);
}
