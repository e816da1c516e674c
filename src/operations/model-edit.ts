/** `model edit`: another text of a definition, validated before it replaces the one that was read, and never in place of a third one. */
import { SwampError } from '../errors.js';
import type { Lease } from '../locks/lease.js';
import { parseDefinition } from '../models/definition.js';
import { DELETED_HINT } from '../models/definition-file.js';
import { definitionFiles, findModel, listModels, type Model, otherNames, problemText } from '../models/files.js';
import type { Problem } from '../models/problem.js';
import { withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import { displayPath, type Repo } from '../repo.js';
import { requireHeld, syncCommit } from '../store/commit.js';
import { hasText, replaceText, textAt } from '../store/definition-text.js';
import { isDeletedModel } from '../store/deleted.js';
import { type ModelGetResult, shownModel } from './model-get.js';
import { operation } from './operation.js';

export interface ModelEditInput {
  /** Name or id; of a definition that has problems, the name. */
  readonly model: string;
  /** The whole new text, as YAML. */
  readonly text?: string;
}

/** A text that is edited. */
export interface Draft {
  readonly name: string;
  /** What there is now. */
  readonly text: string;
  /** What keeps a text from being the definition; nothing: it may. */
  problemsOf(text: string): Promise<readonly Problem[]>;
}

export interface ModelEditOptions {
  readonly signal: AbortSignal;
  /** In place of `text`: called once, without a lock; how long it takes is nobody's loss. */
  readonly edit?: (draft: Draft) => Promise<string>;
}

/** A definition as it was read; without an id where it has problems. */
interface Edited {
  readonly name: string;
  readonly type: Model['type'];
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  readonly id?: string;
}

/** Throws `model_invalid` for a text with problems, `conflict` when the definition changed meanwhile, `model_not_found`, `lock_timeout`. Nothing is changed then. */
export const modelEdit = operation({ verb: 'model edit', access: 'writes', about: ({ model }) => model }, editModel);

async function editModel(repo: Repo, { model: reference, text: given }: ModelEditInput, { signal, edit }: ModelEditOptions): Promise<ModelGetResult> {
  const file = await toEdit(repo, reference);
  const problemsOf = (text: string): Promise<readonly Problem[]> => problemsIn(repo, file, text);
  const text = given ?? (await edit?.({ name: file.name, text: file.text, problemsOf }));
  if (text === undefined) throw new SwampError('usage', 'A text is missing.', { hint: 'Give the whole definition.' });
  requireValid(repo, file, await problemsOf(text));
  const parsed = parseDefinition(text, file.path, file);
  if (!('definition' in parsed)) throw new TypeError('a valid text has a definition');
  const { definition } = parsed;
  const commit = async (writer: Lease): Promise<void> => {
    await replace(repo, file, text, () => requireHeld(writer));
    // P6: also where nothing passed through the fence, its epoch does not go back.
    await syncCommit(writer, []);
  };
  await withSession(repo, (session) => write(repo, definition.id, commit, { session, signal }));
  return shownModel(repo, { ...definition, path: file.path, text, seen: '' });
}

async function replace(repo: Repo, file: Edited, text: string, stillHeld: () => void): Promise<void> {
  const { path, name, id } = file;
  // By this very command, which had lost its lock and has it again; or there was nothing to change.
  if (hasText(path, text)) return;
  if (id !== undefined && isDeletedModel(repo, id)) throw changed(name, 'was deleted');
  requireOneName(repo, file);
  if (!(await replaceText(repo, { path: displayPath(repo, path), text }, file.text, stillHeld))) throw changed(name, 'changed');
}

function changed(name: string, how: string): SwampError {
  return new SwampError('conflict', `The definition of "${name}" ${how} meanwhile; nothing was replaced.`, {
    hint: `See it with "swamp model get ${name}", and edit again.`,
    data: { model: name },
  });
}

/** Throws `conflict` where the file has a second name: to replace it under one of them would make two definitions of one id. */
export function requireOneName(repo: Repo, { name, path }: { readonly name: string; readonly path: string }): void {
  const [other] = otherNames(repo, path);
  if (other === undefined) return;
  throw new SwampError('conflict', `A rename of "${name}" was interrupted: its definition has a second name, "${other.name}".`, {
    hint: `Finish it with "swamp model rename", then run the command again.`,
    data: { model: name, other: other.name },
  });
}

async function toEdit(repo: Repo, reference: string): Promise<Edited> {
  try {
    const { id, name, type, path, text } = await findModel(repo, reference);
    return { id, name, type, path, text };
  } catch (error) {
    // To correct it is what the command is for.
    if (!(error instanceof SwampError) || error.code !== 'model_invalid') throw error;
    const [file, ...more] = definitionFiles(repo).files.filter(({ name }) => name === reference);
    const text = file === undefined ? undefined : textAt(file.path);
    if (file === undefined || text === undefined || more.length > 0) throw error;
    return { ...file, text };
  }
}

async function problemsIn(repo: Repo, file: Edited, text: string): Promise<readonly Problem[]> {
  const path = displayPath(repo, file.path);
  const parsed = parseDefinition(text, path, file);
  if ('problems' in parsed) return parsed.problems;
  const { definition, misnamed } = parsed;
  if (misnamed !== undefined) return [misnamed];
  const { id } = definition;
  if (file.id !== undefined)
    return id === file.id ? [] : [{ path, message: `the id was ${file.id}`, hint: 'Leave it: the data of the model is filed under it.' }];
  if (isDeletedModel(repo, id)) return [{ path, message: `the id ${id} belongs to a deleted model`, hint: DELETED_HINT }];
  const other = (await listModels(repo)).models.find((model) => model.id === id && model.path !== file.path);
  return other === undefined
    ? []
    : [{ path, message: `"${other.name}" has the same id`, hint: 'A copied definition needs a new id: both would own the same data.' }];
}

function requireValid(repo: Repo, { name, path }: Edited, problems: readonly Problem[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  throw new SwampError('model_invalid', `${problemText(first)}${more}. ${displayPath(repo, path)} was not changed.`, {
    hint: first.hint ?? 'Correct the text, and give it again.',
    data: { model: name, problems },
  });
}
