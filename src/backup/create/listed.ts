/** What a point in time consists of: plain data, and the identity by which a directory is found again. */

import { SwampError } from '../../errors.js';
import { identityIn, statusOf } from '../../fs/identity.js';
import type { ArtifactRecord, Tombstone } from '../../store/metadata.js';
import type { UploadRecord } from '../../store/uploads/record.js';
import type { BackupCounts } from '../format.js';

/** What a backup is to hold. */
export interface Wanted {
  /** Names or ids; null: all. */
  readonly models: readonly string[] | null;
  readonly allVersions: boolean;
  readonly incompleteUploads: boolean;
  readonly orphans: boolean;
  /** Patterns of what to leave out. */
  readonly exclude?: readonly string[];
}

/** `<device>:<inode>` of a directory, by which it is found again wherever it is moved. */
export type Identity = string;

export interface ListedVersion {
  readonly version: number;
  readonly identity: Identity;
}

export interface ListedArtifact extends ArtifactRecord {
  /** Where it was. */
  readonly dir: string;
  readonly identity: Identity;
  /** Those that are to be read, ascending; the last one is the latest. */
  readonly versions: readonly ListedVersion[];
  /** How many older ones are left out. */
  readonly older: number;
  /** Paths of what is in it and is not a version. */
  readonly strays: readonly string[];
}

export interface ListedUpload {
  readonly id: string;
  readonly dir: string;
  /** Of the directory of its parts. */
  readonly identity: Identity;
  readonly record: UploadRecord;
  /** Those that were there: the names in parts/. */
  readonly parts: readonly string[];
  /** What was sent: the names in sums/. */
  readonly sums: readonly string[];
}

export interface ListedModel {
  readonly id: string;
  /** In the backup: `models/<name>`, or `orphans/<id>`. */
  readonly directory: string;
  /** The text of the definition; undefined for an orphan. */
  readonly definition: string | undefined;
  /** By name. */
  readonly artifacts: readonly ListedArtifact[];
  /** By name. */
  readonly tombstones: readonly Tombstone[];
  readonly uploads: readonly ListedUpload[];
  readonly epochs: { readonly data: number; readonly run: number };
}

/** How many of each kind are left out. */
export interface ExcludedCounts {
  readonly olderVersions: number;
  readonly incompleteUploads: number;
  readonly orphans: number;
  readonly otherModels: number;
  readonly deletedModels: number;
  readonly keptOutputs: number;
  /** By a pattern. */
  readonly excludedArtifacts: number;
}

/** What cannot be read as it was written: an artifact, one of its versions, a tombstone or an upload. */
export interface Damage {
  readonly modelId: string;
  /** Of the artifact, or the id of the upload; null where it cannot be read. */
  readonly name: string | null;
  readonly version: number | null;
  readonly error: SwampError;
}

export interface Snapshot {
  /** The moment of the listing. RFC 3339, UTC. */
  readonly createdAt: string;
  /** Epoch of the global fence. */
  readonly global: number;
  /** Definitions by name, then orphans by id. */
  readonly models: readonly ListedModel[];
  readonly excluded: ExcludedCounts;
  /** What could not be listed. */
  readonly damaged: readonly Damage[];
  /** Paths of what is among the data and belongs to nothing. */
  readonly strays: readonly string[];
}

/** What a backup of it holds; how many bytes is known when the contents are read. */
export function countsOf({ models }: Snapshot): Omit<BackupCounts, 'bytes'> {
  const sum = (of: (model: ListedModel) => number): number => models.reduce((total, model) => total + of(model), 0);
  return {
    models: models.filter(({ definition }) => definition !== undefined).length,
    artifacts: sum(({ artifacts }) => artifacts.length),
    versions: sum(({ artifacts }) => artifacts.reduce((total, { versions }) => total + versions.length, 0)),
    tombstones: sum(({ tombstones }) => tombstones.length),
    uploads: sum(({ uploads }) => uploads.length),
    // Uploads are not written to the directory of their model.
    orphans: models.filter(({ definition, artifacts, tombstones }) => definition === undefined && artifacts.length + tombstones.length > 0).length,
  };
}

/** Undefined when nothing is there. Throws `corrupt` for what is not a directory: no link is followed. */
export function directoryIdentity(dir: string): Identity | undefined {
  const status = statusOf(dir);
  if (status === undefined) return undefined;
  if (!status.isDirectory()) throw damaged(dir, 'it is not a directory');
  return identityIn(status);
}

export function damaged(path: string, why: string): SwampError {
  return new SwampError('corrupt', `${path} is damaged: ${why}.`, {
    hint: 'Run "swamp datastore check" for everything that is damaged. Nothing was written.',
    data: { path },
  });
}
