/** `data rename`: structural; the artifact goes on under its new name, and the old one leads readers there. */
import { SwampError } from '../errors.js';
import { checkArtifactName } from '../layout/names.js';
import type { Lease } from '../locks/lease.js';
import { findModel } from '../models/files.js';
import { restructureModel } from '../protocol/restructure.js';
import type { Repo } from '../repo.js';
import { renameArtifact } from '../store/remove.js';
import { requireModel } from './data-put.js';
import { operation } from './operation.js';

export interface DataRenameResult {
  readonly oldName: string;
  readonly newName: string;
  readonly modelId: string;
  readonly modelName: string;
  /** The latest version under the old name; all versions come along under their numbers. */
  readonly copiedVersion: number;
  readonly newVersion: number;
}

/** Throws `data_not_found`, `conflict` when the new name exists, `name_invalid`, `usage` for a rename onto itself. */
export const dataRename = operation({ verb: 'data rename', access: 'writes', about: ({ model, oldName }) => `${model} ${oldName}` }, rename);

async function rename(
  repo: Repo,
  { model: reference, oldName, newName }: { readonly model: string; readonly oldName: string; readonly newName: string },
  { signal }: { readonly signal: AbortSignal },
): Promise<DataRenameResult> {
  checkArtifactName(oldName);
  checkArtifactName(newName);
  if (oldName === newName) throw new SwampError('usage', 'The old and the new name are the same.', { hint: 'Name another one.' });
  const model = await findModel(repo, reference);
  const commit = async (writer: Lease): Promise<{ readonly version: number }> => {
    requireModel(repo, model);
    return renameArtifact(writer, oldName, newName);
  };
  const { version } = await restructureModel(repo, model.id, commit, { signal });
  return { oldName, newName, modelId: model.id, modelName: model.name, copiedVersion: version, newVersion: version };
}
