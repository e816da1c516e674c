/** `model get`: one definition. */
import { shellArguments } from '../models/definition.js';
import { findModel } from '../models/files.js';
import { displayPath, type Repo } from '../repo.js';
import { operation } from './operation.js';

export interface ModelGetResult {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly path: string;
  readonly description?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly methods: Readonly<Record<string, { readonly arguments: ReturnType<typeof shellArguments> }>>;
}

/** Throws `model_not_found`, `model_invalid`. */
export const modelGet = operation({ verb: 'model get', access: 'reads' }, get);

async function get(repo: Repo, { model: reference }: { readonly model: string }): Promise<ModelGetResult> {
  const { id, name, type, path, description, tags, methods } = await findModel(repo, reference);
  const shown = Object.fromEntries(Object.entries(methods).map(([key, method]) => [key, { arguments: shellArguments(method) }]));
  return { id, name, type, path: displayPath(repo, path), ...(description === undefined ? {} : { description }), tags, methods: shown };
}
