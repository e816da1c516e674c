/** Data whose model is gone: not damage, but somebody should know. */
import { exists, readDir } from '../../fs/tree.js';
import { FAMILIES } from '../../layout/families.js';
import { isModelId } from '../../layout/layout.js';
import type { Repo } from '../../repo.js';
import { hasEntries } from './check.js';
import type { Look } from './checker.js';
import type { Issue } from './kinds.js';

/** The models that have a definition. */
export interface KnownModels {
  readonly ids: ReadonlySet<string>;
  /** False when a definition cannot be read: any id may be its own (P7). */
  readonly certain: boolean;
}

export interface Orphan {
  readonly modelId: string;
  /** Its data, or, when nothing of that is left, the first other family of files. */
  readonly path: string;
}

/** Lists what has data before it asks which models there are: whoever writes data has a definition by then. Deleted models are told of by their record. */
export async function findOrphans(repo: Repo, knownModels: () => Promise<KnownModels>): Promise<Orphan[]> {
  const { layout } = repo;
  const found = new Map<string, string>();
  for (const family of FAMILIES) {
    for (const modelId of (readDir(family.root(layout)) ?? []).filter(isModelId)) {
      const path = family.directory(layout, modelId);
      if (!found.has(modelId) && hasEntries(path)) found.set(modelId, path);
    }
  }
  const { ids, certain } = await knownModels();
  const orphans = certain ? [...found].filter(([modelId]) => !ids.has(modelId) && !exists(layout.deletedModel(modelId))) : [];
  return orphans.map(([modelId, path]) => ({ modelId, path }));
}

export async function lookAtOrphans(repo: Repo, knownModels: () => Promise<KnownModels>): Promise<Look> {
  const orphans = await findOrphans(repo, knownModels);
  return { issues: orphans.map(({ path }): Issue => ({ path, kind: 'orphan_model', message: 'belongs to a model that has no definition' })), state: 'orphans' };
}
