/** What every operation of the library takes, field by field: the compiler finds one that is missing here, `accept` refuses what is not here. */

import type { BackupCreateInput } from '../operations/backup-create.js';
import type { BackupPruneInput } from '../operations/backup-prune.js';
import type { BackupRestoreInput } from '../operations/backup-restore.js';
import type { BatchItem, DataBatchInput } from '../operations/batch-items.js';
import type { DataDeleteInput } from '../operations/data-delete.js';
import type { DataGcInput } from '../operations/data-gc.js';
import type { DataGetInput } from '../operations/data-get.js';
import type { DataListInput } from '../operations/data-list.js';
import type { DataPruneInput } from '../operations/data-prune.js';
import type { DataPutInput, VersionInput } from '../operations/data-put.js';
import type { DataQueryInput } from '../operations/data-query.js';
import type { DataSearchInput } from '../operations/data-search.js';
import type { DataSqlInput } from '../operations/data-sql.js';
import type { DataVersionsInput } from '../operations/data-versions.js';
import type { DataWatchInput } from '../operations/data-watch.js';
import type { DatastoreRepairInput } from '../operations/datastore-repair.js';
import type { DatastoreSetupInput } from '../operations/datastore-setup.js';
import type { DatastoreSweepInput } from '../operations/datastore-sweep.js';
import type { LockReleaseInput } from '../operations/lock-release.js';
import type { ModelCreateInput } from '../operations/model-create.js';
import type { ModelDeleteInput } from '../operations/model-delete.js';
import type { ModelEditInput } from '../operations/model-edit.js';
import type { ModelExecInput } from '../operations/model-exec.js';
import type { ModelRunInput } from '../operations/model-run.js';
import type { ModelSetInput } from '../operations/model-set.js';
import type { RepoImportInput } from '../operations/repo-import.js';
import type { UploadCompleteInput } from '../operations/upload-complete.js';
import type { UploadPartInput } from '../operations/upload-part.js';
import type { SourceDemands } from '../store/source.js';
import { MAX_PARTS } from '../store/uploads/parts.js';
import { ANYTHING, FUNCTION, type InputFields, ITEMS, needed, PAIRS, REPORTER, SIGNAL, SOURCE, SWITCH, TEXT, TEXT_OR_BYTES, TEXTS, whole } from './accept.js';

const NEEDED_TEXT = needed(TEXT);
const VERSION_NUMBER = whole(1);

export const NOTHING = {} satisfies InputFields<object>;
export const NEEDED_MODEL = { model: NEEDED_TEXT };
export const MODEL_IF_GIVEN = { model: TEXT };
export const MODEL_LIST = { text: TEXT };
export const MODEL_RENAME = { model: NEEDED_TEXT, newName: NEEDED_TEXT };
export const DATA_VERSIONS: InputFields<DataVersionsInput> = { model: NEEDED_TEXT, name: NEEDED_TEXT, limit: whole(1), before: whole(1) };
export const DATA_RENAME = { model: NEEDED_TEXT, oldName: NEEDED_TEXT, newName: NEEDED_TEXT };
export const NEEDED_UPLOAD = { upload: NEEDED_TEXT };
export const DIRECTORY = { dir: NEEDED_TEXT };
export const VERIFIED = { dir: NEEDED_TEXT, base: TEXT };
export const TWO_SIDES = { dir: NEEDED_TEXT, other: NEEDED_TEXT };
export const ARCHIVE = { dir: NEEDED_TEXT, file: NEEDED_TEXT };

export const MODEL_CREATE: InputFields<ModelCreateInput> = {
  type: NEEDED_TEXT,
  name: NEEDED_TEXT,
  run: TEXT,
  deleteRun: TEXT,
  set: PAIRS,
  tags: PAIRS,
  description: TEXT,
};
export const MODEL_DELETE: InputFields<ModelDeleteInput> = { model: NEEDED_TEXT, withData: SWITCH, dryRun: SWITCH, ifExists: SWITCH };
export const MODEL_RUN: InputFields<ModelRunInput> = { model: NEEDED_TEXT, method: TEXT, inputs: PAIRS, timeoutMs: whole(1) };

export const MODEL_EDIT: InputFields<ModelEditInput> = { model: NEEDED_TEXT, text: needed(TEXT) };
export const MODEL_SET: InputFields<ModelSetInput> = { model: NEEDED_TEXT, set: PAIRS, unset: TEXTS };
export const MODEL_EXEC: InputFields<ModelExecInput> = { model: NEEDED_TEXT, command: needed(TEXTS), create: SWITCH };

const DEMANDS: InputFields<SourceDemands> = { ifStable: SWITCH, noEmpty: SWITCH };

