/** Opens files of a backup: regular ones with one name, no link followed, no FIFO waited for, within limits (B11). */
import { isUtf8 } from 'node:buffer';
import { type BigIntStats, lstatSync, type Stats } from 'node:fs';
import { isErrno } from '../errors.js';
import { Handle } from '../fs/handle.js';
import { bytesOf, pieces, SMALL } from '../fs/pieces.js';
import type { BackupFinding } from './format.js';
import { finding, invalid } from './invalid.js';
import { inside, mayBeShared } from './paths.js';

/** Why what is there is not read; undefined for a regular file that has one name, or may be shared with another backup. */
export function refusal(path: string, stats: Stats | BigIntStats): BackupFinding | undefined {
  if (stats.isSymbolicLink()) return finding('symlink', path, 'is a symbolic link');
  if (stats.isDirectory()) return finding('manifest', path, 'is a directory, and must be a file');
  if (!stats.isFile()) return finding('special_file', path, 'is a FIFO, a socket or a device');
  return stats.nlink > 1 && !mayBeShared(path) ? finding('hardlink', path, `is one of ${stats.nlink} names of one file`) : undefined;
}

/** `path` below `root`, the caller's to close; undefined when nothing is there. `looked`: what lstat(2) answered just now. Throws `backup_invalid` with the finding. */
export function openInBackup(root: string, path: string, looked?: Stats): Handle | undefined {
  const at = inside(root, path);
  // A device may act when it is opened, so it is looked at first; and once more when open, since it may have been replaced.
  const before = looked ?? lstatSync(at, { throwIfNoEntry: false });
  if (before === undefined) return undefined;
  requirePlain(path, before);
  let file: Handle;
  try {
    file = Handle.open(at);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (isErrno(error, 'ELOOP', 'EMLINK')) throw invalid(finding('symlink', path, 'is a symbolic link'));
    throw error;
  }
  try {
    requirePlain(path, file.status);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** As `openInBackup`, of what must be there. Throws `backup_invalid`, with `absent` where it is not. */
export function openRequired(root: string, path: string, absent: BackupFinding = gone(path)): Handle {
  const opened = openInBackup(root, path);
  if (opened === undefined) throw invalid(absent);
  return opened;
}

function gone(path: string): BackupFinding {
  return finding('missing', path, 'is not there any more');
}

function requirePlain(path: string, stats: Stats | BigIntStats): void {
  const refused = refusal(path, stats);
  if (refused !== undefined) throw invalid(refused);
}

/** The bytes of a control file; undefined when there is none. Throws `backup_invalid` when it is not a plain file, or larger than `limit`. */
export function readControl(root: string, path: string, limit: number, looked?: Stats): Buffer | undefined {
  const opened = openInBackup(root, path, looked);
  if (opened === undefined) return undefined;
  if (opened.size <= Math.min(SMALL, limit)) return bytesOf(opened);
  const parts: Buffer[] = [];
  let length = 0;
  for (const piece of pieces(opened)) {
    length += piece.length;
    if (length > limit) throw invalid(finding('manifest', path, `has more than ${limit} bytes`));
    parts.push(Buffer.from(piece));
  }
  return Buffer.concat(parts);
}

/** The text of a control file that must be there. Throws `backup_invalid`. */
export function controlText(root: string, path: string, limit: number): string {
  const bytes = readControl(root, path, limit);
  if (bytes === undefined) throw invalid(gone(path));
  return textOf(bytes, path);
}

/** Bytes as UTF-8. Throws `backup_invalid`. */
export function textOf(bytes: Buffer, path: string): string {
  if (!isUtf8(bytes)) throw invalid(finding('manifest', path, 'is not UTF-8'));
  return bytes.toString();
}

const NEWLINE = 10;

/** The lines of a file, without their newline, each within `limit` bytes. Throws `backup_invalid`; a last line without a newline counts as cut off. */
export function* linesOf(opened: Handle, path: string, limit: number): Generator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for (const piece of pieces(opened)) {
    rest = Buffer.concat([rest, piece]);
    let from = 0;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, from)) {
      if (end - from > limit) break;
      yield textOf(rest.subarray(from, end), path);
      from = end + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > limit) throw invalid(finding('manifest', path, `has a line of more than ${limit} bytes`));
  }
  if (rest.length > 0) throw invalid(finding('manifest', path, 'is cut off: its last line has no end'));
}
