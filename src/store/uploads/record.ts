/** The record of an unfinished upload: what `upload begin` was told, for the completion to go by. */
import { join } from 'node:path';
import { reach } from '../../fs/reach.js';
import { type Fields, malformed, number, object, readRecord, strings, text } from '../metadata.js';
import type { VersionFields } from '../stage.js';

/** upload.json. Never changes. */
export interface UploadRecord {
  /** The artifact it becomes a version of. */
  readonly name: string;
  readonly modelId: string;
  /** RFC 3339, UTC. */
  readonly createdAt: string;
  readonly fields: VersionFields;
  /** Asked when it is completed: the number that the latest version must have; 0: there must be none. */
  readonly expectVersion?: number;
  /** Nothing is written when the content equals the latest version. */
  readonly ifChanged: boolean;
}

export const UPLOAD_RECORD = 'upload.json';

/** The record of the upload in `dir`; undefined when it has gone. Throws `corrupt`. */
export function readUploadRecord(dir: string): UploadRecord | undefined {
  const path = join(dir, UPLOAD_RECORD);
  const record = reach(dir) ? readRecord(path) : undefined;
  return record === undefined ? undefined : parseUploadRecord(record, path);
}

export function parseUploadRecord(record: Fields, path: string): UploadRecord {
  const ifChanged = record.get('ifChanged');
  if (typeof ifChanged !== 'boolean') throw malformed(path, 'ifChanged is neither true nor false');
  const fields = object(record, 'fields', path);
  const owner = object(fields, 'ownerDefinition', path);
  return {
    name: text(record, 'name', path),
    modelId: text(record, 'modelId', path),
    createdAt: text(record, 'createdAt', path),
    fields: {
      contentType: text(fields, 'contentType', path),
      lifetime: text(fields, 'lifetime', path),
      garbageCollection: text(fields, 'garbageCollection', path),
      tags: strings(object(fields, 'tags', path), path),
      ownerDefinition: { ownerType: text(owner, 'ownerType', path), ownerRef: text(owner, 'ownerRef', path) },
    },
    ...(record.has('expectVersion') ? { expectVersion: number(record, 'expectVersion', path) } : {}),
    ifChanged,
  };
}
