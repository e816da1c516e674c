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

/** What a person sees in the end of what was written to a terminal: its lines, without those at the end that are empty. */
export function screenOf(output: string): string[] {
  const lines = [''];
  let [row, column] = [0, 0];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal is controlled by them
  for (const [token, count, act] of output.matchAll(/\u001b\[([0-9;?]*)([A-Za-z])|./gs)) {
    if (act === 'A') row = Math.max(0, row - Number(count || 1));
    else if (act === 'J') lines.splice(row, Number.POSITIVE_INFINITY, (lines[row] ?? '').slice(0, column));
    else if (act !== undefined) continue;
    else if (token === '\r') column = 0;
    else if (token === '\n') lines[++row] ??= '';
    else lines[row] = `${(lines[row] ?? '').padEnd(column).slice(0, column)}${token}${(lines[row] ?? '').slice(++column)}`;
  }
  while (lines.at(-1)?.trim() === '') lines.pop();
  return lines;
}
