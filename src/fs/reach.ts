/**
 * The one way into a directory of the store, for reading, writing, removing and backing up: below the datastore's own
 * directory no link is followed, because what one leads to belongs to another owner.
 */
import { lstatSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno, SwampError } from '../errors.js';

/**
 * False when nothing is at `path`. Throws `corrupt` when it is a link, or a link is on the way to it. The datastore's own path
 * is resolved when it is opened, so a path of the store without a link is its own real path: one call, whatever the depth.
 */
export function reach(path: string): boolean {
  if (isReal(path)) return true;
  // A link that leads nowhere is there, too.
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
    reach(dirname(path));
    return false;
  }
  const link = firstLink(path);
  // Another command has just made it.
  if (link === undefined) return true;
  throw new SwampError('corrupt', `${link} is a symbolic link, and below the datastore's own directory no link is followed.`, {
    hint: 'Put the directory itself there. To keep the whole datastore elsewhere, set datastore.path in .swamp.yaml.',
    data: { path: link },
  });
}

/** The same without a refusal: false also for a link. */
export function isReal(path: string): boolean {
  try {
    return realpathSync.native(path) === path;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return false;
    throw error;
  }
}

/** The link on the way to `path` that is nearest to the root. */
function firstLink(path: string): string | undefined {
  const above = dirname(path);
  if (above === path) return undefined;
  return firstLink(above) ?? (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? path : undefined);
}
