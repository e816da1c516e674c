/** `data upload begin`: makes a place for the parts of one version; takes no lock. */
import { removeEmptyDir } from '../fs/durable.js';
import { checkArtifactName } from '../layout/names.js';
import { discard } from '../locks/session.js';
import { withSession } from '../protocol/session.js';
import type { Repo } from '../repo.js';
import { readWhole, Unsettled } from '../store/restoring.js';
import { createUpload } from '../store/uploads/place.js';
import { isThere, modelFor, requireModel, type VersionInput, versionFields } from './data-put.js';
import { operation } from './operation.js';

export interface UploadBeginResult {
  readonly uploadId: string;
}

/** What is expected of the artifact is asked when the upload is completed. Throws `model_not_found`, `name_invalid`, `usage`, `io`, `no_space`. */
export const uploadBegin = operation({ verb: 'data upload begin', access: 'writes', about: ({ model, name }) => `${model} ${name}` }, begin);

async function begin(repo: Repo, input: VersionInput, options: { readonly signal: AbortSignal }): Promise<UploadBeginResult> {
  checkArtifactName(input.name);
  const fields = versionFields(input, 'data upload');
  const model = await modelFor(repo, input, options);
  const { expectVersion, ifChanged = false } = input;
  const record = {
    name: input.name,
    modelId: model.id,
    createdAt: new Date().toISOString(),
    fields,
    ...(expectVersion === undefined ? {} : { expectVersion }),
    ifChanged,
  };
  return withSession(repo, async (session) => {
    const uploadId = await createUpload(session, record);
    if (isThere(repo, model)) return { uploadId };
    // D11: its delete may have swept the uploads before this one appeared.
    session.trashed.push(...(await discard(repo, repo.layout.upload(model.id, uploadId), model.id)));
    await removeEmptyDir(repo.layout.modelUploads(model.id));
    // No lock keeps a restore off, which takes its definition away for a moment.
    await readWhole(repo, async () => requireModel(repo, model));
    throw new Unsettled(repo);
  });
}
