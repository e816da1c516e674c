/** Whether a published restore waits to be carried out: the one look that everybody pays for it. */
import { isErrno } from '../errors.js';
import { exists } from '../fs/tree.js';
import type { Repo } from '../repo.js';

export function isRestoring({ layout }: Repo): boolean {
  try {
    return exists(layout.restoring);
  } catch (error) {
    // Something else stands where the datastore belongs: whoever needs it tells.
    if (isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}
