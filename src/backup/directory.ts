/** The directory that a person names as a backup, or as a folder of backups. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { SwampError } from '../errors.js';

/** Absolute. An empty text, as of a variable that is not set, does not name the working directory. Throws `usage`. */
export function resolveNamed(dir: string): string {
  if (dir === '') throw new SwampError('usage', 'The name of a directory is empty.', { hint: 'The working directory is ".".' });
  return resolve(dir);
}

/** Absolute. A link there is followed: the person named it. Throws `usage`, `io`. */
export function requireBackupDirectory(dir: string): string {
  const path = resolveNamed(dir);
  if (statSync(path).isDirectory()) return path;
  throw new SwampError('io', `${path} is not a directory.`, { hint: 'Name the directory of a backup.', data: { path, errno: 'ENOTDIR' } });
}
