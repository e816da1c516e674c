/** DIR, where a backup is to appear: what must not be there, the scratch beside it, and the one rename (B3, B13). */
import { lstatSync, realpathSync, type Stats } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { isErrno, SwampError } from '../../errors.js';
import { makeDir, rename, syncDir } from '../../fs/durable.js';
import { failpoint } from '../../fs/failpoints.js';
import { readDir } from '../../fs/tree.js';
import type { Repo } from '../../repo.js';
import { scratchFor } from '../scratch.js';

/** A place where a backup can appear; links on the way to it are resolved. */
export interface BackupTarget {
  /** Absolute. */
  readonly path: string;
  readonly parent: string;
}

/** Throws `conflict` when something is in the way, `usage` when DIR lies inside the repository's data, `io` when its parent is not a directory. */
export function targetOf(repo: Repo, dir: string): BackupTarget {
  if (dir === '') throw new SwampError('usage', 'DIR is empty.', { hint: 'Name the directory that the backup becomes.' });
  const wanted = resolve(dir);
  const parent = parentOf(wanted);
  const path = join(parent, basename(wanted));
  for (const own of [repo.datastore, join(repo.root, 'models')].map(real)) {
    if (path === own || path.startsWith(own + sep)) {
      throw new SwampError('usage', `${path} lies in ${own}, which is what is backed up.`, { hint: 'Choose a place outside.', data: { path } });
    }
  }
  requireFree(path);
  return { path, parent };
}

/** The directory in which `path` is to appear, links resolved. Throws `io`: it is not made. */
export function parentOf(path: string): string {
  try {
    const parent = realpathSync(dirname(path));
    if (lstatSync(parent).isDirectory()) return parent;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
  throw new SwampError('io', `${dirname(path)} is not a directory.`, {
    hint: `Make it first: mkdir -p '${dirname(path).replaceAll("'", "'\\''")}'`,
    data: { path: dirname(path), errno: 'ENOENT' },
  });
}

/** Links resolved, where it is there. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return path;
    throw error;
  }
}

/** Nothing, or an empty directory. Throws `conflict`. */
export function requireFree(path: string): void {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return;
  if (!status.isDirectory()) throw inTheWay(path, `is ${kindOf(status)}`);
  if ((readDir(path) ?? []).length > 0) throw inTheWay(path, 'is not empty');
}

function kindOf(status: Stats): string {
  return status.isSymbolicLink() ? 'a symbolic link' : status.isFile() ? 'a file' : 'not a directory';
}

export function inTheWay(path: string, why: string): SwampError {
  return new SwampError('conflict', `${path} ${why}.`, { hint: 'A backup becomes a new directory, or takes the place of an empty one.', data: { path } });
}

/** Makes the scratch of `holder` beside DIR: everything is written there, and nothing else is. */
export async function makeScratch({ path }: BackupTarget, holder: string): Promise<string> {
  const scratch = scratchFor(path, holder);
  if (!(await makeDir(scratch))) throw inTheWay(scratch, 'is there already');
  return scratch;
}

/** The scratch, complete and synced, becomes DIR. Throws `conflict` when something has come there meanwhile. */
export async function publish({ path, parent }: BackupTarget, scratch: string): Promise<void> {
  await failpoint('backup.before-publish');
  // A rename takes the place of an empty directory, and of nothing else.
  requireFree(path);
  try {
    await rename(scratch, path);
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw inTheWay(path, 'appeared while the backup was made');
    throw error;
  }
  await syncDir(parent);
  await failpoint('backup.published');
}
