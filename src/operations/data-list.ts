/** `data list`: the latest version of each artifact, of one model or of all; no lock. */
import { SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { failpoint } from '../fs/failpoints.js';
import { findModel, modelsOrWarn } from '../models/files.js';
import type { Repo } from '../repo.js';
import { byCodePoint } from '../store/read.js';
import type { DataRecord } from './data-record.js';
import { type FailedItem, latestRecords, typeOf } from './latest-records.js';
import { operation } from './operation.js';

export interface DataListInput {
  readonly model?: string;
  /** Only artifacts whose `type` tag is this. */
  readonly type?: string;
  readonly prefix?: string;
  readonly limit?: number;
  /** Only names after this one; without a model it is MODEL/NAME. */
  readonly after?: string;
}

export interface DataListItem {
  readonly id: string;
  readonly name: string;
  readonly modelId: string;
  readonly modelName: string;
  readonly version: number;
  readonly contentType: string;
  readonly type: string;
  readonly size: number;
  readonly createdAt: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface DataListResult {
  readonly modelId?: string;
  readonly modelName?: string;
  readonly modelType?: string;
  readonly groups: readonly { readonly type: string; readonly items: readonly DataListItem[] }[];
  readonly total: number;
  /** True: `limit` left some out. */
  readonly more: boolean;
  /** Where there is more: what `after` must be for the rest. */
  readonly next?: string;
  /** Artifacts that cannot be read, each with its error; whatever else there is was listed. */
  readonly failed: readonly FailedItem[];
}

/** The order in which groups are shown; other types follow by name. */
const GROUP_ORDER = ['log', 'file', 'resource', 'data'];

/** Throws `model_not_found`, and `corrupt` for a model whose artifacts cannot be listed. What is deleted meanwhile is left out. */
export const dataList = operation({ verb: 'data list', access: 'reads' }, list);

async function list(repo: Repo, input: DataListInput, { signal }: { readonly signal?: AbortSignal } = {}): Promise<DataListResult> {
  const model = input.model === undefined ? undefined : await findModel(repo, input.model);
  const from = model === undefined ? placeOf(input.after) : undefined;
  const models = model === undefined ? (await modelsOrWarn(repo)).filter(({ name }) => from === undefined || name >= from.modelName) : [model];
  const { prefix, type, limit: most = Number.POSITIVE_INFINITY } = input;
  const found: DataRecord[] = [];
  const failed: FailedItem[] = [];
  const pass = yielding(signal);
  for (const one of models) {
    const after = model === undefined ? (one.name === from?.modelName ? from.after : undefined) : input.after;
    // One more than is shown: then there is more.
    const limit = most + 1 - found.length;
    const keeps = (record: DataRecord): boolean => type === undefined || typeOf(record) === type;
    const listed = await latestRecords(repo, one, { limit, keeps, ...(prefix !== undefined && { prefix }), ...(after !== undefined && { after }) }, pass);
    for (const record of listed.records) found.push(record);
    for (const item of listed.failed) failed.push(item);
    await failpoint('data-list.one-model');
    if (found.length > most) break;
  }
  const items = found.slice(0, most).map(itemOf);
  const last = found.length > most ? items.at(-1) : undefined;
  return {
    ...(model === undefined ? {} : { modelId: model.id, modelName: model.name, modelType: model.type }),
    groups: grouped(items),
    total: items.length,
    more: found.length > most,
    ...(last !== undefined && { next: model === undefined ? `${last.modelName}/${last.name}` : last.name }),
    failed,
  };
}

function itemOf(record: DataRecord): DataListItem {
  const { id, name, modelId, modelName, version, contentType, size, createdAt, tags } = record;
  return { id, name, modelId, modelName, version, contentType, type: typeOf(record), size, createdAt, tags };
}

/** Where a listing goes on: behind an artifact of one model. */
interface Place {
  readonly modelName: string;
  readonly after: string;
}

/** Of all models the place is MODEL/NAME: two models may have the same names, and no model's name has a slash. */
function placeOf(after: string | undefined): Place | undefined {
  if (after === undefined) return undefined;
  const at = after.indexOf('/');
  if (at > 0) return { modelName: after.slice(0, at), after: after.slice(at + 1) };
  throw new SwampError('usage', `Without a model, --after must be MODEL/NAME, not ${JSON.stringify(after)}.`, {
    hint: 'Use the text that the listing before gave as "next", or name the model.',
  });
}

function grouped(items: readonly DataListItem[]): DataListResult['groups'] {
  const rank = (type: string): number => (GROUP_ORDER.includes(type) ? GROUP_ORDER.indexOf(type) : GROUP_ORDER.length);
  const types = [...new Set(items.map((item) => item.type))].sort((a, b) => rank(a) - rank(b) || byCodePoint(a, b));
  return types.map((type) => ({ type, items: items.filter((item) => item.type === type) }));
}
