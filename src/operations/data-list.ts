/** `data list`: the latest version of each artifact, of one model or of all; no lock. */
import { failpoint } from '../fs/failpoints.js';
import { findModel, listModels, type Model, problemText } from '../models/files.js';
import type { Repo } from '../repo.js';
import { artifactNames, byCodePoint, changesTooFast, findVersion, LOOKS, resolveName } from '../store/read.js';
import { readWhole } from '../store/restoring.js';
import { turns } from '../turns.js';
import { dataRecord } from './data-record.js';

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
}

/** The order in which groups are told; other types follow by name. */
const GROUP_ORDER = ['log', 'file', 'resource', 'data'];

/** Throws `model_not_found`, `corrupt`. What is deleted meanwhile is left out. */
export async function dataList(repo: Repo, input: DataListInput, options: { readonly signal?: AbortSignal } = {}): Promise<DataListResult> {
  return readWhole(repo, () => list(repo, input, options.signal));
}

async function list(repo: Repo, input: DataListInput, signal: AbortSignal | undefined): Promise<DataListResult> {
  const model = input.model === undefined ? undefined : await findModel(repo, input.model);
  const models = model === undefined ? await allModels(repo) : [model];
  const found: DataListItem[] = [];
  const pass = turns(signal);
  const most = input.limit ?? Number.POSITIVE_INFINITY;
  for (const one of models) {
    // One more than is told: that there is more.
    const limit = most + 1 - found.length;
    for (const item of await itemsOf(repo, one, { ...input, limit }, pass)) found.push(item);
    await failpoint('data-list.one-model');
  }
  const items = found.slice(0, most);
  const groups = grouped(items);
  return {
    ...(model === undefined ? {} : { modelId: model.id, modelName: model.name, modelType: model.type }),
    groups,
    total: items.length,
    more: found.length > most,
  };
}

/** Those whose definition has problems are told, not left out in silence. */
async function allModels(repo: Repo): Promise<readonly Model[]> {
  const { models, problems } = await listModels(repo);
  for (const problem of problems) repo.reporter.warn(problemText(problem));
  return models;
}

/** A name that went on as another one while the items were read, or came back, may be missing under both: then the model is listed again. */
async function itemsOf(repo: Repo, model: Model, input: DataListInput & { readonly limit: number }, pass: ReturnType<typeof turns>): Promise<DataListItem[]> {
  for (let look = 0; look < LOOKS; look++) {
    const items: DataListItem[] = [];
    let renamed = false;
    const names = wantedNames(repo, model, input);
    await failpoint('data-list.names');
    for (const name of names) {
      await pass();
      if (items.length >= input.limit) break;
      const item = latestItem(repo, model, name);
      if (item === undefined) renamed ||= (await resolveName(repo, model.id, name)) !== undefined;
      else if (input.type === undefined || item.type === input.type) items.push(item);
    }
    if (!renamed) return items;
  }
  throw changesTooFast(repo.layout.model(model.id));
}

function wantedNames(repo: Repo, model: Model, { prefix, after }: DataListInput): string[] {
  return artifactNames(repo, model.id).filter(
    (name) => (prefix === undefined || name.startsWith(prefix)) && (after === undefined || byCodePoint(name, after) > 0),
  );
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
