/** How many files this process may hold open, as the system says. */
import { readFileSync } from 'node:fs';
import { isErrno } from '../errors.js';

/** What macOS gives a shell by default: assumed where the limit cannot be read. */
const ASSUMED = 256;

let known: number | undefined;

/** The soft limit on open files; read once. */
export function openFileLimit(): number {
  known ??= readLimit();
  return known;
}

function readLimit(): number {
  try {
    const [, soft] = /^Max open files\s+([0-9]+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? ASSUMED : Number(soft);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'EMFILE', 'ENFILE')) return ASSUMED;
    throw error;
  }
}
