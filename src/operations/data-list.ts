/** `data list`: the latest version of each artifact, of one model or of all; no lock. */
import { asSwampError, type ErrorCode } from '../errors.js';
import { failpoint } from '../fs/failpoints.js';
import { findModel, type Model, modelsOrWarn } from '../models/files.js';
import type { Repo } from '../repo.js';
import { byCodePoint, changesTooFast, findVersion, isDamage, LOOKS, listArtifacts, resolveName, warnOfStray } from '../store/read.js';
import { turns } from '../turns.js';
import { dataRecord } from './data-record.js';
import { operation } from './operation.js';

export interface DataListInput {
  readonly model?: string;
  /** Only artifacts whose `type` tag is this. */
  readonly type?: string;
  readonly prefix?: string;
  readonly limit?: number;
  /** Only names after this one. */
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
  /** Artifacts that cannot be read, each with its error; whatever else there is was listed. */
  readonly failed: readonly FailedItem[];
}

export interface FailedItem {
  readonly modelId: string;
  readonly modelName: string;
  /** Undefined where only the damaged record says it. */
  readonly name?: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** The order in which groups are shown; other types follow by name. */
const GROUP_ORDER = ['log', 'file', 'resource', 'data'];

/** Throws `model_not_found`, and `corrupt` for a model whose artifacts cannot be listed. What is deleted meanwhile is left out. */
export const dataList = operation({ verb: 'data list', access: 'reads' }, list);

async function list(repo: Repo, input: DataListInput, { signal }: { readonly signal?: AbortSignal } = {}): Promise<DataListResult> {
  const model = input.model === undefined ? undefined : await findModel(repo, input.model);
  const models = model === undefined ? await modelsOrWarn(repo) : [model];
  const found: DataListItem[] = [];
  const failed: FailedItem[] = [];
  const pass = turns(signal);
  const most = input.limit ?? Number.POSITIVE_INFINITY;
  for (const one of models) {
    // One more than is shown: then there is more.
    const limit = most + 1 - found.length;
    const listed = await itemsOf(repo, one, { ...input, limit }, pass);
    for (const item of listed.items) found.push(item);
    for (const item of listed.failed) failed.push(item);
    await failpoint('data-list.one-model');
  }
  const items = found.slice(0, most);
  const groups = grouped(items);
  return {
    ...(model === undefined ? {} : { modelId: model.id, modelName: model.name, modelType: model.type }),
    groups,
    total: items.length,
    more: found.length > most,
    failed,
  };
}

/** A name that went on as another one while the items were read, or came back, may be missing under both: then the model is listed again. */
async function itemsOf(
  repo: Repo,
  model: Model,
  input: DataListInput & { readonly limit: number },
  pass: ReturnType<typeof turns>,
): Promise<{ readonly items: readonly DataListItem[]; readonly failed: readonly FailedItem[] }> {
  for (let look = 0; look < LOOKS; look++) {
    const items: DataListItem[] = [];
    const { names, failed: unnamed, strays } = listArtifacts(repo, model.id);
    const failed = unnamed.map(({ error }) => failure(model, error));
    let renamed = false;
    await failpoint('data-list.names');
    for (const name of wanted(names, input)) {
      await pass();
      if (items.length >= input.limit) break;
      let item: DataListItem | undefined;
      try {
        item = latestItem(repo, model, name);
      } catch (error) {
        if (!isDamage(error)) throw error;
        failed.push({ ...failure(model, error), name });
        continue;
      }
      if (item === undefined) renamed ||= (await resolveName(repo, model.id, name)) !== undefined;
      else if (input.type === undefined || item.type === input.type) items.push(item);
    }
    if (renamed) continue;
    for (const path of strays) warnOfStray(repo, path);
    return { items, failed };
  }
  throw changesTooFast(repo.layout.model(model.id));
}

function failure(model: Model, error: unknown): FailedItem {
  const { code, message } = asSwampError(error);
  return { modelId: model.id, modelName: model.name, code, message };
}

function wanted(names: readonly string[], { prefix, after }: DataListInput): string[] {
  return names.filter((name) => (prefix === undefined || name.startsWith(prefix)) && (after === undefined || byCodePoint(name, after) > 0));
}

function latestItem(repo: Repo, model: Model, name: string): DataListItem | undefined {
  const found = findVersion(repo, model.id, name);
  if (found === undefined) return undefined;
  const { id, version, contentType, size, createdAt, tags } = dataRecord(repo, model, name, found);
  return { id, name, modelId: model.id, modelName: model.name, version, contentType, type: tags['type'] ?? 'data', size, createdAt, tags };
}

function grouped(items: readonly DataListItem[]): DataListResult['groups'] {
  const rank = (type: string): number => (GROUP_ORDER.includes(type) ? GROUP_ORDER.indexOf(type) : GROUP_ORDER.length);
  const types = [...new Set(items.map((item) => item.type))].sort((a, b) => rank(a) - rank(b) || byCodePoint(a, b));
  return types.map((type) => ({ type, items: items.filter((item) => item.type === type) }));
}
