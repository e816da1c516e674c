/** Runs `swamp` on a terminal of its own, through script(1) of util-linux. */
import { spawnSync } from 'node:child_process';
import type { TestRepo } from './repo.js';
import { launch, type Running } from './swamp.js';

const version = spawnSync('script', ['--version'], { encoding: 'utf8', timeout: 10_000 });

/** Options for a test that needs a terminal. */
export const onTerminal = { skip: version.stdout?.includes('util-linux') === true ? false : 'script(1) of util-linux is not installed' };

/** What is typed goes to `write`; stdout and stderr come as one. */
export function startOnTerminal(repo: TestRepo, args: readonly string[]): Running {
  const command = [process.execPath, repo.bin, ...args].map((word) => `'${word}'`).join(' ');
  return launch(repo, 'script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
    stdin: 'open',
    env: { TERM: 'dumb', SHELL: '/bin/sh' },
  });
}
