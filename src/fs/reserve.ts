/**
 * The reserve: space and inodes that only removals may spend. A removal needs both itself, for its record and for the
 * directories that it moves things into; without a reserve nothing could be removed from a disk that is full.
 */
import { randomFillSync } from 'node:crypto';
import { lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, isFull, isSystemError } from '../errors.js';
import { removeFile } from './durable.js';
import { isReal } from './reach.js';
import { ownNames } from './tree.js';

/**
 * A removal makes about a dozen files and directories, and a directory that grows takes a block more. A large block counts
 * as one piece, and XFS wants some 150 KiB to be free before it makes a directory.
 */
const PIECES = 16;
const PIECE_BYTES = 16 * 1024;

/**
 * Makes the pieces of the reserve `dir` that are missing, as far as the disk allows. Nothing is synced: after a power loss
 * a piece may be empty, and is written again by the next removal. Never fails for an error of the system, and does
 * nothing through a link: without a reserve everything works that does not meet a full disk.
 */
export async function fillReserve(dir: string): Promise<void> {
  if (!isReal(dir) && lstatSync(dir, { throwIfNoEntry: false }) !== undefined) return;
  let bytes: Buffer | undefined;
  for (let number = 1; number <= PIECES; number++) {
    const piece = join(dir, String(number));
    try {
      const size = lstatSync(piece, { throwIfNoEntry: false })?.size;
      if (size === PIECE_BYTES) continue;
      if (size !== undefined) await removeFile(piece);
      if (number === 1) makeIfMissing(dir);
      // Random: a file system that compresses, or shares equal blocks, would keep nothing free for zeroes.
      bytes ??= randomFillSync(Buffer.allocUnsafe(PIECE_BYTES));
      writeFileSync(piece, bytes, { flag: 'wx' });
    } catch (error) {
      if (!isSystemError(error)) throw error;
      // Another command was first: the piece is its.
      if (isErrno(error, 'EEXIST')) continue;
      return;
    }
  }
}

function makeIfMissing(dir: string): void {
  try {
    mkdirSync(dir);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

/**
 * Runs one step of a removal; while the disk is full, gives one piece of the reserve `dir` back to it and runs the step
 * again. Piece by piece, and the step at once: what is free for longer, a writer takes. `step` must be safe to repeat.
 */
export async function spending<T>(dir: string, step: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!isFull(error) || !(await spendPiece(dir))) throw error;
    }
  }
}

/** False when nothing is left. */
async function spendPiece(dir: string): Promise<boolean> {
  for (const name of isReal(dir) ? (ownNames(dir) ?? []) : []) if (await removeFile(join(dir, name))) return true;
  return false;
}
