/** Runs the program as somebody whom permissions bind: root is bound by none. */
import { spawnSync } from 'node:child_process';
import type { TestRepo } from './repo.js';
import { finished, launch, type Result, type Running, type StartOptions } from './swamp.js';

const AS_ANYBODY: readonly string[] = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search,-fowner'] : ['env'];

const possible = spawnSync(AS_ANYBODY[0] ?? '', [...AS_ANYBODY.slice(1), 'true'], { timeout: 10_000 }).status === 0;

/** Options for a test that needs it. */
export const unprivileged = { skip: possible ? false : 'setpriv cannot take the privileges of root away here' };

export function runUnprivileged(repo: TestRepo, args: readonly string[], expect: number): Promise<Result> {
  return finished(startUnprivileged(repo, args), expect);
}

export function startUnprivileged(repo: TestRepo, args: readonly string[], options: StartOptions = {}): Running {
  const [command = '', ...words] = [...AS_ANYBODY, process.execPath, repo.bin, ...args];
  return launch(repo, command, words, options);
}
