/** The format of a backup, as design/backup.md states it: every name in the tree, and the records in it. */
import type { Tombstone, VersionMetadata } from '../store/metadata.js';

/** The format that this program writes, and the only one that it reads. */
export const BACKUP_FORMAT = 2;

export const MANIFEST = 'MANIFEST.json';
export const CHECKSUMS = 'CHECKSUMS';
export const KEYMAP = 'KEYMAP.jsonl';
export const DEFINITION = '_model.yaml';
export const TOMBSTONES = '_tombstones.jsonl';
export const SAVED_UPLOAD_RECORD = 'record.json';

/** What follows an artifact's path. No natural name has a segment that ends like one of these (B10). */
export const SIDECAR_SUFFIX = '.swamp-meta.json';
export const LEAF_SUFFIX = '.swamp-leaf';
export const SAFE_SUFFIX = '.swamp-name';
export const VERSION_SUFFIX = '.swamp-v';

/** Bytes of a segment of a natural path: with the longest suffix it still has at most 255. */
export const MAX_SEGMENT_BYTES = 220;
/** Bytes of a name that is kept as it is: some systems have room for 1,024 in a whole path, DIR and model included. */
export const MAX_NAME_BYTES = 700;

/** Of control files; content follows the umask. */
export const CONTROL_MODE = 0o600;

/** What a reader takes at most, in bytes. Room for 100,000 models, and for as many versions of one artifact. */
export const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;
export const MAX_SIDECAR_BYTES = 128 * 1024 * 1024;
/** A line of KEYMAP.jsonl, _tombstones.jsonl or CHECKSUMS. */
export const MAX_LINE_BYTES = 64 * 1024;
/** Other control files. */
export const MAX_CONTROL_BYTES = 4 * 1024 * 1024;

export interface Manifest {
  readonly formatVersion: number;
  readonly toolVersion: string;
  readonly repoId: string;
  /** RFC 3339, UTC. */
  readonly createdAt: string;
  readonly consistencyPoint: ConsistencyPoint;
  readonly options: BackupOptions;
  readonly counts: BackupCounts;
  readonly excluded: readonly Excluded[];
  /** What the person noted; absent when nothing was. */
  readonly tags?: Readonly<Record<string, string>>;
  /** What could not be read and was left out, as asked for; absent when there was nothing. */
  readonly damaged?: readonly LeftOut[];
}

/** Something of the datastore that the backup does not hold because it was damaged (B18). */
export interface LeftOut {
  /** `models/<name>` or `orphans/<id>`. */
  readonly model: string;
  /** Of the artifact, or the id of the upload; null: it could not be read. */
  readonly name: string | null;
  /** Null: the whole artifact. */
  readonly version: number | null;
  /** An error code: `corrupt`, `checksum_mismatch`, `incomplete_chunks` or `io`. */
  readonly reason: string;
}

/** The epochs of the fences at the listing. */
export interface ConsistencyPoint {
  readonly global: number;
  /** By model id. */
  readonly models: Readonly<Record<string, { readonly data: number; readonly run: number }>>;
}

export interface BackupOptions {
  readonly allVersions: boolean;
  readonly incompleteUploads: boolean;
  readonly orphans: boolean;
  readonly encodeNames: boolean;
  readonly renameCollisions: boolean;
  /** Names of the models asked for; null: all. */
  readonly models: readonly string[] | null;
  /** Patterns of what was left out; absent: none. */
  readonly exclude?: readonly string[];
}

/** What is in the backup. `artifacts`, `versions`, `bytes` and `tombstones` count those of orphans too. */
export interface BackupCounts {
  /** Definitions. */
  readonly models: number;
  /** Sidecars. */
  readonly artifacts: number;
  /** Contents. */
  readonly versions: number;
  /** Of all contents; parts of uploads do not count. */
  readonly bytes: number;
  readonly tombstones: number;
  readonly uploads: number;
  /** Directories under orphans/. */
  readonly orphans: number;
}

export type Excluded = 'older-versions' | 'incomplete-uploads' | 'orphans' | 'other-models' | 'deleted-models' | 'kept-outputs' | 'excluded-artifacts';

/** The sidecar of an artifact. */
export interface Sidecar {
  readonly name: string;
  readonly generation: number;
  readonly floor: number;
  /** Ascending; the content of the last one is at the artifact's path. */
  readonly versions: readonly SidecarVersion[];
}

export type SidecarVersion = { readonly version: number } & VersionMetadata;

export type TombstoneLine = Tombstone;

/** A line of KEYMAP.jsonl. */
export interface KeymapRecord {
  /** Of the latest content, relative to the backup. */
  readonly path: string;
  /** `models/<name>` or `orphans/<id>`. */
  readonly model: string;
  readonly name: string;
  readonly reason: 'leaf' | 'encoded' | 'collision';
}

/** What `verify` finds (B15). */
export interface BackupFinding {
  readonly path: string;
  readonly kind:
    | 'altered'
    | 'missing'
    | 'unreadable'
    | 'unlisted'
    | 'keymap'
    | 'symlink'
    | 'hardlink'
    | 'special_file'
    | 'traversal'
    | 'format_version'
    | 'manifest';
  readonly message: string;
}
