/** Data whose model is gone: not damage, but somebody should know. */
import { join } from 'node:path';
import { exists, readDir } from '../../fs/tree.js';
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
  /** Its data, or, when nothing but those is left, its tombstones. */
  readonly path: string;
  /** True when the model was deleted, and its data waits for the sweep. */
  readonly deleted: boolean;
}

/** Lists what has data before it asks which models there are: whoever writes data has a definition by then. */
export async function findOrphans(repo: Repo, knownModels: () => Promise<KnownModels>): Promise<Orphan[]> {
  const { layout } = repo;
  const found = new Map<string, string>();
  for (const parent of [layout.data, layout.tombstoneRoot]) {
    for (const modelId of (readDir(parent) ?? []).filter(isModelId)) {
      if (!found.has(modelId) && hasEntries(join(parent, modelId))) found.set(modelId, join(parent, modelId));
    }
  }
  const { ids, certain } = await knownModels();
  return [...found]
    .filter(([modelId]) => !ids.has(modelId))
    .map(([modelId, path]) => ({ modelId, path, deleted: exists(layout.deletedModel(modelId)) }))
    .filter(({ deleted }) => deleted || certain);
}

export async function lookAtOrphans(repo: Repo, knownModels: () => Promise<KnownModels>): Promise<Look> {
  const issues = (await findOrphans(repo, knownModels)).map(({ path, deleted }): Issue => {
    if (deleted) return { path, kind: 'deleted_model', message: 'is the data of a deleted model' };
    return { path, kind: 'orphan_model', message: 'is the data of a model that has no definition' };
  });
  return { issues, state: 'orphans' };
}
