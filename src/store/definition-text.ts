/** A definition file with the text it has, or had: removed only while it is still that very text. */
import { dirname, join } from 'node:path';
import { isErrno } from '../errors.js';
import { publishFile, removeFile, rename, syncDir } from '../fs/durable.js';
import { readPlainFile } from '../fs/plain.js';
import { exists } from '../fs/tree.js';
import type { Repo } from '../repo.js';

/** `path` is relative to the repository. */
export interface DefinitionText {
  readonly path: string;
  readonly text: string;
}

/** True for the path, relative to the repository, of a file that can hold a definition. */
export function isDefinitionPath(path: string): boolean {
  return /^models\/[a-z]+(\/[a-z]+)?\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.yaml$/.test(path);
}

export function isDefinitionText(value: unknown): value is DefinitionText {
  const { path, text } = (value ?? {}) as Record<string, unknown>;
  return typeof path === 'string' && isDefinitionPath(path) && typeof text === 'string';
}

/** True when a plain file of that very text stands there: a link, a directory or a larger file is another one. */
export function hasText(path: string, text: string): boolean {
  const bytes = Buffer.from(text);
  const read = readPlainFile(path, bytes.length);
  return read !== undefined && 'bytes' in read && bytes.equals(read.bytes);
}

/** Where a definition stands while it is being removed: a dot name, which listings skip. `owner` tells whose removal it is. */
export function asideOf(repo: Repo, path: string, owner: string): string {
  return join(repo.root, path, '..', `.deleted.${owner}.tmp`);
}

/**
 * Removes the file, if it still has that text: it is moved aside, looked at there, and put back when somebody had replaced
 * it meanwhile. models/ may lie on another file system than the datastore, so it cannot pass through a fence; a remover that
 * dies in between is followed by the next one, which finds it by `owner`. False when another text stands there.
 */
export async function removeDefinition(repo: Repo, file: DefinitionText, owner: string): Promise<boolean> {
  const path = join(repo.root, file.path);
  const aside = asideOf(repo, file.path, owner);
  if (!exists(aside)) {
    if (!hasText(path, file.text)) return !exists(path);
    try {
      await rename(path, aside);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return true;
      throw error;
    }
  }
  if (hasText(aside, file.text)) {
    await removeFile(aside);
    await syncDir(dirname(path));
    return true;
  }
  await publishFile(aside, path);
  return false;
}
