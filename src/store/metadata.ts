/** The JSON records of the store: artifact.json, metadata.json, tombstones. Parsed with limits, never trusted further (P7). */
import { SwampError } from '../errors.js';
import { readPlainFile } from '../fs/plain.js';

/** Who wrote a version. */
export interface Owner {
  /** `manual` for `data put`, `model-method` for the outputs of a method. */
  readonly ownerType: string;
  readonly ownerRef: string;
}

/** metadata.json beside the content. Version and generation are told by the path and artifact.json, not here. */
export interface VersionMetadata {
  /** A UUID of this version. */
  readonly id: string;
  /** Names the commit: how a fenced-off writer finds out whether it had committed. */
  readonly commit: string;
  readonly contentType: string;
  readonly lifetime: string;
  /** How many versions, or which age of versions, gc keeps; `all`. */
  readonly garbageCollection: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly ownerDefinition: Owner;
  /** RFC 3339, UTC. */
  readonly createdAt: string;
  /** Bytes of the content. */
  readonly size: number;
  /** SHA-256 of the content, 64 hex digits. */
  readonly checksum: string;
  /** The content is these parts, in this order; absent when it is one file. */
  readonly parts?: readonly Part[];
}

/** One part of a content. */
export interface Part {
  /** From 1, without a gap. */
  readonly number: number;
  readonly size: number;
  /** SHA-256 of the part. */
  readonly checksum: string;
}

/** artifact.json: the one record of an artifact that changes. */
export interface ArtifactRecord {
  /** The full name: the directory's segment may be a hash of it. */
  readonly name: string;
  /** Data-fence epoch under which the artifact was created (P4). */
  readonly generation: number;
  /** No version up to here may be given out again (P4). */
  readonly floor: number;
}

/** tombstones/<model-id>/<artifact>.json: was deleted, and where a new one counts on from. A live artifact outranks it. */
export interface Tombstone extends ArtifactRecord {
  /** RFC 3339, UTC. */
  readonly deletedAt: string;
  /** The name under which the artifact went on: readers are led there. */
  readonly renamedTo?: string;
}

/** Room for a version of ten thousand parts. */
export const MAX_RECORD_BYTES = 4 * 1024 * 1024;

/** Of a definition file. */
export const MAX_DEFINITION_BYTES = 1024 * 1024;

/** In JSON a byte takes up to six: `\u0001`. */
const JSON_BYTES = 6;

/**
 * Of a record that holds the texts of definitions: at most two, one that comes and one that goes. Whatever such a record is
 * written of, it can be read: one that is published and cannot be carried out stops every command.
 */
export const MAX_TEXTS_BYTES = MAX_RECORD_BYTES + 2 * JSON_BYTES * MAX_DEFINITION_BYTES;

export function serialise(record: object): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** The record in a file; undefined when there is none; `corrupt` when it is not what it must be. */
export function readVersionMetadata(path: string): VersionMetadata | undefined {
  const fields = readRecord(path);
  return fields === undefined ? undefined : parseVersionMetadata(fields, path);
}

export function parseVersionMetadata(fields: Fields, path: string): VersionMetadata {
  const size = number(fields, 'size', path);
  const checksum = digest(fields, path);
  const owner = object(fields, 'ownerDefinition', path);
  return {
    id: text(fields, 'id', path),
    commit: text(fields, 'commit', path),
    contentType: text(fields, 'contentType', path),
    lifetime: text(fields, 'lifetime', path),
    garbageCollection: text(fields, 'garbageCollection', path),
    tags: strings(object(fields, 'tags', path), path),
    ownerDefinition: { ownerType: text(owner, 'ownerType', path), ownerRef: text(owner, 'ownerRef', path) },
    createdAt: text(fields, 'createdAt', path),
    size,
    checksum,
    ...(fields.has('parts') ? { parts: parts(fields.get('parts'), size, path) } : {}),
  };
}

/** B6: what a record declares is the content, without a gap and up to its size. */
function parts(value: unknown, size: number, path: string): Part[] {
  if (!Array.isArray(value)) throw malformed(path, 'parts is no list');
  const list = value.map((item: unknown, i): Part => {
    if (typeof item !== 'object' || item === null) throw malformed(path, `part ${i + 1} is no object`);
    const fields = new Map(Object.entries(item));
    const part = { number: number(fields, 'number', path), size: number(fields, 'size', path), checksum: digest(fields, path) };
    if (part.number !== i + 1) throw malformed(path, `part ${i + 1} is missing`);
    return part;
  });
  if (list.reduce((sum, part) => sum + part.size, 0) !== size) throw malformed(path, 'the parts do not add up to its size');
  return list;
}

function digest(fields: Fields, path: string): string {
  const checksum = text(fields, 'checksum', path);
  if (!/^[0-9a-f]{64}$/.test(checksum)) throw malformed(path, 'checksum is not 64 hex digits');
  return checksum;
}

export function readArtifactRecord(path: string): ArtifactRecord | undefined {
  const fields = readRecord(path);
  return fields === undefined ? undefined : artifactRecord(fields, path);
}

export function readTombstone(path: string): Tombstone | undefined {
  const fields = readRecord(path);
  return fields === undefined ? undefined : parseTombstone(fields, path);
}

export function parseTombstone(fields: Fields, path: string): Tombstone {
  const renamedTo = fields.has('renamedTo') ? { renamedTo: text(fields, 'renamedTo', path) } : {};
  return { ...artifactRecord(fields, path), deletedAt: text(fields, 'deletedAt', path), ...renamedTo };
}

function artifactRecord(fields: Fields, path: string): ArtifactRecord {
  return { name: text(fields, 'name', path), generation: number(fields, 'generation', path), floor: number(fields, 'floor', path) };
}

export type Fields = Map<string, unknown>;

/** A JSON object as a map, so that no key of it ever reaches a prototype. Nothing is read of a file that is too large for a record. */
export function readRecord(path: string, limit: number = MAX_RECORD_BYTES): Fields | undefined {
  const read = readPlainFile(path, limit);
  if (read === undefined) return undefined;
  if ('refused' in read) throw malformed(path, `it ${read.message}`);
  return parseRecord(read.bytes.toString(), path, limit);
}

export function parseRecord(source: string, path: string, limit: number = MAX_RECORD_BYTES): Fields {
  if (source.length > limit) throw malformed(path, `it has more than ${limit} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed(path, source === '' ? 'it is empty' : 'it is no JSON');
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(path, 'it is no JSON object');
  return new Map(Object.entries(value));
}

export function text(fields: Fields, key: string, path: string): string {
  const value = fields.get(key);
  if (typeof value !== 'string') throw malformed(path, `${key} is no text`);
  return value;
}

export function number(fields: Fields, key: string, path: string): number {
  const value = fields.get(key);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed(path, `${key} is no whole number`);
  return value;
}

export function object(fields: Fields, key: string, path: string): Fields {
  const value = fields.get(key);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(path, `${key} is no object`);
  return new Map(Object.entries(value));
}

export function strings(fields: Fields, path: string): Record<string, string> {
  for (const [key, value] of fields) if (typeof value !== 'string') throw malformed(path, `tag ${key} is no text`);
  return Object.fromEntries(fields) as Record<string, string>;
}

export function malformed(path: string, why: string): SwampError {
  return new SwampError('corrupt', `${path} is damaged: ${why}.`, { hint: 'Run "swamp datastore check" for everything that is damaged.', data: { path } });
}
