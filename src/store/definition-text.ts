/**
 * A definition file with the text it has, had or is to have: published whole and never over another one, removed only while
 * it is still that very text. models/ may lie on another file system than the datastore, so nothing of it passes through a fence.
 */
import { accessSync, constants, lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { linkFile, makeDirsAnywhere, publishFile, removeFile, rename, requireLinks, syncDir, takeBack, writeFileDurable } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { lastingMarkOf } from '../fs/identity.js';
import { readPlainFile } from '../fs/plain.js';
import { exists } from '../fs/tree.js';
import { newNonce } from '../locks/holder.js';
import type { Repo } from '../repo.js';
import { syncDirs } from './commit.js';
import { MAX_DEFINITION_BYTES } from './metadata.js';

/** `path` is relative to the repository. */
export interface DefinitionText {
  readonly path: string;
  readonly text: string;
  /** Of a text that is to be removed: which file holds it (`lastingMarkOf`). Without it any file of that text there is the one. */
  readonly file?: string;
}

/** A text that is to be published. `staged`: the file beside its place that holds it already. */
export interface StagedText extends DefinitionText {
  readonly staged?: string;
}

/** True for the path, relative to the repository, of a file that can hold a definition. */
export function isDefinitionPath(path: string): boolean {
  return /^models\/[a-z]+(\/[a-z]+)?\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.yaml$/.test(path);
}

export function isDefinitionText(value: unknown): value is DefinitionText {
  const { path, text } = (value ?? {}) as Record<string, unknown>;
  return typeof path === 'string' && isDefinitionPath(path) && typeof text === 'string';
}

/** The text of the plain file at `path`; undefined for anything else, a link, a directory, what is too large for a definition, or nothing. */
export function textAt(path: string): string | undefined {
  const read = readPlainFile(path, MAX_DEFINITION_BYTES);
  return read === undefined || 'refused' in read ? undefined : read.bytes.toString();
}

/** True when a plain file of that very text is there. */
export function hasText(path: string, text: string | undefined): boolean {
  return text !== undefined && textAt(path) === text;
}

/** True when what is at `path` is that file, unchanged: another one of the same text belongs to another owner, or was put there later. */
export function isThat(path: string, { text, file }: DefinitionText): boolean {
  return hasText(path, text) && (file === undefined || lastingMarkOf(path) === file);
}

export function isStagedText(value: unknown): value is StagedText {
  const { staged } = (value ?? {}) as Record<string, unknown>;
  return isDefinitionText(value) && (staged === undefined || (typeof staged === 'string' && isStagedName(staged)));
}

/** True for the name of what a publication writes before it has its name; that of an editor or of git looks otherwise. */
export function isStagedName(name: string): boolean {
  return /^\.[A-Za-z0-9][A-Za-z0-9._-]*\.[0-9a-f]{12}\.tmp$/.test(name);
}

/**
 * Throws what would keep a definition from being published at `path`, or removed from there: `config_invalid` for a directory
 * that is none, `conflict` for what is not a plain file, EACCES or EROFS for a directory that cannot be written.
 */
export function requirePlace(repo: Repo, path: string): void {
  const names = path.split('/');
  const above = names.slice(1).map((_, i) => join(repo.root, ...names.slice(0, i + 1)));
  const there = above.filter((directory) => {
    const status = lstatSync(directory, { throwIfNoEntry: false });
    if (status === undefined || status.isDirectory()) return status !== undefined;
    throw new SwampError('config_invalid', `${directory} is ${status.isSymbolicLink() ? 'a symbolic link' : 'not a directory'}.`, {
      hint: 'Put a directory there: definitions belong in it, and links under models/ are not followed.',
      data: { path: directory },
    });
  });
  let nearest = there.at(-1) ?? repo.root;
  // The directory of a repository that is only planned is made, too.
  while (!exists(nearest)) nearest = dirname(nearest);
  accessSync(nearest, constants.W_OK | constants.X_OK);
  const status = lstatSync(join(repo.root, path), { throwIfNoEntry: false });
  if (status === undefined || status.isFile()) return;
  throw new SwampError('conflict', `${path} is in the way: it is not a plain file.`, { hint: 'Remove it, or move it elsewhere.', data: { path } });
}

/** Throws `config_invalid` when a directory of models/ is reached through a link: no definition leads outside its tree. */
export function requireUnlinked(directory: string): void {
  let real: string;
  try {
    real = realpathSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  if (real === directory) return;
  throw new SwampError('config_invalid', `${directory} is reached through a symbolic link, to ${real}.`, {
    hint: 'Put the directory itself there: links under models/ are not followed.',
    data: { path: directory },
  });
}

/**
 * Writes the text beside its place, synced, under a dot name, which listings skip: what the system refuses is refused
 * before anything is published. Its name there. Of a caller that stages many: `write` leaves the sync to it, and `linked` keeps the
 * directories whose disk was found to have hard links. Throws `config_invalid` when the directory is reached through a link.
 */
export async function stageText(
  repo: Repo,
  { path, text }: DefinitionText,
  { write = writeFileDurable, linked = new Set() }: { readonly write?: (path: string, text: string) => Promise<void>; readonly linked?: Set<string> } = {},
): Promise<string> {
  const directory = join(repo.root, dirname(path));
  await makeDirsAnywhere(directory);
  requireUnlinked(directory);
  const staged = `.${basename(path, '.yaml')}.${newNonce()}.tmp`;
  try {
    await write(join(directory, staged), text);
    if (!linked.has(directory)) await requireLinks(join(directory, staged));
    linked.add(directory);
  } catch (error) {
    await takeBack(() => removeFile(join(directory, staged)));
    throw error;
  }
  return staged;
}

/** Removes what was staged and is not published. */
export async function discardStaged(repo: Repo, { path, staged }: StagedText): Promise<void> {
  if (staged !== undefined) await removeFile(stagedPath(repo, path, staged));
}

/** `placeText`, durably. */
export async function publishText(repo: Repo, file: StagedText): Promise<boolean> {
  const placed = await placeText(repo, file);
  // Also of one that was there: who gave it its name may have died before the sync.
  await syncDir(dirname(join(repo.root, file.path)));
  return placed;
}

/**
 * Gives the text its name by link(2); without what was staged for it, it is written first. False when something else is
 * there: a file with another text, a directory, a link. Safe to repeat. The directory is the caller's to sync.
 */
export async function placeText(repo: Repo, file: StagedText): Promise<boolean> {
  const path = join(repo.root, file.path);
  if (exists(path)) {
    await discardStaged(repo, file);
    return hasText(path, file.text);
  }
  const isStaged = file.staged !== undefined && exists(stagedPath(repo, file.path, file.staged));
  const staged = isStaged ? file.staged : await stageText(repo, file);
  try {
    await linkFile(stagedPath(repo, file.path, staged), path);
    await removeFile(stagedPath(repo, file.path, staged));
    return true;
  } catch (error) {
    await takeBack(() => removeFile(stagedPath(repo, file.path, staged)));
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Puts a text in the place of `from`, atomically and durably. False, and nothing is changed, when the file has another one by then. No rename passes
 * through a fence here: `stillHeld`, which throws, is asked between the last look and the rename.
 */
export async function replaceText(repo: Repo, file: DefinitionText, from: string, stillHeld: () => void): Promise<boolean> {
  const path = join(repo.root, file.path);
  const staged = await stageText(repo, file);
  try {
    await failpoint('definition.staged');
    stillHeld();
    if (!hasText(path, from)) {
      await discardStaged(repo, { ...file, staged });
      return false;
    }
    await rename(stagedPath(repo, file.path, staged), path);
  } catch (error) {
    await takeBack(() => discardStaged(repo, { ...file, staged }));
    throw error;
  }
  await syncDir(dirname(path));
  return true;
}

function stagedPath(repo: Repo, path: string, staged: string): string {
  return join(repo.root, dirname(path), staged);
}

/** Where a definition is while it is being removed: a dot name, which listings skip. `owner` says whose removal it is. */
export function asideOf(repo: Repo, path: string, owner: string): string {
  return join(repo.root, path, '..', `.deleted.${owner}.tmp`);
}

/** Removes that very file (`isThat`), durably. False when something else is there. */
export async function removeDefinition(repo: Repo, file: DefinitionText, owner: string): Promise<boolean> {
  const removed = await removeIf(repo, file.path, owner, (path) => isThat(path, file));
  await syncDirs([dirname(join(repo.root, file.path))]);
  return removed;
}

/**
 * Removes the file at `path`, relative to the repository, if it is the one: it is moved aside, looked at there, and put back
 * when it was replaced meanwhile. A remover that dies in between is followed by the next command, which finds it by `owner`. False
 * when something else is there. The directory is the caller's to sync.
 */
export async function removeIf(repo: Repo, relative: string, owner: string, isIt: (path: string) => boolean): Promise<boolean> {
  const [path, aside] = [join(repo.root, relative), asideOf(repo, relative, owner)];
  if (!exists(aside)) {
    if (!isIt(path)) return !exists(path);
    try {
      await rename(path, aside);
      await failpoint('definition.aside');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return true;
      throw error;
    }
  }
  if (isIt(aside)) {
    await removeFile(aside);
    return true;
  }
  try {
    await publishFile(aside, path);
  } catch (error) {
    // Another command has removed it.
    if (isErrno(error, 'ENOENT')) return true;
    if (!isErrno(error, 'EEXIST')) throw error;
    // Saved again meanwhile: the newer one would have replaced this one, too.
    await removeFile(aside);
  }
  return false;
}
