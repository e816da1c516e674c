/** `model get`: one definition. */
import { shellArguments } from '../models/definition.js';
import { findModel, type Model } from '../models/files.js';
import { displayPath, type Repo } from '../repo.js';
import type { Retention } from '../store/retention.js';
import { operation } from './operation.js';

export interface ModelGetResult {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly path: string;
  readonly description?: string;
  readonly tags: Readonly<Record<string, string>>;
  /** What data is kept that was stored without a rule of its own. */
  readonly retention?: Retention;
  readonly methods: Readonly<Record<string, { readonly arguments: ReturnType<typeof shellArguments> }>>;
}

/** Throws `model_not_found`, `model_invalid`. */
export const modelGet = operation({ verb: 'model get', access: 'reads' }, get);

async function get(repo: Repo, { model: reference }: { readonly model: string }): Promise<ModelGetResult> {
  return shownModel(repo, await findModel(repo, reference));
}

export function shownModel(repo: Repo, { id, name, type, path, description, tags, retention, methods }: Model): ModelGetResult {
  const shown = Object.fromEntries(Object.entries(methods).map(([key, method]) => [key, { arguments: shellArguments(method) }]));
  const optional = { ...(description === undefined ? {} : { description }), tags, ...(retention === undefined ? {} : { retention }) };
  return { id, name, type, path: displayPath(repo, path), ...optional, methods: shown };
}