export const VERSION: InputFields<VersionInput> = {
  model: NEEDED_TEXT,
  name: NEEDED_TEXT,
  contentType: TEXT,
  tags: PAIRS,
  lifetime: TEXT,
  gc: TEXT,
  expectVersion: whole(0),
  ifChanged: SWITCH,
  create: SWITCH,
};
export const BATCH_ITEM: InputFields<BatchItem> = {
  name: NEEDED_TEXT,
  model: TEXT,
  content: TEXT_OR_BYTES,
  contentBase64: TEXT,
  json: ANYTHING,
  file: TEXT,
  contentType: TEXT,
  tags: PAIRS,
  lifetime: TEXT,
  gc: TEXT,
  expectVersion: whole(0),
  ifChanged: SWITCH,
};
export const DATA_BATCH: InputFields<DataBatchInput> = { model: TEXT, items: needed(ITEMS), create: SWITCH, atomic: SWITCH, ...DEMANDS };
export const DATA_PUT: InputFields<DataPutInput> = { ...VERSION, source: needed(SOURCE), ...DEMANDS };
export const DATA_GET: InputFields<DataGetInput> = { model: NEEDED_TEXT, name: NEEDED_TEXT, version: VERSION_NUMBER, verify: SWITCH };
export const DATA_LIST: InputFields<DataListInput> = { model: TEXT, type: TEXT, prefix: TEXT, limit: whole(1), after: TEXT };
export const DATA_SEARCH: InputFields<DataSearchInput> = {
  text: TEXT,
  model: TEXT,
  tags: PAIRS,
  type: TEXT,
  contentType: TEXT,
  lifetime: TEXT,
  since: TEXT,
  ownerType: TEXT,
  limit: whole(1),
};
export const DATA_WATCH: InputFields<DataWatchInput> = { model: TEXT, prefix: TEXT, since: TEXT, untilIdle: whole(0) };
export const DATA_QUERY: InputFields<DataQueryInput> = {
  predicate: NEEDED_TEXT,
  select: TEXT,
  orderBy: TEXT,
  desc: SWITCH,
  limit: whole(1),
  after: TEXT,
};
export const DATA_SQL: InputFields<DataSqlInput> = { sql: NEEDED_TEXT };
export const DATA_DELETE: InputFields<DataDeleteInput> = {
  model: NEEDED_TEXT,
  name: TEXT,
  version: VERSION_NUMBER,
  prefix: TEXT,
  all: SWITCH,
  dryRun: SWITCH,
  ifExists: SWITCH,
};

export const REPO_IMPORT: InputFields<RepoImportInput> = { dir: NEEDED_TEXT, dryRun: SWITCH };
export const DATA_PRUNE: InputFields<DataPruneInput> = { dryRun: SWITCH };
export const DATA_GC: InputFields<DataGcInput> = { model: TEXT, dryRun: SWITCH, uploadsOlderThan: TEXT };

export const UPLOAD_PART: InputFields<UploadPartInput> = { upload: NEEDED_TEXT, partNumber: needed(whole(1, MAX_PARTS)), source: needed(SOURCE), ...DEMANDS };
export const UPLOAD_COMPLETE: InputFields<UploadCompleteInput> = { upload: NEEDED_TEXT, parts: whole(0, MAX_PARTS) };

export const BACKUP_CREATE: InputFields<BackupCreateInput> = {
  dir: NEEDED_TEXT,
  models: TEXTS,
  latestOnly: SWITCH,
  allVersions: SWITCH,
  includeIncompleteUploads: SWITCH,
  includeOrphans: SWITCH,
  encodeNames: SWITCH,
  renameCollisions: SWITCH,
  base: TEXT,
  copy: SWITCH,
  skipDamaged: SWITCH,
  exclude: TEXTS,
  tags: PAIRS,
  dryRun: SWITCH,
};
export const BACKUP_RESTORE: InputFields<BackupRestoreInput> = { dir: NEEDED_TEXT, mode: TEXT, model: TEXT, as: TEXT, name: TEXT, dryRun: SWITCH };
export const BACKUP_PRUNE: InputFields<BackupPruneInput> = {
  dir: NEEDED_TEXT,
  keepLast: whole(1),
  keepDaily: whole(1),
  keepWeekly: whole(1),
  keepMonthly: whole(1),
  dryRun: SWITCH,
};

export const REPAIR: InputFields<DatastoreRepairInput> = { dryRun: SWITCH };
export const SWEEP: InputFields<DatastoreSweepInput> = { dryRun: SWITCH, kept: SWITCH, retryTeardown: TEXT };
export const SETUP: InputFields<DatastoreSetupInput> = { path: NEEDED_TEXT, skipMigration: SWITCH, dryRun: SWITCH };
export const LOCK_RELEASE: InputFields<LockReleaseInput> = { force: SWITCH, model: TEXT };

export const CANCEL = { signal: SIGNAL };
/** Of an operation that asks, reports its progress, or hands on what a command prints. */
export const OPTIONS = { ...CANCEL, confirm: FUNCTION, onProgress: FUNCTION, onOutput: FUNCTION, onReady: FUNCTION };

export const OPEN = { dir: TEXT };
export const OPEN_OPTIONS = { lockTimeoutMs: whole(1), readOnly: SWITCH, reporter: REPORTER, command: TEXT };
