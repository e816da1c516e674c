/**
 * Definitions on disk: `models/<type>/<name>.yaml`, found by name without listing, listed without following links.
 * A definition whose id was deleted counts as gone.
 */
import type { Dirent } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { SwampError } from '../errors.js';
import { identityIn, stateOf, statusOf } from '../fs/identity.js';
import { exists, readDir, readDirTypes } from '../fs/tree.js';
import { GLOBAL, isModelId } from '../layout/layout.js';
import { Stillness } from '../locks/stillness.js';
import { displayPath, type Repo } from '../repo.js';
import { isStagedName, requireUnlinked } from '../store/definition-text.js';
import { isDeletedModel } from '../store/deleted.js';
import { readWhole } from '../store/restoring.js';
import { checkModelName, type Definition, isModelName, isModelType, MODEL_TYPES, type ModelType, NAME_HINT, typeHint } from './definition.js';
import { type Content, DELETED_HINT, type DefinitionFile, deletedHint, readDefinition, readOrTell } from './definition-file.js';
import type { Problem } from './problem.js';
import { nearest } from './suggest.js';

const DIRECTORY = 'models';
const SUFFIX = '.yaml';

/** A definition, and the file it is in. */
export interface Model extends Definition {
  /** Absolute. */
  readonly path: string;
  /** What was in the file when it was read. */
  readonly text: string;
  /** The state of the file when it was read: while it has this one, it still holds this model. */
  readonly seen: string;
}

/** A definition file that was read. A model can have problems too: then it shares its name or id with another one. */
export interface SurveyedFile extends DefinitionFile {
  readonly model: Model | undefined;
  /** True: the file is there, but its model was deleted, and counts as gone. */
  readonly deleted: boolean;
  readonly problems: readonly Problem[];
  /** Of no matter to any command but `model validate`. */
  readonly misnamed?: Problem;
}

/** A second name of the file `first`: a rename of the model is under way, or was interrupted. */
export interface SecondName {
  readonly modelId: string;
  readonly first: string;
  readonly path: string;
}

export function modelPath(repo: Repo, type: ModelType, name: string): string {
  checkModelName(name);
  return join(repo.root, DIRECTORY, type, name + SUFFIX);
}

/**
 * The model of that name, else of that id. One that is not found, or has problems, may have been looked for while a restore
 * was carried out: that is looked at as a whole. Throws `model_not_found`, `model_invalid`, Unsettled.
 */
export async function findModel(repo: Repo, nameOrId: string): Promise<Model> {
  try {
    return await findModelAsItIs(repo, nameOrId);
  } catch (error) {
    if (!(error instanceof SwampError)) throw error;
    return readWhole(repo, () => findModelAsItIs(repo, nameOrId));
  }
}

/** `findModel` for commands that look at the repository as it is, a restore under way or not. Throws `model_not_found`, or `model_invalid` when its definition has problems. */
export async function findModelAsItIs(repo: Repo, nameOrId: string): Promise<Model> {
  const named = isModelName(nameOrId) ? MODEL_TYPES.flatMap((type) => readByName(repo, type, nameOrId)) : [];
  const present = named.filter(({ content }) => content.kind !== 'deleted');
  if (present.length > 0) return onlyModel(repo, nameOrId, present);
  const id = nameOrId.toLowerCase();
  if (isModelId(id)) {
    if (isDeletedModel(repo, id)) throw goneModel(nameOrId, id);
    const found = await readById(repo, id);
    if (found.length > 0) return onlyModel(repo, nameOrId, found);
  }
  for (const { content } of named) if (content.kind === 'deleted') throw goneModel(nameOrId, content.id, deletedHint(content));
  throw notFound(repo, nameOrId);
}

/** Every model, by name, and everything under models/ that keeps a definition from being one. */
export async function listModels(repo: Repo): Promise<{ readonly models: readonly Model[]; readonly problems: readonly Problem[] }> {
  const { files, strays } = await surveyDefinitions(repo);
  return { models: files.flatMap(({ model }) => model ?? []), problems: [...files.flatMap(({ problems }) => problems), ...strays] };
}

/** Every model, by name; what keeps a definition from being one is reported, not left out in silence. */
export async function modelsOrWarn(repo: Repo): Promise<readonly Model[]> {
  const { models, problems } = await listModels(repo);
  for (const problem of problems) repo.reporter.warn(problemText(problem), { topic: 'model', path: problem.path, line: problem.line });
  return models;
}

