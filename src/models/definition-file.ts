/** One definition file: opened without following links or waiting, read within limits, parsed, and gone when its model was deleted. */
import { isUtf8 } from 'node:buffer';
import { asSwampError, SwampError } from '../errors.js';
import { stateIn } from '../fs/identity.js';
import { readPlainFile } from '../fs/plain.js';
import { displayPath, type Repo } from '../repo.js';
import { isDeletedModel } from '../store/deleted.js';
import { isDefinitionLeft, readDeleted } from '../store/deletion.js';
import { MAX_DEFINITION_BYTES } from '../store/metadata.js';
import { type Definition, type ModelType, parseDefinition } from './definition.js';
import type { Problem } from './problem.js';

export const DELETED_HINT = 'A definition that reappears with the id of a deleted model needs a new id: write one into its "id:" line, or remove the file.';

/** A file that says, by its path, which definition it holds; not opened yet. */
export interface DefinitionFile {
  readonly name: string;
  readonly type: ModelType;
  /** Absolute. */
  readonly path: string;
}

/** What one file turned out to hold. */
export type Content =
  /** `seen`: the state of the file that was read (stateOf). */
  | {
      readonly kind: 'valid';
      readonly definition: Definition;
      readonly text: string;
      readonly seen: string;
      readonly problems: readonly [];
      /** Of no matter to any command but `model validate`. */
      readonly misnamed?: Problem;
    }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] }
  | DeletedContent;

export interface DeletedContent {
  readonly kind: 'deleted';
  readonly id: string;
  /** None for the very file that was deleted: it is on its way out. */
  readonly problems: readonly Problem[];
}

/** As readDefinition, but what the system does not let us read is a problem of that file: a listing goes on. */
export function readOrTell(repo: Repo, file: DefinitionFile): Content | undefined {
  try {
    return readDefinition(repo, file);
  } catch (error) {
    const { code, message, hint } = asSwampError(error);
    if (code !== 'io') throw error;
    return { kind: 'invalid', problems: [{ path: displayPath(repo, file.path), message, ...(hint === undefined ? {} : { hint }) }] };
  }
}

/** Undefined: the file is gone, or cannot hold `wanted`, an id. Throws when the system does not let it be read. */
export function readDefinition(repo: Repo, file: DefinitionFile, wanted?: string): Content | undefined {
  const path = displayPath(repo, file.path);
  const read = readYamlText(file.path);
  if (read === undefined) return undefined;
  if (read.text === undefined)
    return wanted === undefined
      ? { kind: 'invalid', problems: [{ path, message: read.refused, hint: 'Put the definition there as a plain UTF-8 file.' }] }
      : undefined;
  const { text, seen } = read;
  // An id is written as it is, or with escapes, which begin with a backslash.
  if (wanted !== undefined && !text.includes(wanted) && !text.includes('\\')) return undefined;
  const parsed = parseDefinition(text, path, file);
  if ('problems' in parsed) return wanted === undefined || text.includes(wanted) ? { kind: 'invalid', problems: parsed.problems } : undefined;
  const { definition, misnamed } = parsed;
  repo.names.set(definition.id, file.name);
  if (!isDeletedModel(repo, definition.id)) return { kind: 'valid', definition, text, seen, problems: [], ...(misnamed === undefined ? {} : { misnamed }) };
  const reappeared = { path, message: `the id ${definition.id} belongs to a deleted model`, hint: DELETED_HINT };
  return { kind: 'deleted', id: definition.id, problems: isLeft(repo, definition.id, path) ? [] : [reappeared] };
}

/** True for the very file that was deleted, which is on its way out; false for one that came back. */
export function isLeaving({ problems }: DeletedContent): boolean {
  return problems.length === 0;
}

export function deletedHint(content: DeletedContent): string {
  return isLeaving(content) ? 'The next "swamp datastore sweep" removes what is left of it.' : DELETED_HINT;
}

/** A record that cannot be read does not say. */
function isLeft(repo: Repo, id: string, path: string): boolean {
  try {
    const record = readDeleted(repo, id);
    return record !== undefined && record.definitionPath === path && isDefinitionLeft(repo, record);
  } catch (error) {
    if (error instanceof SwampError && error.code === 'corrupt') return false;
    throw error;
  }
}

/** The text of a plain file, and the state it had then, or why it is refused; undefined when it is gone. */
function readYamlText(path: string): { readonly text: string; readonly seen: string } | { readonly text?: undefined; readonly refused: string } | undefined {
  const read = readPlainFile(path, MAX_DEFINITION_BYTES);
  if (read === undefined) return undefined;
  if ('refused' in read) return { refused: read.message };
  return isUtf8(read.bytes) ? { text: read.bytes.toString(), seen: stateIn(read.status) } : { refused: 'is not valid UTF-8' };
}
