/** `data upload list`: the unfinished uploads, those of one model or all; no lock. */
import { SwampError } from '../errors.js';
import { exists } from '../fs/tree.js';
import { findModel, listModels } from '../models/files.js';
import type { Repo } from '../repo.js';
import { byCodePoint } from '../store/read.js';
import { partsIn } from '../store/uploads/parts.js';
import { modelsWithUploads, uploadsOf } from '../store/uploads/place.js';
import { readUploadRecord, type UploadRecord } from '../store/uploads/record.js';
import { operation } from './operation.js';

export interface UploadItem {
  readonly uploadId: string;
  /** The id, when the model has no definition. */
  readonly modelName: string;
  readonly name: string;
  /** How many there are now. */
  readonly parts: number;
  readonly bytes: number;
  readonly createdAt: string;
}

export interface UploadListResult {
  /** The oldest first. */
  readonly uploads: readonly UploadItem[];
}

/** One that is being completed is listed until it is a version. Throws `model_not_found`. */
export const uploadList = operation({ verb: 'data upload list', access: 'reads' }, listUploads);

/** As it is, also while a restore is being carried out. */
export async function listUploads(repo: Repo, { model: reference }: { readonly model?: string } = {}): Promise<UploadListResult> {
  const one = reference === undefined ? undefined : await findModel(repo, reference);
  const models = one === undefined ? (await listModels(repo)).models : [one];
  const names = new Map(models.map(({ id, name }) => [id, name]));
  const ids = one === undefined ? modelsWithUploads(repo) : [one.id];
  const uploads = ids.flatMap((id) => itemsOf(repo, id, names.get(id) ?? id));
  return { uploads: uploads.sort((a, b) => byCodePoint(a.createdAt, b.createdAt) || byCodePoint(a.uploadId, b.uploadId)) };
}

function itemsOf(repo: Repo, modelId: string, modelName: string): UploadItem[] {
  const ids = new Set(uploadsOf(repo, modelId).map(({ id }) => id));
  return [...ids].flatMap((id) => itemOf(repo, modelId, id, modelName) ?? []);
}

/** It may be moved aside, and put back, between two looks: looked for until it is read or gone. */
function itemOf(repo: Repo, modelId: string, id: string, modelName: string): UploadItem | undefined {
  for (;;) {
    const standing = uploadsOf(repo, modelId).find((one) => one.id === id);
    if (standing === undefined) return undefined;
    const seen = look(standing.dir);
    if (seen === undefined) {
      if (!exists(standing.dir)) continue;
      // One that was moved aside may have given its parts away at this moment.
      if (standing.holder === undefined)
        repo.reporter.warn(`The upload ${id} is damaged and is left out. "swamp datastore check" says more.`, { topic: 'data', upload: id });
      return undefined;
    }
    const { record, parts } = seen;
    const bytes = parts.reduce((sum, { size }) => sum + size, 0);
    return { uploadId: id, modelName, name: record.name, parts: parts.length, bytes, createdAt: record.createdAt };
  }
}

/** Undefined for one that has gone, or is damaged: that does not keep the others from being listed. */
function look(dir: string): { readonly record: UploadRecord; readonly parts: readonly { readonly size: number }[] } | undefined {
  try {
    const record = readUploadRecord(dir);
    const parts = partsIn(dir);
    return record === undefined || parts === undefined ? undefined : { record, parts };
  } catch (error) {
    if (!(error instanceof SwampError)) throw error;
    return undefined;
  }
}
