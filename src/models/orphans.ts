/** Data whose model has no definition: not damage, but a person should know. */
import { join } from 'node:path';
import { isSystemError } from '../errors.js';
import { stateOf } from '../fs/identity.js';
import { readPlainFile } from '../fs/plain.js';
import { exists, readDir } from '../fs/tree.js';
import { FAMILIES } from '../layout/families.js';
import { isModelId } from '../layout/layout.js';
import { displayPath, type Repo } from '../repo.js';
import { hasEntries } from '../store/check/check.js';
import { MAX_DEFINITION_BYTES } from '../store/metadata.js';
import { modelsToRestore } from '../store/restoration.js';
import { MODEL_TYPES } from './definition.js';
import { surveyDefinitions } from './files.js';

export interface Orphan {
  readonly modelId: string;
  /** Its data, or, when nothing of that is left, the first other family of files. */
  readonly path: string;
}

export interface OrphanSurvey {
  readonly orphans: readonly Orphan[];
  /** Of these a file that cannot be read as a definition may be the definition (P7); `file`: relative to the repository. */
  readonly doubtful: readonly (Orphan & { readonly file: string })[];
}

/** Those that are certain. */
export async function findOrphans(repo: Repo): Promise<readonly Orphan[]> {
  return (await surveyOrphans(repo)).orphans;
}

/**
 * Lists what has data before it asks which models there are: a writer of data has a definition by then. A deleted model is not one:
 * its record says what becomes of its files.
 */
export async function surveyOrphans(repo: Repo): Promise<OrphanSurvey> {
  const { layout } = repo;
  const found = new Map<string, string>();
  for (const family of FAMILIES) {
    for (const modelId of (readDir(family.root(layout)) ?? []).filter(isModelId)) {
      const path = family.directory(layout, modelId);
      if (!found.has(modelId) && hasEntries(path)) found.set(modelId, path);
    }
  }
  if (found.size === 0) return { orphans: [], doubtful: [] };
  const { files, strays } = await surveyDefinitions(repo);
  // A model that is being restored gets its definition last.
  const known = new Set([...files.flatMap(({ model }) => model?.id ?? []), ...modelsToRestore(repo)]);
  const left = [...found].map(([modelId, path]) => ({ modelId, path })).filter(({ modelId }) => !known.has(modelId) && !exists(layout.deletedModel(modelId)));
  const unread = files.filter(({ model, deleted }) => model === undefined && !deleted).map(({ path }) => displayPath(repo, path));
  const texts = left.length === 0 ? [] : [...unread, ...strays.map(({ path }) => path)].map((file) => ({ file, text: textOf(join(repo.root, file)) }));
  const judged = left.map((orphan) => ({ orphan, doubt: texts.find(({ text }) => mayHold(text, orphan.modelId)) }));
  return {
    orphans: judged.flatMap(({ orphan, doubt }) => (doubt === undefined ? [orphan] : [])),
    doubtful: judged.flatMap(({ orphan, doubt }) => (doubt === undefined ? [] : [{ ...orphan, file: doubt.file }])),
  };
}

/** Undefined: it cannot be known. */
function textOf(path: string): string | undefined {
  try {
    const read = readPlainFile(path, MAX_DEFINITION_BYTES);
    return read === undefined ? '' : 'refused' in read ? undefined : read.bytes.toString('latin1');
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return undefined;
  }
}

/** An id is written as it is, or with escapes, which begin with a backslash. */
function mayHold(text: string | undefined, modelId: string): boolean {
  return text === undefined || text.includes(modelId) || text.includes('\\');
}

/** Another text when a definition has come, gone, or changed its name. */
export function stateOfDefinitions({ root }: Repo): string {
  const types = MODEL_TYPES.flatMap((type) => type.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/')));
  return ['', ...new Set(types)].map((type) => stateOf(join(root, 'models', type)) ?? '').join(' ');
}
