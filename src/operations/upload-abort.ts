/** `data upload abort`: one rename takes the upload and its parts away; takes no lock, and asks nothing. */
import { discard, type Session } from '../locks/session.js';
import { withSession } from '../protocol/session.js';
import { requireUpload } from '../recovery/uploads.js';
import type { Repo } from '../repo.js';
import { syncDirs } from '../store/commit.js';
import { uploadNotFound } from '../store/uploads/place.js';
import { operation } from './operation.js';

export interface UploadAbortResult {
  readonly aborted: true;
}

/** Throws `upload_not_found`, also when another process completes or aborts it first; `model_not_found`. */
export const uploadAbort = operation({ verb: 'data upload abort', access: 'writes', about: ({ upload }) => upload }, abortUpload);

async function abortUpload(repo: Repo, { upload: id }: { readonly upload: string }, options: { readonly signal: AbortSignal }): Promise<UploadAbortResult> {
  const modelId = await requireUpload(repo, id, options);
  const abort = async (session: Session): Promise<UploadAbortResult> => {
    const trashed = await discard(repo, repo.layout.upload(modelId, id), modelId);
    if (trashed.length === 0) throw uploadNotFound(repo, id);
    session.trashed.push(...trashed);
    await syncDirs([repo.layout.modelUploads(modelId)]);
    return { aborted: true };
  };
  return withSession(repo, abort, { removes: true });
}
