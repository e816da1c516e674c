/** Names of models: unique over all types, case aside. A definition is published whole, and never over another one. */
import { dirname, join } from 'node:path';
import { SwampError } from '../errors.js';
import { syncDir } from '../fs/durable.js';
import { exists } from '../fs/tree.js';
import { readFence } from '../locks/fence.js';
import { newNonce } from '../locks/holder.js';
import type { Lease } from '../locks/lease.js';
import { displayPath, type Repo } from '../repo.js';
import { requireHeld, syncDirs } from '../store/commit.js';
import { publishText, removeDefinition, removeIf } from '../store/definition-text.js';
import { isHeldByDead } from '../store/leftovers.js';
import { checkModelName, type Definition, serialiseDefinition } from './definition.js';
import { type DefinitionFile, deletedHint, isLeaving, readOrTell } from './definition-file.js';
import { definitionFiles, isSameFile, modelPath, otherNames, type SecondName, surveyDefinitions } from './files.js';

/** Throws `model_exists` when a definition of any type has that name, case aside. Holds only as long as the global fence does. */
export function assertNameFree(repo: Repo, name: string): void {
  checkModelName(name);
  const taken = fileNamed(repo, name);
  if (taken !== undefined) throw modelExists(repo, name, taken);
}

/** The id of the model whose file has that name for a moment only: it was deleted, or renamed, by a command that is not done yet. */
export function leavingUnder(repo: Repo, name: string): string | undefined {
  const file = fileNamed(repo, name);
  const content = file === undefined ? undefined : readOrTell(repo, file);
  if (file === undefined || content === undefined) return undefined;
  if (content.kind === 'deleted') return isLeaving(content) ? content.id : undefined;
  return content.kind === 'valid' && otherNames(repo, file.path).length > 0 ? content.definition.id : undefined;
}

/** Second names that renames which died have left. */
export async function interruptedRenames(repo: Repo): Promise<SecondName[]> {
  if (!definitionFiles(repo).files.some(({ path }) => otherNames(repo, path).length > 0)) return [];
  const { seconds } = await surveyDefinitions(repo);
  return seconds.filter((second) => !isBeingRenamed(repo, second));
}

/** A renamer that lives holds the lock of the model until one name is gone. */
export function isBeingRenamed({ layout }: Repo, { modelId, path }: SecondName): boolean {
  const fence = layout.fence({ kind: 'data', modelId });
  const entry = readFence(fence);
  return (entry?.state === 'held' && !isHeldByDead(join(fence, entry.name), entry)) || !exists(path);
}

/** Takes that name, case aside, from a file that has another one, too. `stillHeld` is asked before. */
export async function takeName(repo: Repo, name: string, stillHeld: () => void): Promise<void> {
  const path = fileNamed(repo, name)?.path;
  const [other] = path === undefined ? [] : otherNames(repo, path);
  if (path !== undefined && other !== undefined) await removeName(repo, path, other.path, stillHeld);
}

/** Takes every other name from the file at `path`; those that are another file by now, as when an editor has saved it, are answered. */
export async function keepName(repo: Repo, path: string, stillHeld: () => void): Promise<DefinitionFile[]> {
  const left: DefinitionFile[] = [];
  for (const file of otherNames(repo, path)) if (!(await removeName(repo, file.path, path, stillHeld))) left.push(file);
  return left;
}

/**
 * No rename passes through a fence here, so what is removed is looked at once more where no command finds it by name: a session that
 * lost its locks would else remove the last name of a model that got this one back. The kept name is durable first.
 */
async function removeName(repo: Repo, path: string, kept: string, stillHeld: () => void): Promise<boolean> {
  await syncDir(dirname(kept));
  stillHeld();
  const removed = await removeIf(repo, displayPath(repo, path), `renamed.${newNonce()}`, (there) => isSameFile(there, kept));
  await syncDirs([dirname(path)]);
  return removed;
}

function fileNamed(repo: Repo, name: string, own?: string): DefinitionFile | undefined {
  return definitionFiles(repo).files.find((file) => file.path !== own && file.name.toLowerCase() === name.toLowerCase());
}

/** Writes the definition as a new file (publishText), and answers its path. Throws `model_exists`, `config_invalid`. Uniqueness over all types is the caller's (assertNameFree, requireOnly). */
export async function publishDefinition(repo: Repo, definition: Definition): Promise<string> {
  const { name, type } = definition;
  const path = modelPath(repo, type, name);
  const file = { path: displayPath(repo, path), text: serialiseDefinition(definition) };
  if (!(await publishText(repo, file))) throw modelExists(repo, name, { name, type, path });
  return path;
}

/**
 * link(2) passes through no fence: a process that lost the global one may have published a definition of that name beside
 * ours. Each looks again once its own is there, and stays when it is alone. When two see each other, the holder of `global` takes
 * its own back; the other one waits for that fence, and then looks again: without it both would go. Throws `model_exists`,
 * and FenceLost, after which to call it again.
 */
export async function requireOnly(repo: Repo, definition: Definition, global: Lease): Promise<void> {
  if (otherOfName(repo, definition) === undefined) return;
  requireHeld(global);
  const other = await giveWay(repo, definition);
  if (other !== undefined) throw modelExists(repo, definition.name, other);
}

/** Takes back a definition that was published and not acknowledged, where another one has its name: that one. */
export async function giveWay(repo: Repo, definition: Definition): Promise<DefinitionFile | undefined> {
  const other = otherOfName(repo, definition);
  const { id, name, type } = definition;
  const own = { path: displayPath(repo, modelPath(repo, type, name)), text: serialiseDefinition(definition) };
  if (other !== undefined) await removeDefinition(repo, own, `created.${id}`);
  return other;
}

/** Another definition that has the name of this one, case aside. */
export function otherOfName(repo: Repo, { name, type }: Pick<Definition, 'name' | 'type'>): DefinitionFile | undefined {
  return fileNamed(repo, name, modelPath(repo, type, name));
}

function modelExists(repo: Repo, name: string, taken: DefinitionFile): SwampError {
  const path = displayPath(repo, taken.path);
  const content = readOrTell(repo, taken);
  const hint =
    content?.kind === 'deleted'
      ? deletedHint(content)
      : taken.name === name
        ? 'Choose another name.'
        : 'Names that differ only by case are one name: choose another.';
  return new SwampError('model_exists', `A model named "${taken.name}" exists already, in ${path}.`, {
    hint,
    data: { name: taken.name, type: taken.type, path },
  });
}
