/** `data search`: the latest versions, of all models or one, that have a text and pass every filter; no lock, no catalog. */
import { SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { failpoint } from '../fs/failpoints.js';
import { findModel, modelsOrWarn } from '../models/files.js';
import type { Repo } from '../repo.js';
import { parseAge } from '../store/lifetimes.js';
import type { DataRecord } from './data-record.js';
import { type FailedItem, latestRecords, typeOf } from './latest-records.js';
import { operation } from './operation.js';

export interface DataSearchInput {
  /** Case aside, in the name, the name of the model, the type, the content type, or a tag as `key=value`. */
  readonly text?: string;
  readonly model?: string;
  /** Each of these tags, with this value. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Its tag `type`. */
  readonly type?: string;
  /** A media type, with its parameters or without. */
  readonly contentType?: string;
  readonly lifetime?: string;
  /** Written then or later: an age, as `2h`, or a time, as `2026-11-20T18:31:16Z`. */
  readonly since?: string;
  /** `manual` or `model-method`. */
  readonly ownerType?: string;
  readonly limit?: number;
}

export interface DataSearchItem {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly contentType: string;
  readonly type: string;
  readonly lifetime: string;
  readonly ownerType: string;
  readonly ownerRef: string;
  readonly modelId: string;
  readonly modelName: string;
  readonly modelType: string;
  readonly size: number;
  readonly createdAt: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface DataSearchResult {
  /** The text that was looked for; empty for none. */
  readonly query: string;
  /** The filters that were given. */
  readonly filters: Omit<DataSearchInput, 'text' | 'limit'>;
  /** By model, then by name. */
  readonly results: readonly DataSearchItem[];
  readonly total: number;
  /** True: `limit` left some out. */
  readonly limited: boolean;
  /** Artifacts that cannot be read, each with its error. */
  readonly failed: readonly FailedItem[];
}

/** Throws `model_not_found`, `usage` for a `since` that is not a time, and `corrupt` for a model whose artifacts cannot be listed. */
export const dataSearch = operation({ verb: 'data search', access: 'reads' }, search);

async function search(repo: Repo, input: DataSearchInput = {}, { signal }: { readonly signal?: AbortSignal } = {}): Promise<DataSearchResult> {
  const { text = '', limit: most = Number.POSITIVE_INFINITY, ...filters } = input;
  const keeps = filterOf(input);
  const models = input.model === undefined ? await modelsOrWarn(repo) : [await findModel(repo, input.model)];
  const found: DataRecord[] = [];
  const failed: FailedItem[] = [];
  const pass = yielding(signal);
  for (const model of models) {
    // One more than is shown: then it is limited.
    const listed = await latestRecords(repo, model, { limit: most + 1 - found.length, keeps }, pass);
    for (const record of listed.records) found.push(record);
    for (const item of listed.failed) failed.push(item);
    await failpoint('data-search.one-model');
    if (found.length > most) break;
  }
  const results = found.slice(0, most).map(itemOf);
  return { query: text, filters, results, total: results.length, limited: found.length > most, failed };
}

/** Whether a record passes all of it. Throws `usage`. */
function filterOf({ text = '', tags = {}, type, contentType, lifetime, since, ownerType }: DataSearchInput): (record: DataRecord) => boolean {
  const from = since === undefined ? Number.NEGATIVE_INFINITY : parseSince(since);
  const looked = text.toLowerCase();
  return (record) =>
    hasText(record, looked) &&
    Object.entries(tags).every(([key, value]) => Object.hasOwn(record.tags, key) && record.tags[key] === value) &&
    isOrUnasked(type, typeOf(record)) &&
    (isOrUnasked(contentType, record.contentType) || contentType === record.contentType.split(';')[0]?.trim()) &&
    isOrUnasked(lifetime, record.lifetime) &&
    isOrUnasked(ownerType, record.ownerDefinition.ownerType) &&
    Date.parse(record.createdAt) >= from;
}

function isOrUnasked(asked: string | undefined, value: string): boolean {
  return asked === undefined || asked === value;
}

function hasText(record: DataRecord, text: string): boolean {
  const { name, modelName, contentType, tags } = record;
  const words = [name, modelName, typeOf(record), contentType, ...Object.entries(tags).map(([key, value]) => `${key}=${value}`)];
  return words.some((word) => word.toLowerCase().includes(text));
}

const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$/;

/** The time that is meant: milliseconds. Throws `usage`. */
function parseSince(text: string): number {
  const ageMs = parseAge(text);
  if (ageMs !== undefined) return Date.now() - ageMs;
  const time = TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new SwampError('usage', `--since must be an age or a time, not ${JSON.stringify(text)}.`, {
    hint: 'Examples: --since 2h, --since 7d, --since 2026-11-20, --since 2026-11-20T18:31:16Z',
  });
}

function itemOf(record: DataRecord): DataSearchItem {
  const { id, name, version, contentType, lifetime, modelId, modelName, modelType, size, createdAt, tags, ownerDefinition } = record;
  const { ownerType, ownerRef } = ownerDefinition;
  return { id, name, version, contentType, type: typeOf(record), lifetime, ownerType, ownerRef, modelId, modelName, modelType, size, createdAt, tags };
}