/** Reads every definition file, by name; what is under models/ and cannot be one is a stray. `read`: how a file is read, for a caller that has read it before. */
export async function surveyDefinitions(
  repo: Repo,
  read: (repo: Repo, file: DefinitionFile) => Content | undefined = readOrTell,
): Promise<{ readonly files: readonly SurveyedFile[]; readonly strays: readonly Problem[]; readonly seconds: readonly SecondName[] }> {
  const { found, strays } = await readListed(repo, (file) => read(repo, file));
  const surveyed = found.map(({ content, ...file }): SurveyedFile => {
    if (content.kind !== 'valid') return { ...file, model: undefined, deleted: content.kind === 'deleted', problems: content.problems };
    const misnamed = content.misnamed === undefined ? {} : { misnamed: content.misnamed };
    return { ...file, model: modelIn(file.path, content), deleted: false, problems: content.problems, ...misnamed };
  });
  const seconds = secondNames(surveyed);
  const others = new Set(seconds.map(({ path }) => path));
  return {
    files: withShared(
      repo,
      surveyed.filter(({ path }) => !others.has(path)),
    ),
    strays,
    seconds: seconds.filter(({ first, path }) => first !== '' && exists(path)),
  };
}

/** A listing of which files keep going away is looked at again; this many times is a fault, not a race. */
const LOOKS = 100;

/** Every listed file that `read` answers. A file that went away may have been renamed to one that the listing did not show: then all is looked at again. */
async function readListed<T>(
  repo: Repo,
  read: (file: DefinitionFile) => T | undefined,
): Promise<{ readonly found: readonly (DefinitionFile & { readonly content: T })[]; readonly strays: readonly Problem[] }> {
  for (let look = 0; look < LOOKS; look++) {
    const { files, strays } = definitionFiles(repo);
    const found: (DefinitionFile & { readonly content: T })[] = [];
    let gone = false;
    for (const [index, file] of files.entries()) {
      await breathe(index);
      const content = read(file);
      if (content !== undefined) found.push({ ...file, content });
      else if (!exists(file.path)) gone = true;
    }
    if (!gone) return { found, strays };
  }
  throw comeAndGo(repo);
}

function comeAndGo(repo: Repo): SwampError {
  return new SwampError('io', `Definitions under ${join(repo.root, DIRECTORY)} come and go faster than they can be read.`, { hint: 'Run the command again.' });
}

/**
 * link(2) gives a model its new name, and unlink(2) takes its old one: in between its file has two names, and so it stays when
 * the renamer died there. It is one model, found by either, and listed under the first of them. A name that is gone by now
 * was the old one of a rename that has ended since.
 */
function secondNames(files: readonly SurveyedFile[]): SecondName[] {
  const groups = groupBy(files, ({ model }) => model?.id);
  return [...groups].flatMap(([modelId, group]) => {
    if (modelId === undefined || group.length < 2) return [];
    const standing = group.filter(({ path }) => exists(path));
    const firstOf = (path: string): string => standing.find((other) => other.path === path || isSameFile(other.path, path))?.path ?? '';
    return group.flatMap(({ path }) => (firstOf(path) === path ? [] : [{ modelId, first: firstOf(path), path }]));
  });
}

/** The other names of the file at `path`; almost always none, at the cost of one look. */
export function otherNames(repo: Repo, path: string): DefinitionFile[] {
  if ((statusOf(path)?.nlink ?? 0n) < 2n) return [];
  return definitionFiles(repo).files.filter((file) => file.path !== path && isSameFile(file.path, path));
}

/** True when both are names of one file. */
export function isSameFile(path: string, other: string): boolean {
  const [one, two] = [statusOf(path), statusOf(other)];
  return one?.isFile() === true && two !== undefined && identityIn(one) === identityIn(two);
}

/** Lets timers and signals through now and then: thousands of definitions take seconds. */
async function breathe(index: number): Promise<void> {
  if (index % 100 === 99) await turn();
}

