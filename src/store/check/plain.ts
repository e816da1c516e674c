/** Looks at paths as a check must: no link is followed, no FIFO waited for, no record read beyond its limit. */
import { join } from 'node:path';
import type { Handle } from '../../fs/handle.js';
import { statusOf } from '../../fs/identity.js';
import { openPlainFile, type Refused, readPlainFile } from '../../fs/plain.js';
import { isForeign } from '../../fs/tree.js';
import { MAX_RECORD_BYTES } from '../metadata.js';
import type { Issue } from './kinds.js';

/** One note for each foreign name; network file systems keep a removed file that is open under such a name for a while, and that gets no note. */
export function notesOn(dir: string, names: readonly string[]): Issue[] {
  return names
    .filter((name) => isForeign(name) && !/^\.nfs[0-9a-f]+$/i.test(name))
    .map((name) => ({ path: join(dir, name), kind: 'foreign', message: 'is not a part of the datastore', stray: true }));
}

/** `any`: whatever it is, it may be there. */
export type Expected = 'directory' | 'file' | 'any';

/** What is wrong with the type of what is at `path` (any but a link without `expected`); undefined when nothing is, or nothing is there. */
export function typeIssue(path: string, expected: Expected | undefined): Issue | undefined {
  const status = statusOf(path);
  if (status === undefined || expected === 'any') return undefined;
  if (status.isSymbolicLink()) return { path, kind: 'symlink', message: 'is a symbolic link' };
  if (expected === undefined || (expected === 'directory' ? status.isDirectory() : status.isFile())) return undefined;
  return { path, kind: 'wrong_type', message: expected === 'directory' ? 'is not a directory' : 'is not a regular file' };
}

/** A regular file, opened, the caller's to close; or what keeps it from being one. */
export type Opened = Handle | { readonly issue: Issue };

export function openPlain(path: string): Opened {
  const opened = openPlainFile(path);
  return opened === undefined || 'refused' in opened ? { issue: issueOf(path, opened) } : opened;
}

/** The text of a record; or what keeps it from being read. */
export function readPlain(path: string, limit: number = MAX_RECORD_BYTES): { readonly text: string } | { readonly issue: Issue } {
  const read = readPlainFile(path, limit);
  return read === undefined || 'refused' in read ? { issue: issueOf(path, read) } : { text: read.bytes.toString() };
}

function issueOf(path: string, refused: Refused | undefined): Issue {
  if (refused === undefined) return { path, kind: 'missing_file', message: 'is missing' };
  return { path, kind: refused.refused === 'too_large' ? 'record_invalid' : refused.refused, message: refused.message };
}
