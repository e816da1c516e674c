/** The latest version of each artifact of a model, read without a lock and without a catalog: what every listing of many is made of. */
import { asSwampError, type ErrorCode } from '../errors.js';
import type { yielding } from '../event-loop.js';
import { failpoint } from '../fs/failpoints.js';
import type { Model } from '../models/files.js';
import type { Repo } from '../repo.js';
import { byCodePoint, changesTooFast, findVersion, isDamage, LOOKS, listArtifacts, resolveName, warnOfStray } from '../store/read.js';
import { type DataRecord, dataRecord } from './data-record.js';

/** An artifact that cannot be read; the others are listed. */
export interface FailedItem {
  readonly modelId: string;
  readonly modelName: string;
  /** Undefined where only the damaged record says it. */
  readonly name?: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface LatestRecords {
  /** By name. */
  readonly records: readonly DataRecord[];
  readonly failed: readonly FailedItem[];
}

export interface LatestQuery {
  readonly prefix?: string;
  /** Only names after this one. */
  readonly after?: string;
  readonly limit: number;
  keeps(record: DataRecord): boolean;
}

/**
 * A name that went on as another one while the records were read, or came back, may be missing under both: then the model is listed again.
 * Throws `corrupt` for a model whose artifacts cannot be listed.
 */
export async function latestRecords(repo: Repo, model: Model, wanted: LatestQuery, pass: ReturnType<typeof yielding>): Promise<LatestRecords> {
  for (let look = 0; look < LOOKS; look++) {
    const records: DataRecord[] = [];
    const { names, failed: unnamed, strays } = listArtifacts(repo, model.id);
    const failed = unnamed.map(({ error }) => failure(model, error));
    let renamed = false;
    await failpoint('data-list.names');
    for (const name of namesOf(names, wanted)) {
      await pass();
      if (records.length >= wanted.limit) break;
      try {
        const found = findVersion(repo, model.id, name);
        const record = found && dataRecord(repo, model, name, found);
        if (record === undefined) renamed ||= (await resolveName(repo, model.id, name)) !== undefined;
        else if (wanted.keeps(record)) records.push(record);
      } catch (error) {
        if (!isDamage(error)) throw error;
        failed.push({ ...failure(model, error), name });
      }
    }
    if (renamed) continue;
    for (const path of strays) warnOfStray(repo, path);
    return { records, failed };
  }
  throw changesTooFast(repo.layout.model(model.id));
}

/** What an artifact is filed under: its tag `type`. */
export function typeOf({ tags }: Pick<DataRecord, 'tags'>): string {
  return tags['type'] ?? 'data';
}

function failure(model: Model, error: unknown): FailedItem {
  const { code, message } = asSwampError(error);
  return { modelId: model.id, modelName: model.name, code, message };
}

function namesOf(names: readonly string[], { prefix, after }: LatestQuery): string[] {
  return names.filter((name) => (prefix === undefined || name.startsWith(prefix)) && (after === undefined || byCodePoint(name, after) > 0));
}
