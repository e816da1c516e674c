/** Runs `swamp` on a terminal of its own, through script(1) of util-linux. */
import { spawnSync } from 'node:child_process';
import type { TestRepo } from './repo.js';
import { launch, type Running, type StartOptions } from './swamp.js';

const version = spawnSync('script', ['--version'], { encoding: 'utf8', timeout: 10_000 });

/** Options for a test that needs a terminal. */
export const onTerminal = { skip: version.stdout?.includes('util-linux') === true ? false : 'script(1) of util-linux is not installed' };

/** `command`: the words of a swamp command, or a line of sh. What is typed goes to `write`; stdout and stderr come as one. */
export function startOnTerminal(repo: TestRepo, command: readonly string[] | string, env: StartOptions['env'] = {}): Running {
  const line = typeof command === 'string' ? command : [process.execPath, repo.bin, ...command].map((word) => `'${word}'`).join(' ');
  return launch(repo, 'script', ['--quiet', '--flush', '--return', '--command', line, '/dev/null'], {
    stdin: 'open',
    env: { TERM: 'dumb', SHELL: '/bin/sh', ...env },
  });
}
