/** Data whose model has no definition: not damage, but a person should know. */
import { exists, readDir } from '../fs/tree.js';
import { FAMILIES } from '../layout/families.js';
import { isModelId } from '../layout/layout.js';
import type { Repo } from '../repo.js';
import { hasEntries } from '../store/check/check.js';
import { modelsToRestore } from '../store/restoration.js';
import { surveyDefinitions } from './files.js';

export interface Orphan {
  readonly modelId: string;
  /** Its data, or, when nothing of that is left, the first other family of files. */
  readonly path: string;
}

/**
 * Lists what has data before it asks which models there are: a writer of data has a definition by then. A deleted model is not one:
 * its record says what becomes of its files. None while a definition cannot be read: any id may be its own (P7).
 */
export async function findOrphans(repo: Repo): Promise<Orphan[]> {
  const { layout } = repo;
  const found = new Map<string, string>();
  for (const family of FAMILIES) {
    for (const modelId of (readDir(family.root(layout)) ?? []).filter(isModelId)) {
      const path = family.directory(layout, modelId);
      if (!found.has(modelId) && hasEntries(path)) found.set(modelId, path);
    }
  }
  if (found.size === 0) return [];
  const known = await knownModels(repo);
  return [...found]
    .filter(([modelId]) => known !== undefined && !known.has(modelId) && !exists(layout.deletedModel(modelId)))
    .map(([modelId, path]) => ({ modelId, path }));
}

/** The ids that have a definition; a model that is being restored gets its own last. Undefined while a file may be that of any model. */
async function knownModels(repo: Repo): Promise<ReadonlySet<string> | undefined> {
  const { files, strays } = await surveyDefinitions(repo);
  const isCertain = strays.length === 0 && files.every(({ model, deleted }) => model !== undefined || deleted);
  return isCertain ? new Set([...files.flatMap(({ model }) => model?.id ?? []), ...modelsToRestore(repo)]) : undefined;
}
