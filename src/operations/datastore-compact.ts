/** `datastore compact`: builds the catalog anew, as small as it can be. Queries wait for it a little, and go on without it; writers know nothing of it. */
import { rebuild } from '../catalog/open.js';
import { modelsOrWarn } from '../models/files.js';
import type { Repo } from '../repo.js';
import { operation } from './operation.js';

export interface DatastoreCompactResult {
  /** In the catalog now. */
  readonly versions: number;
  /** Of the catalog. */
  readonly bytes: number;
  /** How much smaller it is; 0 where it was smaller, or absent. */
  readonly bytesReclaimed: number;
}

/** Throws `no_space` and `io` where no file can be written: then there is no catalog, and queries do without. */
export const datastoreCompact = operation({ verb: 'datastore compact', access: 'writes' }, compact);

async function compact(
  repo: Repo,
  _input: object = {},
  { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
): Promise<DatastoreCompactResult> {
  const { versions, bytes, before } = await rebuild(repo, { models: await modelsOrWarn(repo), signal });
  return { versions, bytes, bytesReclaimed: Math.max(0, before - bytes) };
}
