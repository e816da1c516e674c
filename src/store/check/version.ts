/** One version directory: exactly content and metadata, two regular files, and the content is what was written. */
import { createHash } from 'node:crypto';
import { closeSync, read as readCallback, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { SwampError } from '../../errors.js';
import { readDir } from '../../fs/tree.js';
import { CONTENT, METADATA } from '../../layout/layout.js';
import { parseGc, parseLifetime } from '../lifetimes.js';
import { parseRecord, parseVersionMetadata, type VersionMetadata } from '../metadata.js';
import { type Look, lookAtObject } from './checker.js';
import type { Issue } from './kinds.js';
import { isTransient, openPlain, readPlain, stateOf, typeIssue } from './plain.js';

/** Called with each piece of content that was read; may throw to end the look. */
export type OnBytes = (bytes: number) => Promise<void>;

const read = promisify(readCallback);
/** Above this, content is read in pieces beside the event loop. Bytes. */
const CHUNK = 1024 * 1024;

/** Tells one state of a version directory with its two files from every other. */
export function versionState(dir: string): string {
  return [dir, join(dir, CONTENT), join(dir, METADATA)].map((path) => stateOf(path) ?? '-').join(' ');
}

/** What is wrong with a version, as far as can be told without reading its content. */
export async function structuralIssues(dir: string): Promise<Issue[]> {
  return versionIssues(dir, undefined);
}

/** `hint`: how to be rid of this very version. One that moves away meanwhile is nobody's damage: its directory is then not the same before and after. */
export function lookAtVersion(dir: string, hint: string | undefined, onBytes: OnBytes): Promise<Look> {
  return lookAtObject(dir, 'directory', async () => {
    const issues = await versionIssues(dir, onBytes);
    return hint === undefined ? issues : issues.map((issue) => (CURED_BY_DELETE.has(issue.kind) ? { ...issue, hint } : issue));
  });
}

const CURED_BY_DELETE: ReadonlySet<Issue['kind']> = new Set(['missing_file', 'record_invalid', 'size_mismatch', 'checksum_mismatch']);

/** Content is read only with `onBytes`. */
async function versionIssues(dir: string, onBytes: OnBytes | undefined): Promise<Issue[]> {
  const names = readDir(dir) ?? [];
  if (names.length === 0) return [{ path: dir, kind: 'empty_directory', message: 'is empty' }];
  const strays = names.filter((name) => name !== CONTENT && name !== METADATA && !isTransient(name));
  const issues = strays.map((name) => typeIssue(join(dir, name), undefined) ?? unknown(join(dir, name)));
  const metadata = readMetadata(join(dir, METADATA));
  if ('issue' in metadata) issues.push(metadata.issue);
  const content = await contentIssue(join(dir, CONTENT), 'issue' in metadata ? undefined : metadata, onBytes);
  return content === undefined ? issues : [...issues, content];
}

function unknown(path: string): Issue {
  return { path, kind: 'unknown_entry', message: 'does not belong into a version' };
}

function readMetadata(path: string): VersionMetadata | { readonly issue: Issue } {
  const source = readPlain(path);
  if ('issue' in source) return source;
  try {
    const metadata = parseVersionMetadata(parseRecord(source.text, path), path);
    parseLifetime(metadata.lifetime);
    parseGc(metadata.garbageCollection);
    return Number.isNaN(Date.parse(metadata.createdAt)) ? { issue: { path, kind: 'record_invalid', message: 'is damaged: createdAt is no time' } } : metadata;
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

async function contentIssue(path: string, metadata: VersionMetadata | undefined, onBytes: OnBytes | undefined): Promise<Issue | undefined> {
  const opened = openPlain(path);
  if ('issue' in opened) return opened.issue;
  try {
    // Without metadata it is read all the same: whether it can be is worth knowing before it is rescued.
    if (metadata !== undefined && opened.size !== metadata.size) {
      return { path, kind: 'size_mismatch', message: `has ${opened.size} bytes, and ${metadata.size} were written` };
    }
    if (onBytes === undefined) return undefined;
    const seen = versionState(dirname(path));
    const checksum = await digest(opened.file, opened.size, onBytes);
    if (metadata === undefined || checksum === metadata.checksum) return undefined;
    return { path, kind: 'checksum_mismatch', message: `has SHA-256 ${checksum}, and ${metadata.checksum} was written`, seen };
  } finally {
    closeSync(opened.file);
  }
}

async function digest(file: number, size: number, onBytes: OnBytes): Promise<string> {
  const hash = createHash('sha256');
  if (size <= CHUNK) {
    const bytes = readFileSync(file);
    await onBytes(bytes.length);
    return hash.update(bytes).digest('hex');
  }
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (;;) {
    const { bytesRead } = await read(file, buffer, 0, CHUNK, null);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
    await onBytes(bytesRead);
  }
}
