/** Whether a published restore waits to be carried out: the one look that every command pays for it; and whether one was published during a read. */
import { lstatSync } from 'node:fs';
import { isErrno, SwampError } from '../errors.js';
import { exists } from '../fs/tree.js';
import type { Repo } from '../repo.js';

export function isRestoring({ layout }: Repo): boolean {
  try {
    return exists(layout.restoring);
  } catch (error) {
    // Something else is where the datastore belongs: the command that needs it says so.
    if (isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}

/** Thrown where a restore waits to be carried out, or was published meanwhile: that is done first, and the command, which has done nothing yet, begins anew. */
export class Unsettled extends SwampError {
  constructor(readonly repo: Repo) {
    super('conflict', 'A restore was published while the repository was read.', { hint: 'Run the command again.' });
  }
}

/**
 * What `read` finds or does not find is of one side of every restore (B16): it may have looked at one thing before a restore
 * was published and at another one after it. `discard` is given what was found and does not count. Throws Unsettled, and what `read` throws.
 */
export async function readWhole<T>(repo: Repo, read: () => Promise<T>, discard?: (found: T) => void): Promise<T> {
  const before = stampOf(repo);
  // One that goes within the tick of the clock in which it came leaves the stamp as it is.
  if (isRestoring(repo)) throw new Unsettled(repo);
  const isWhole = (): boolean => stampOf(repo) === before && !isRestoring(repo);
  let found: T;
  try {
    found = await read();
  } catch (error) {
    throw isWhole() ? error : new Unsettled(repo);
  }
  if (isWhole()) return found;
  discard?.(found);
  throw new Unsettled(repo);
}

/** Changes whenever restoring/ appears or goes: both are renames in this directory, in which there are hardly any others. */
function stampOf({ layout }: Repo): bigint | undefined {
  return lstatSync(layout.root, { bigint: true, throwIfNoEntry: false })?.mtimeNs;
}