/** Adds a problem to every file that shares its name (case aside) or its id with another one. */
function withShared(repo: Repo, files: readonly SurveyedFile[]): SurveyedFile[] {
  const present = files.filter(({ deleted }) => !deleted);
  const names = groupBy(present, ({ name }) => name.toLowerCase());
  const ids = groupBy(present, ({ model }) => model?.id);
  const shared = (file: SurveyedFile, group: readonly SurveyedFile[] | undefined, what: string, hint: string): Problem[] => {
    const other = group?.find(({ path }) => path !== file.path);
    return other === undefined ? [] : [{ path: displayPath(repo, file.path), message: `${displayPath(repo, other.path)} has the same ${what}`, hint }];
  };
  return files.map((file) => {
    if (file.deleted) return file;
    const sameName = shared(file, names.get(file.name.toLowerCase()), 'name', 'Names are unique over all types, case aside: rename one of them.');
    const sameId =
      file.model === undefined ? [] : shared(file, ids.get(file.model.id), 'id', 'A copied definition needs a new id: both would own the same data.');
    return { ...file, problems: [...file.problems, ...sameName, ...sameId] };
  });
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

interface Listed {
  readonly files: readonly DefinitionFile[];
  readonly strays: readonly Problem[];
}

/**
 * The definition files under models/, by name; nothing is opened. What looks like a definition and cannot be one is a stray. A
 * model that is renamed meanwhile, and back, is in it: names move under the global lock alone (Stillness).
 */
export function definitionFiles(repo: Repo): Listed {
  const still = new Stillness(repo.layout.fence(GLOBAL));
  for (let look = 0; look < LOOKS; look++) {
    still.begin();
    const listed = listDefinitions(repo);
    if (still.accepts(listed.files.map(({ path }) => path).join('\0'))) return listed;
  }
  throw comeAndGo(repo);
}

function listDefinitions(repo: Repo): Listed {
  const files: DefinitionFile[] = [];
  const strays: Problem[] = [];
  const top = join(repo.root, DIRECTORY);
  requireUnlinked(top);
  const pending = [''];
  for (let type = pending.pop(); type !== undefined; type = pending.pop()) {
    for (const entry of readDirTypes(join(top, type)) ?? []) {
      // A dot file is an editor's, git's, or the temporary file of a publication that died.
      if (entry.name.startsWith('.')) continue;
      const path = join(top, type, entry.name);
      const stray = strayReason(entry, type);
      if (stray !== undefined) strays.push({ path: displayPath(repo, path), ...stray });
      else if (entry.isDirectory()) pending.push(type === '' ? entry.name : `${type}/${entry.name}`);
      else if (entry.name.endsWith(SUFFIX) && isModelType(type)) files.push({ name: entry.name.slice(0, -SUFFIX.length), type, path });
    }
  }
  return { files: files.sort((a, b) => compare(a.name, b.name) || compare(a.type, b.type)), strays: strays.sort((a, b) => compare(a.path, b.path)) };
}

/** Temporary files of publications; their names name no session. What is behind a link is left alone. */
export function temporaries(repo: Repo): string[] {
  const directories = MODEL_TYPES.map((type) => join(repo.root, DIRECTORY, type)).filter(isUnlinked);
  return directories.flatMap((directory) =>
    (readDirTypes(directory) ?? []).filter((entry) => entry.isFile() && isStagedName(entry.name)).map((entry) => join(directory, entry.name)),
  );
}

function isUnlinked(directory: string): boolean {
  try {
    requireUnlinked(directory);
    return true;
  } catch (error) {
    if (error instanceof SwampError) return false;
    throw error;
  }
}

/** A definition that was looked for, where it was found. */
interface Found {
  readonly path: string;
  readonly content: Content;
}

function readByName(repo: Repo, type: ModelType, name: string): Found[] {
  const path = modelPath(repo, type, name);
  const content = readDefinition(repo, { name, type, path });
  if (content === undefined) return [];
  requireUnlinked(dirname(path));
  // Where the file system ignores case, `Web` opens web.yaml: that is not a model called Web.
  if (content.kind === 'invalid' && !(readDir(dirname(path)) ?? []).includes(basename(path))) return [];
  return [{ path, content }];
}

/** True while the definition of `model`, which was read, is there: one look while it is untouched. Its file may have problems now, as while it is edited; or it is under another name. */
export function isStillDefined(repo: Repo, model: Model): boolean {
  if (stateOf(model.path) === model.seen) return true;
  const { id } = model;
  const own = readDefinition(repo, model);
  if (own?.kind === 'invalid' || (own?.kind === 'valid' && own.definition.id === id)) return true;
  return definitionFiles(repo).files.some((file) => {
    const content = readDefinition(repo, file, id);
    return content?.kind === 'valid' && content.definition.id === id;
  });
}

/** Only files that mention the id are parsed; the invalid ones count when there is no valid one. */
async function readById(repo: Repo, id: string): Promise<Found[]> {
  const { found } = await readListed(repo, (file) => readDefinition(repo, file, id));
  const valid = found.filter(({ content }) => content.kind === 'valid' && content.definition.id === id);
  if (valid.length > 1) {
    const standing = valid.filter(({ path }) => exists(path));
    return standing.filter(({ path }, i) => !standing.slice(0, i).some((first) => isSameFile(first.path, path)));
  }
  return valid.length > 0 ? valid : found.filter(({ content }) => content.kind === 'invalid');
}

/** Throws `model_invalid` when another definition has the id of `model`, too: what would be deleted is also that one's data (D7). */
export async function requireOwnId(repo: Repo, { id, name, path }: Model): Promise<void> {
  const others = (await readById(repo, id)).filter((found) => found.path !== path && !isSameFile(found.path, path) && found.content.kind === 'valid');
  const [other] = others;
  if (other === undefined) return;
  throw modelInvalid(name, [
    {
      path: displayPath(repo, other.path),
      message: `has the id of "${name}", too: the data of both would go`,
      hint: 'Give the copy a new id, or remove its file; then delete again.',
    },
  ]);
}

function onlyModel(repo: Repo, nameOrId: string, found: readonly Found[]): Model {
  const [first, second] = found;
  if (first?.content.kind === 'valid' && second === undefined) return modelIn(first.path, first.content);
  const problems = found.flatMap(({ path, content }) =>
    content.kind === 'valid'
      ? { path: displayPath(repo, path), message: `"${nameOrId}" means more than one definition`, hint: 'Names and ids are unique: change one of them.' }
      : content.problems,
  );
  throw modelInvalid(nameOrId, problems);
}

function modelIn(path: string, { definition, text, seen }: Extract<Content, { readonly kind: 'valid' }>): Model {
  return { ...definition, path, text, seen };
}

/** Why an entry of models/<type> is reported instead of read; undefined when it is a definition, a directory, or none of ours. */
function strayReason(entry: Dirent, type: string): { readonly message: string; readonly hint: string } | undefined {
  const { name } = entry;
  if (entry.isSymbolicLink()) return { message: 'is a symbolic link', hint: 'Links are not followed here: put the file or directory itself there.' };
  if (name.endsWith('.yml')) return { message: 'is not read: definitions end in .yaml', hint: 'Rename it.' };
  if (!name.endsWith(SUFFIX)) return undefined;
  if (!entry.isFile()) return { message: 'is not a regular file', hint: 'Remove it, or put the definition there as a plain file.' };
  if (type === '') return { message: 'is in no type directory', hint: `Move it to models/<type>/. Types: ${MODEL_TYPES.join(', ')}.` };
  if (!isModelType(type)) return { message: `unknown type "${type}"`, hint: typeHint(type) };
  const stem = name.slice(0, -SUFFIX.length);
  return isModelName(stem) ? undefined : { message: `${JSON.stringify(stem)} cannot be a model name`, hint: NAME_HINT };
}

/** `models/store/x.yaml:3: message`, as compilers write it. */
export function problemText({ path, line, message }: Problem): string {
  return `${path}${line === undefined ? '' : `:${line}`}: ${message}`;
}

function modelInvalid(nameOrId: string, problems: readonly Problem[]): SwampError {
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new SwampError('model_invalid', `${problems.slice(0, 1).map(problemText).join()}${more}.`, {
    hint: problems[0]?.hint ?? `See all problems with "swamp model validate ${nameOrId}".`,
    data: { model: nameOrId, problems },
  });
}

function goneModel(nameOrId: string, id: string, hint = DELETED_HINT): SwampError {
  return new SwampError('model_not_found', `The model "${nameOrId}" was deleted.`, { hint, data: { model: nameOrId, id, deleted: true } });
}

function notFound(repo: Repo, nameOrId: string): SwampError {
  const { files, strays } = definitionFiles(repo);
  const stray = strays.find(({ path }) => path.endsWith(`/${nameOrId}${SUFFIX}`) || path.endsWith(`/${nameOrId}.yml`));
  const meant = nearest(
    nameOrId,
    files.map(({ name }) => name),
  );
  const near = meant === undefined ? 'See "swamp model list".' : `Did you mean "${meant}"?`;
  return new SwampError('model_not_found', `There is no model "${nameOrId.slice(0, 200)}".`, {
    hint: stray === undefined ? near : `${stray.path}: ${stray.message}.`,
    data: { model: nameOrId.slice(0, 200) },
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
