/**
 * Start-up against the bare runtime: `swamp --version` within 1.2x and `swamp data get` within 1.5x of `node -e 0`, medians of
 * interleaved runs. `npm run bench:start -- 60` sets how many. Exit 1 when a limit is exceeded.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from '../scripts/tree.mjs';

const ROUNDS = Number(process.argv[2] ?? 40);
const SWAMP = resolve(root, 'bin/swamp.js');

const dir = mkdtempSync(join(tmpdir(), 'swamp-bench-'));
try {
  swamp(['repo', 'init', dir]);
  swamp(['data', 'put', 'results', 'report', '--create', '--repo-dir', dir], 'a small result\n');
  const cases = [
    { name: 'node -e 0', args: ['-e', '0'] },
    { name: 'swamp --version', args: [SWAMP, '--version'], limit: 1.2 },
    { name: 'swamp data get', args: [SWAMP, 'data', 'get', 'results', 'report', '--repo-dir', dir], limit: 1.5 },
  ];
  const times = cases.map(() => []);
  for (let round = -2; round < ROUNDS; round++) {
    cases.forEach(({ args }, i) => {
      const ms = timed(args);
      if (round >= 0) times[i].push(ms);
    });
  }
  report(cases, times.map(median));
} finally {
  rmSync(dir, { recursive: true, force: true });
}

function report(cases, medians) {
  cases.forEach(({ name, limit }, i) => {
    const ratio = medians[i] / medians[0];
    const verdict = limit === undefined ? '' : `${ratio.toFixed(2)}x, limit ${limit}x: ${ratio <= limit ? 'ok' : 'TOO SLOW'}`;
    process.stdout.write(`${name.padEnd(18)}${medians[i].toFixed(1).padStart(7)} ms  ${verdict}\n`);
    if (limit !== undefined && ratio > limit) process.exitCode = 1;
  });
}

function timed(args) {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
  const ms = performance.now() - start;
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return ms;
}

function swamp(args, input = '') {
  const { status, stderr } = spawnSync(process.execPath, [SWAMP, ...args], { input, encoding: 'utf8', timeout: 60_000 });
  if (status !== 0) throw new Error(`swamp ${args.join(' ')} ended with ${status}: ${stderr}`);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
