/** Reads what should be a plain file, whatever is there: no link is followed, no FIFO waited for, nothing read beyond a limit. */
import type { BigIntStats } from 'node:fs';
import { isErrno } from '../errors.js';
import { Handle } from './handle.js';

/** Why what is there is not read. `message` goes on where the path ends. */
export interface Refused {
  readonly refused: 'symlink' | 'wrong_type' | 'too_large';
  readonly message: string;
}

/** A regular file, opened, the caller's to close. Undefined when nothing is there. */
export function openPlainFile(path: string): Handle | Refused | undefined {
  let file: Handle | undefined;
  try {
    file = openUnfollowed(path);
  } catch (error) {
    if (isErrno(error, 'ELOOP', 'EMLINK')) return { refused: 'symlink', message: 'is a symbolic link' };
    // A socket, or a device that nothing is behind.
    if (isErrno(error, 'ENXIO', 'EOPNOTSUPP')) return NO_FILE;
    throw error;
  }
  if (file === undefined || file.status.isFile()) return file;
  file.close();
  return NO_FILE;
}

const NO_FILE: Refused = Object.freeze({ refused: 'wrong_type', message: 'is not a regular file' });

/** All bytes of a file that has no more than `limit`. Undefined when nothing is there. */
export function readPlainFile(path: string, limit: number): { readonly bytes: Buffer; readonly status: BigIntStats } | Refused | undefined {
  const opened = openPlainFile(path);
  if (opened === undefined || 'refused' in opened) return opened;
  try {
    return opened.size > limit ? { refused: 'too_large', message: `has more than ${limit} bytes` } : { bytes: opened.bytes(), status: opened.status };
  } finally {
    opened.close();
  }
}

/** Throws the system's error for a link (ELOOP); a FIFO without a writer is opened all the same. Undefined when nothing is there. */
export function openUnfollowed(path: string): Handle | undefined {
  try {
    return Handle.open(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
