/** Reads directories and removes trees; only the expected errno is taken for an answer. */
import { type Dir, type Dirent, lstatSync, readdirSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { yielding } from '../event-loop.js';
import { removeEmptyDir, removeFile } from './durable.js';
import { openUnfollowed } from './plain.js';
import { isReal, reach } from './reach.js';

/** The entry names of a directory; undefined when there is none. Throws for anything else that is not a readable directory (P7). */
export function readDir(path: string): string[] | undefined {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** True for a dot name, which a file manager or a network disk gives: nothing of the store has one, and no command touches it. */
export function isForeign(name: string): boolean {
  return name.startsWith('.');
}

/** As readDir, without foreign names; for a directory that was reached already. */
export function ownNames(dir: string): string[] | undefined {
  return readDir(dir)?.filter((name) => !isForeign(name));
}

/** The entry names of a directory of the store, sorted, without foreign ones; undefined when there is none. Throws `corrupt` where a link is on the way. */
export function listStore(dir: string): string[] | undefined {
  return reach(dir) ? ownNames(dir)?.sort() : undefined;
}

/** The paths of what is in a directory of the store, sorted; none where something else is in its place, or a link on the way: what that leads to is not ours to remove. */
export function pathsIn(dir: string): string[] {
  return isReal(dir) && isDirectory(dir) ? (listStore(dir) ?? []).map((name) => join(dir, name)) : [];
}

/** As readDir, with the type of each entry. */
export function readDirTypes(path: string): Dirent[] | undefined {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The text of a file; undefined when there is none. A link is not followed (ELOOP), a FIFO not waited for. */
export function readText(path: string): string | undefined {
  const file = openUnfollowed(path);
  if (file === undefined) return undefined;
  try {
    return file.bytes().toString();
  } finally {
    file.close();
  }
}

/** True when something is at `path`; a link counts, and is not followed. */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Modification time in milliseconds, or undefined when nothing is there. */
export function modifiedAt(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

/** Bytes of all regular files below `path`, or of the file that is there (0 when it is gone); links are not followed, and what may not be read counts as nothing. Throws the reason of the signal. */
export async function treeBytes(path: string, signal?: AbortSignal): Promise<number> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true) return stats?.size ?? 0;
  let bytes = 0;
  for await (const file of walkFiles(path, yielding(signal))) bytes += lstatSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}

/** Every path below `path` that is not a directory; what vanishes meanwhile is left out, links are not followed. */
async function* walkFiles(path: string, pass: ReturnType<typeof yielding>): AsyncGenerator<string> {
  for (const entry of readableEntries(path)) {
    await pass();
    const child = join(path, entry.name);
    if (entry.isDirectory()) yield* walkFiles(child, pass);
    else yield child;
  }
}

function readableEntries(path: string): Dirent[] {
  try {
    return readDirTypes(path) ?? [];
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM')) return [];
    throw error;
  }
}

/**
 * Removes everything below `path`, and `path`. Only ever called where no other process writes (P5): in a trash, or in scratch
 * beside a backup. That prevents the exchange of a directory for a link between the look and the opening, which
 * Node follows. A link is removed itself, `path` too: what it leads to belongs to another owner. Two at once do no harm: what is
 * gone counts as removed. Throws the first error after removing what could be removed, and the reason of the signal at once.
 */
export async function removeTree(path: string, signal?: AbortSignal): Promise<void> {
  await removeBelow(path, yielding(signal));
}

async function removeBelow(path: string, pass: ReturnType<typeof yielding>): Promise<void> {
  const directory = isDirectory(path) ? await openDirectory(path) : undefined;
  if (directory === undefined) {
    await removeFile(path);
    return;
  }
  let failed: unknown;
  for await (const entry of directory) {
    await pass();
    const child = join(path, entry.name);
    try {
      if (entry.isDirectory()) await removeBelow(child, pass);
      else await removeFile(child);
    } catch (error) {
      failed ??= error;
    }
  }
  if (failed !== undefined) throw failed;
  await removeEmptyDir(path);
}

/** A link to a directory does not count as one. */
export function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

async function openDirectory(path: string): Promise<Dir | undefined> {
  try {
    return await opendir(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
