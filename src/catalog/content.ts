/** The content of a version for a query: its text, and what it says as JSON. Read only where a query mentions it. */
import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import { readPlainFile } from '../fs/plain.js';
import { CONTENT, METADATA, PARTS } from '../layout/layout.js';
import type { Repo } from '../repo.js';
import { readVersionMetadata } from '../store/metadata.js';

/** A larger content is no text to a query. */
const MOST_BYTES = 4 * 1024 * 1024;

export interface VersionPlace {
  readonly modelId: string;
  readonly name: string;
  readonly version: number;
}

/** Undefined for what is not UTF-8, is larger than 4 MiB, is damaged, or is gone by now. */
export function contentText(repo: Repo, { modelId, name, version }: VersionPlace): string | undefined {
  const dir = repo.layout.version(modelId, name, version);
  const bytes = bytesAt(join(dir, CONTENT)) ?? bytesOfParts(dir);
  return bytes !== undefined && bytes.length <= MOST_BYTES && isUtf8(bytes) ? bytes.toString() : undefined;
}

function bytesAt(path: string): Buffer | undefined {
  const read = readPlainFile(path, MOST_BYTES);
  return read === undefined || 'refused' in read ? undefined : read.bytes;
}

function bytesOfParts(dir: string): Buffer | undefined {
  const metadata = readVersionMetadata(join(dir, METADATA));
  if (metadata?.parts === undefined || metadata.size > MOST_BYTES) return undefined;
  const parts = metadata.parts.map(({ number }) => bytesAt(join(dir, PARTS, String(number))));
  return parts.includes(undefined) ? undefined : Buffer.concat(parts as Buffer[]);
}

export function isJson(contentType: string): boolean {
  return /^application\/(?:[a-z0-9.+-]+\+)?json(?:\s*;|$)/i.test(contentType);
}

/** What a JSON content says; undefined for every other content, and for JSON that is malformed. */
export function jsonOf(text: string | undefined, contentType: string): unknown {
  if (text === undefined || !isJson(contentType)) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
