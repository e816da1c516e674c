/** Whether a model was deleted: the one look that everybody pays for it. */
import { lstatSync } from 'node:fs';
import { isErrno } from '../errors.js';
import type { Repo } from '../repo.js';

/** True when a delete of that model has committed: its record is in deleted/. Throws for every answer but a plain "not there" (P7). */
export function isDeletedModel(repo: Repo, modelId: string): boolean {
  try {
    lstatSync(repo.layout.deletedModel(modelId));
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
