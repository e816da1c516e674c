/** The unfinished uploads of a model, as a snapshot lists them; and how a directory is listed that may be damaged. */
import { join } from 'node:path';
import { exists, listStore } from '../../fs/tree.js';
import { PARTS } from '../../layout/layout.js';
import type { Repo } from '../../repo.js';
import { parseUploadEntry, SUMS, uploadsOf } from '../../store/uploads/place.js';
import { readUploadRecord, UPLOAD_RECORD } from '../../store/uploads/record.js';
import { damageOr } from './damage.js';
import { type Damage, damaged, directoryIdentity, type ListedUpload } from './listed.js';

export interface Uploads {
  readonly listed: readonly ListedUpload[];
  readonly damaged: readonly Damage[];
  readonly strays: readonly string[];
}

export const NO_UPLOADS: Uploads = Object.freeze({ listed: [], damaged: [], strays: [] });

/** They come and go without the data fence, and parts are sent without a lock: one that is sent again after the listing is as it was, or as it is then. */
export function uploadsToSave(repo: Repo, modelId: string): Uploads {
  const broken: Damage[] = [];
  const tell = (name: string | null, error: unknown): void => {
    broken.push({ modelId, name, version: null, error: damageOr(repo, error) });
  };
  const listed = standingUploads(repo, modelId, (error) => tell(null, error)).flatMap(({ id, dir }): ListedUpload[] => {
    try {
      const record = readUploadRecord(dir);
      const identity = directoryIdentity(join(dir, PARTS));
      if (record !== undefined && identity !== undefined)
        return [{ id, dir, identity, record, parts: listStore(join(dir, PARTS)) ?? [], sums: listStore(join(dir, SUMS)) ?? [] }];
      // One that is completed or aborted leaves as a whole.
      if (exists(dir)) throw damaged(dir, `${record === undefined ? UPLOAD_RECORD : PARTS} is missing`);
    } catch (error) {
      tell(id, error);
    }
    return [];
  });
  const place = repo.layout.modelUploads(modelId);
  const strays = namesIn(place, () => undefined).filter((name) => parseUploadEntry(repo, modelId, name) === undefined);
  return { listed, damaged: broken, strays: strays.map((name) => join(place, name)) };
}

/** As `listStore`, and nothing where that cannot be read: `tell` is given the error. */
export function namesIn(dir: string, tell: (error: unknown) => void): readonly string[] {
  return orTold(() => listStore(dir), tell) ?? [];
}

export function standingUploads(repo: Repo, modelId: string, tell: (error: unknown) => void): ReturnType<typeof uploadsOf> {
  return orTold(() => uploadsOf(repo, modelId), tell) ?? [];
}

function orTold<T>(read: () => T, tell: (error: unknown) => void): T | undefined {
  try {
    return read();
  } catch (error) {
    tell(error);
    return undefined;
  }
}
