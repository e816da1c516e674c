/** One version directory: exactly metadata and content, one regular file or a directory of parts, and the content is what was written. */
import { createHash, type Hash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { SwampError } from '../../errors.js';
import type { Handle } from '../../fs/handle.js';
import { stateOf, statusOf } from '../../fs/identity.js';
import { isForeign, readDir } from '../../fs/tree.js';
import { CONTENT, METADATA, PARTS } from '../../layout/layout.js';
import { METADATA_RECORD, parseAs, type VersionMetadata } from '../metadata.js';
import { partNumber } from '../uploads/parts.js';
import { type Look, lookAtObject } from './checker.js';
import type { Issue } from './kinds.js';
import { notesOn, openPlain, readPlain, typeIssue } from './plain.js';

/** Called with each piece of content that was read; may throw to end the look. */
export type OnBytes = (bytes: number) => Promise<void>;

/** Above this, content is read in pieces beside the event loop. Bytes. */
const CHUNK = 1024 * 1024;

/** Tells one state of a version directory with its files from every other. */
export function versionState(dir: string): string {
  const parts = (readDirIfThere(join(dir, PARTS)) ?? []).sort().map((name) => join(dir, PARTS, name));
  return [dir, join(dir, CONTENT), join(dir, METADATA), join(dir, PARTS), ...parts].map((path) => stateOf(path) ?? '-').join(' ');
}

/** Undefined also for what is not a directory. */
function readDirIfThere(path: string): string[] | undefined {
  return statusOf(path)?.isDirectory() === true ? readDir(path) : undefined;
}

/** What is wrong with a version, as far as can be seen without reading its content. */
export async function structuralIssues(dir: string): Promise<Issue[]> {
  return versionIssues(dir, undefined);
}

/** `hint`: how to be rid of this very version. One that moves away meanwhile is not damaged: its directory is then not the same before and after. */
export function lookAtVersion(dir: string, hint: string | undefined, onBytes: OnBytes): Promise<Look> {
  return lookAtObject(dir, 'directory', async () => {
    const issues = await versionIssues(dir, onBytes);
    return hint === undefined
      ? issues
      : issues.map((issue) => (CURED_BY_DELETE.has(issue.kind) && basename(issue.path) !== METADATA ? { ...issue, hint } : issue));
  });
}

/** Of the content: where only its record is damaged, the hint must not delete what may be whole. */
const CURED_BY_DELETE: ReadonlySet<Issue['kind']> = new Set(['missing_file', 'size_mismatch', 'checksum_mismatch']);

/** Content is read only with `onBytes`. */
async function versionIssues(dir: string, onBytes: OnBytes | undefined): Promise<Issue[]> {
  const all = readDir(dir) ?? [];
  const names = all.filter((name) => !isForeign(name));
  const notes = notesOn(dir, all);
  if (names.length === 0) return [...notes, { path: dir, kind: 'empty_directory', message: 'is empty' }];
  const read = readMetadata(join(dir, METADATA));
  const metadata = 'issue' in read ? undefined : read;
  // Without metadata, what is there shows which of the two it was.
  const inParts = metadata === undefined ? !names.includes(CONTENT) && names.includes(PARTS) : metadata.parts !== undefined;
  const body = inParts ? PARTS : CONTENT;
  const issues = [...notes, ...names.filter((name) => name !== body && name !== METADATA).map((name) => strayIssue(join(dir, name)))];
  if ('issue' in read) issues.push(read.issue);
  if (inParts) return [...issues, ...(await partsIssues(join(dir, PARTS), metadata, onBytes))];
  const content = await contentIssue(join(dir, CONTENT), metadata, onBytes);
  return content === undefined ? issues : [...issues, content];
}

/** B5: the parts are exactly those that are declared, and each, and all together, what was written. */
async function partsIssues(dir: string, metadata: VersionMetadata | undefined, onBytes: OnBytes | undefined): Promise<Issue[]> {
  const status = statusOf(dir);
  if (status === undefined) return [{ path: dir, kind: 'missing_file', message: 'is missing' }];
  const type = typeIssue(dir, 'directory');
  if (type !== undefined) return [type];
  const all = readDir(dir) ?? [];
  const names = all.filter((name) => !isForeign(name));
  const declared =
    metadata?.parts ?? names.flatMap((name) => (partNumber(name) === undefined ? [] : [{ number: Number(name), size: undefined, checksum: undefined }]));
  const known = new Set(declared.map(({ number }) => String(number)));
  const issues = [...notesOn(dir, all), ...names.filter((name) => !known.has(name)).map((name) => strayIssue(join(dir, name)))];
  const whole = createHash('sha256');
  const seen = versionState(dirname(dir));
  for (const { number, size, checksum } of declared) {
    const issue = await fileIssue(join(dir, String(number)), { size, checksum }, { onBytes, whole, seen });
    if (issue !== undefined) issues.push(issue);
  }
  if (onBytes === undefined || metadata === undefined || issues.some(({ stray }) => stray === undefined)) return issues;
  const checksum = whole.digest('hex');
  return checksum === metadata.checksum
    ? issues
    : [...issues, { path: dir, kind: 'checksum_mismatch', message: `has SHA-256 ${checksum}, and ${metadata.checksum} was written`, seen }];
}

function strayIssue(path: string): Issue {
  return { ...(typeIssue(path, undefined) ?? { path, kind: 'unknown_entry', message: 'does not belong in a version' }), stray: true };
}

function readMetadata(path: string): VersionMetadata | { readonly issue: Issue } {
  const source = readPlain(path);
  if ('issue' in source) return source;
  try {
    return parseAs(METADATA_RECORD, source.text, path);
  } catch (error) {
    return { issue: recordIssue(path, error) };
  }
}

/** What a parser of the store said of a record. */
export function recordIssue(path: string, error: unknown): Issue {
  if (!(error instanceof SwampError)) throw error;
  const why = error.message.startsWith(`${path} `) ? error.message.slice(path.length + 1) : `is damaged: ${error.message}`;
  return { path, kind: 'record_invalid', message: why.replace(/\.$/, '') };
}

function contentIssue(path: string, metadata: VersionMetadata | undefined, onBytes: OnBytes | undefined): Promise<Issue | undefined> {
  return fileIssue(path, { size: metadata?.size, checksum: metadata?.checksum }, { onBytes, seen: versionState(dirname(path)) });
}

interface Reading {
  /** Without it the content is not read. */
  readonly onBytes: OnBytes | undefined;
  /** Fed with every byte. */
  readonly whole?: Hash;
  /** The state of the version before it was read. */
  readonly seen: string;
}

/** `wanted`: what was written; where it is not known, the file is read all the same: whether it can be is worth knowing before it is rescued. */
async function fileIssue(
  path: string,
  wanted: { readonly size: number | undefined; readonly checksum: string | undefined },
  { onBytes, whole, seen }: Reading,
): Promise<Issue | undefined> {
  const opened = openPlain(path);
  if ('issue' in opened) return opened.issue;
  try {
    if (wanted.size !== undefined && opened.size !== wanted.size) {
      return { path, kind: 'size_mismatch', message: `has ${opened.size} bytes, and ${wanted.size} were written` };
    }
    if (onBytes === undefined) return undefined;
    const checksum = await digestFile(opened, onBytes, whole);
    if (wanted.checksum === undefined || checksum === wanted.checksum) return undefined;
    return { path, kind: 'checksum_mismatch', message: `has SHA-256 ${checksum}, and ${wanted.checksum} was written`, seen };
  } finally {
    opened.close();
  }
}

/** SHA-256 of an opened file, read once in pieces that `onBytes` counts. */
export async function digestFile(file: Handle, onBytes: OnBytes, whole?: Hash): Promise<string> {
  const hash = createHash('sha256');
  if (file.size <= CHUNK) {
    const bytes = file.bytes();
    await onBytes(bytes.length);
    whole?.update(bytes);
    return hash.update(bytes).digest('hex');
  }
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (let at = 0; ; ) {
    const length = await file.read(buffer, at);
    if (length === 0) return hash.digest('hex');
    const bytes = buffer.subarray(0, length);
    at += length;
    hash.update(bytes);
    whole?.update(bytes);
    await onBytes(length);
  }
}
