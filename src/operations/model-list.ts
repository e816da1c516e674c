/** `model list` and `model search`: every definition; those with problems are reported, not left out in silence. */
import { modelsOrWarn } from '../models/files.js';
import { displayPath, type Repo } from '../repo.js';
import { operation } from './operation.js';

export interface ModelListResult {
  readonly models: readonly {
    readonly id: string;
    readonly name: string;
    readonly type: string;
    readonly path: string;
    readonly tags: Readonly<Record<string, string>>;
  }[];
  readonly total: number;
}

/** With `text`: only models whose name, type, id, description or tags have it, case aside. */
export const modelList = operation({ verb: 'model list', access: 'reads' }, list);

async function list(repo: Repo, { text }: { readonly text?: string } = {}): Promise<ModelListResult> {
  const models = await modelsOrWarn(repo);
  const wanted = text?.toLowerCase() ?? '';
  const found = models.filter(({ id, name, type, description, tags }) =>
    [id, name, type, description ?? '', ...Object.entries(tags).map(([key, value]) => `${key}=${value}`)].some((word) => word.toLowerCase().includes(wanted)),
  );
  return { models: found.map(({ id, name, type, path, tags }) => ({ id, name, type, path: displayPath(repo, path), tags })), total: found.length };
}
