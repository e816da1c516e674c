/** Runs a command of a benchmark to its end, and fails unless it ends well. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { root } from '../scripts/tree.mjs';

export const SWAMP = resolve(root, 'bin/swamp.js');

/** What it printed. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: ['pipe', 'pipe', 'pipe'], encoding: 'utf8', timeout: 120_000, ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${result.status}: ${result.stderr}`);
  return result.stdout;
}

export function node(args, options) {
  return run(process.execPath, args, options);
}

export function swamp(args, options) {
  return node([SWAMP, ...args], options);
}
