/** The JSON records of the store: artifact.json, metadata.json, tombstones. Parsed with limits, never trusted further (P7). */
import { SwampError } from '../errors.js';
import { readPlainFile } from '../fs/plain.js';
import { artifactName, checksum, type Field, garbageCollection, lifetime, listOf, natural, optional, record, tags, text, time } from './record.js';

/** What wrote a version. */
export interface Owner {
  /** `manual` for `data put`, `model-method` for the outputs of a method. */
  readonly ownerType: string;
  readonly ownerRef: string;
}

/** metadata.json beside the content. The path and artifact.json give version and generation. */
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
  /** No version up to here may be given out again (P4); above it, up to the latest, none is missing (P10). */
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
  return readAs(METADATA_RECORD, path);
}

/** What is said of a version before it has content. */
export const VERSION_FIELDS = { contentType: text, lifetime, garbageCollection, tags, ownerDefinition: record({ ownerType: text, ownerRef: text }) };

/** The fields of a version whose content is one file. */
export const ONE_CONTENT = { id: text, commit: text, ...VERSION_FIELDS, createdAt: time, size: natural, checksum };

const ANY_CONTENT = record({ ...ONE_CONTENT, parts: optional(listOf(record({ number: natural, size: natural, checksum }))) });

/** B6: what a record declares is the content, without a gap and up to its size. */
export const METADATA_RECORD: Field<VersionMetadata> = (value, wrong) => {
  const metadata = ANY_CONTENT(value, wrong);
  const { parts = [{ number: 1, size: metadata.size }] } = metadata;
  const gap = parts.findIndex(({ number }, i) => number !== i + 1);
  if (gap >= 0) wrong(`part ${gap + 1} is missing`);
  if (parts.reduce((sum, part) => sum + part.size, 0) !== metadata.size) wrong('the parts do not add up to its size');
  return metadata;
};

const ARTIFACT_FIELDS = { name: artifactName, generation: natural, floor: natural };
const ARTIFACT: Field<ArtifactRecord> = record(ARTIFACT_FIELDS);
export const TOMBSTONE: Field<Tombstone> = record({ ...ARTIFACT_FIELDS, deletedAt: time, renamedTo: optional(artifactName) });

export function readArtifactRecord(path: string): ArtifactRecord | undefined {
  return readAs(ARTIFACT, path);
}

export function readTombstone(path: string): Tombstone | undefined {
  return readAs(TOMBSTONE, path);
}

/** The record in a file, judged by its table; undefined when there is none. Throws `corrupt`. */
export function readAs<T>(field: Field<T>, path: string, limit?: number): T | undefined {
  const fields = readRecord(path, limit);
  return fields === undefined ? undefined : judged(field, fields, path);
}

/** The record in a text. Throws `corrupt`. */
export function parseAs<T>(field: Field<T>, source: string, path: string, limit?: number): T {
  return judged(field, parseRecord(source, path, limit), path);
}

/** What a table says of a record. Throws `corrupt` with the field that is wrong. */
export function judged<T>(field: Field<T>, value: object, path: string): T {
  return field(value, (why, at) => {
    throw malformed(path, at === undefined ? why : `${at} ${why}`);
  });
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
    if (error instanceof SyntaxError) throw malformed(path, source === '' ? 'it is empty' : 'it is not JSON');
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(path, 'it is not a JSON object');
  return new Map(Object.entries(value));
}

export function malformed(path: string, why: string): SwampError {
  return new SwampError('corrupt', `${path} is damaged: ${why}.`, { hint: 'Run "swamp datastore check" for everything that is damaged.', data: { path } });
}
