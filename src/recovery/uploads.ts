/** What every command does that needs an upload in its place: one that a dead completion had moved aside is put back first. */
import { SwampError } from '../errors.js';
import { withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import type { Repo } from '../repo.js';
import { isDeletedModel } from '../store/deleted.js';
import { abandonedAside, isInPlace, modelOfUpload, putBackAbandoned, uploadNotFound } from '../store/uploads/place.js';

/** The model of an upload that takes parts now. Throws `upload_not_found`; `model_not_found` when its model was deleted (D11). */
export async function requireUpload(repo: Repo, id: string, options: { readonly signal: AbortSignal }): Promise<string> {
  const modelId = modelOfUpload(id);
  if (modelId === undefined) throw uploadNotFound(repo, id);
  if (!isInPlace(repo, modelId, id)) await reclaimUploads(repo, modelId, options);
  requireNotDeleted(repo, modelId, id);
  // A completion that fails puts its upload back without a lock: it may have done so between the two looks.
  const missing = isInPlace(repo, modelId, id) ? undefined : uploadNotFound(repo, id);
  if (missing !== undefined && !isInPlace(repo, modelId, id)) throw missing;
  return modelId;
}

/** Takes the data fence: its holder carries out what a dead completion had published, and what is then still aside goes back. `silent`: those that count as abandoned, too. */
export async function reclaimUploads(
  repo: Repo,
  modelId: string,
  { signal, silent }: { readonly signal: AbortSignal; readonly silent?: ReadonlySet<string> },
): Promise<void> {
  if (abandonedAside(repo, modelId, silent).length === 0) return;
  await withSession(repo, (session) => write(repo, modelId, (fence) => putBackAbandoned(fence, silent), { session, signal }), { removes: true });
}

/** An upload goes with its model. */
export function requireNotDeleted(repo: Repo, modelId: string, id: string): void {
  if (!isDeletedModel(repo, modelId)) return;
  throw new SwampError('model_not_found', `The model of the upload ${id} was deleted.`, {
    hint: 'Its unfinished uploads went with it. "swamp model list" shows what there is.',
    data: { uploadId: id, modelId },
  });
}
