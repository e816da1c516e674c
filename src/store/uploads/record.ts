/** The record of an unfinished upload: what `upload begin` was given, for the completion to go by. */
import { join } from 'node:path';
import { reach } from '../../fs/reach.js';
import { readAs, VERSION_FIELDS } from '../metadata.js';
import { artifactName, type Field, flag, modelId, natural, optional, record, time } from '../record.js';
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

export const UPLOAD: Field<UploadRecord> = record({
  name: artifactName,
  modelId,
  createdAt: time,
  fields: record(VERSION_FIELDS),
  expectVersion: optional(natural),
  ifChanged: flag,
});

/** The record of the upload in `dir`; undefined when it has gone. Throws `corrupt`. */
export function readUploadRecord(dir: string): UploadRecord | undefined {
  return reach(dir) ? readAs(UPLOAD, join(dir, UPLOAD_RECORD)) : undefined;
}
