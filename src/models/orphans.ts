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
  const candidates =
    left.length === 0 ? [] : [...unread.map((file) => ({ file, isDefinition: true })), ...strays.map(({ path: file }) => ({ file, isDefinition: false }))];
  const texts = candidates.map((one) => ({ ...one, text: textOf(join(repo.root, one.file)) }));
  const judged = left.map((orphan) => ({ orphan, doubt: texts.find((one) => mayDefine(one, orphan.modelId)) }));
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

interface Unread {
  readonly text: string | undefined;
  /** It has the place of a definition: cut short or overwritten, it may have been that of any model. */
  readonly isDefinition: boolean;
}

/** An id is written as it is, or with escapes, which begin with a backslash. */
function mayDefine({ text, isDefinition }: Unread, modelId: string): boolean {
  if (text === undefined || text.includes(modelId) || text.includes('\\')) return true;
  return isDefinition && !ID.test(text);
}

const ID = /^id:\s*["']?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/im;

/** Another text when a definition has come, gone, or changed its name. */
export function stateOfDefinitions({ root }: Repo): string {
  const types = MODEL_TYPES.flatMap((type) => type.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/')));
  return ['', ...new Set(types)].map((type) => stateOf(join(root, 'models', type)) ?? '').join(' ');
}
