/** The library: the operations of the command line for Node programs, with the same results and the same errors. */
import { setMaxListeners } from 'node:events';
import { asSwampError, isSystemError } from './errors.js';
import { type BackupCreateInput, type BackupCreateOptions, type BackupCreateResult, backupCreate } from './operations/backup-create.js';
import { type BackupDifference, type BackupDiffResult, backupDiff } from './operations/backup-diff.js';
import { type BackupPackResult, backupPack } from './operations/backup-pack.js';
import { type BackupPruneInput, type BackupPruneResult, backupPrune } from './operations/backup-prune.js';
import { type BackupRestoreInput, type BackupRestoreOptions, type BackupRestoreResult, backupRestore } from './operations/backup-restore.js';
import { type BackupUnpackResult, backupUnpack } from './operations/backup-unpack.js';
import { type BackupVerifyResult, backupVerify } from './operations/backup-verify.js';
import { type DataGetResult, dataContent } from './operations/data-content.js';
import { type DataDeleteInput, type DeleteManyResult, type DeleteOneResult, type DeletePlan, dataDelete } from './operations/data-delete.js';
import { type DataGetInput, dataGetRecord } from './operations/data-get.js';
import { type DataListInput, type DataListResult, dataList } from './operations/data-list.js';
import { type DataPutInput, type DataPutResult, dataPut, type VersionInput } from './operations/data-put.js';
import type { DataRecord } from './operations/data-record.js';
import { type DataRenameResult, dataRename } from './operations/data-rename.js';
import { type DataVersionsResult, dataVersions } from './operations/data-versions.js';
import { type DatastoreCheckResult, datastoreCheck } from './operations/datastore-check.js';
import { type DatastoreRepairInput, type DatastoreRepairOptions, type DatastoreRepairResult, datastoreRepair } from './operations/datastore-repair.js';
import { type DatastoreStatusResult, datastoreStatus } from './operations/datastore-status.js';
import { type DatastoreSweepInput, type DatastoreSweepResult, datastoreSweep } from './operations/datastore-sweep.js';
import { type LockReleaseInput, type LockReleaseResult, lockRelease } from './operations/lock-release.js';
import { type LockStatusResult, lockStatus } from './operations/lock-status.js';
import { type ModelCreateInput, type ModelCreateResult, modelCreate } from './operations/model-create.js';
import { type ModelDeleteInput, type ModelDeleteOptions, type ModelDeleteResult, modelDelete } from './operations/model-delete.js';
import { type ModelGetResult, modelGet } from './operations/model-get.js';
import { type ModelListResult, modelList } from './operations/model-list.js';
import { type ModelRenameResult, modelRename } from './operations/model-rename.js';
import { type ModelRunInput, type ModelRunOptions, type ModelRunResult, modelRun } from './operations/model-run.js';
import { type ModelValidateResult, modelValidate } from './operations/model-validate.js';
import { type RepoInfoResult, repoInfo } from './operations/repo-info.js';
import { type RepoInitResult, repoInit } from './operations/repo-init.js';
import { settleFirst, startOver } from './operations/settle.js';
import { type UploadAbortResult, uploadAbort } from './operations/upload-abort.js';
import { type UploadBeginResult, uploadBegin } from './operations/upload-begin.js';
import { type UploadCompleteInput, uploadComplete } from './operations/upload-complete.js';
import { type UploadListResult, uploadList } from './operations/upload-list.js';
import { type UploadPartInput, type UploadPartResult, uploadPart } from './operations/upload-part.js';
import { findRepoDir, isReadOnly, openRepoAt, type Repo, type Reporter, SILENT } from './repo.js';
import { timingFrom } from './timing.js';

export { CODES, type ErrorCode, type ErrorDetails, SwampError } from './errors.js';
export type {
  BackupCreateInput,
  BackupCreateResult,
  BackupDifference,
  BackupDiffResult,
  BackupPackResult,
  BackupPruneInput,
  BackupPruneResult,
  BackupRestoreInput,
  BackupRestoreOptions,
  BackupRestoreResult,
  BackupUnpackResult,
  BackupVerifyResult,
  DataDeleteInput,
  DataGetInput,
  DataGetResult,
  DataListInput,
  DataListResult,
  DataPutInput,
  DataPutResult,
  DataRecord,
  DataRenameResult,
  DatastoreCheckResult,
  DatastoreRepairInput,
  DatastoreRepairOptions,
  DatastoreRepairResult,
  DatastoreStatusResult,
  DatastoreSweepInput,
  DatastoreSweepResult,
  DataVersionsResult,
  DeleteManyResult,
  DeleteOneResult,
  DeletePlan,
  LockReleaseInput,
  LockReleaseResult,
  LockStatusResult,
  ModelCreateInput,
  ModelCreateResult,
  ModelDeleteInput,
  ModelDeleteResult,
  ModelGetResult,
  ModelListResult,
  ModelRenameResult,
  ModelRunInput,
  ModelRunOptions,
  ModelRunResult,
  ModelValidateResult,
  RepoInfoResult,
  RepoInitResult,
  Reporter,
  UploadAbortResult,
  UploadBeginResult,
  UploadCompleteInput,
  UploadListResult,
  UploadPartInput,
  UploadPartResult,
  VersionInput,
};

export interface OpenOptions {
  /** How long an operation waits for locks. Milliseconds; default SWAMP_LOCK_TIMEOUT_MS, else 60,000. */
  readonly lockTimeoutMs?: number;
  /** Refuses whatever would write. Default: SWAMP_READ_ONLY says so. */
  readonly readOnly?: boolean;
  /** Told what goes on: waits, and what failed without changing the outcome. Default: nobody. */
  readonly reporter?: Reporter;
  /** What others are told of who holds a lock. Default: `library`. */
  readonly command?: string;
}

export interface Cancel {
  /** Ends the operation: it lets go of its locks and throws the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface Confirm extends Cancel {
  /** Asked once, before any lock is taken; nothing is deleted when it answers false. Default: nobody is asked. */
  readonly confirm?: (plan: DeletePlan) => Promise<boolean>;
}

/** An open repository. Every method throws a SwampError, or the reason of its signal. */
export interface OpenRepo {
  /** Its directory, absolute. */
  readonly root: string;
  readonly id: string;
  info(options?: Cancel): Promise<RepoInfoResult>;
  readonly model: {
    create(input: ModelCreateInput, options?: Cancel): Promise<ModelCreateResult>;
    list(input?: { readonly text?: string }): Promise<ModelListResult>;
    get(input: { readonly model: string }): Promise<ModelGetResult>;
    validate(input?: { readonly model?: string }): Promise<ModelValidateResult>;
    rename(input: { readonly model: string; readonly newName: string }, options?: Cancel): Promise<ModelRenameResult>;
    delete(input: ModelDeleteInput, options?: Partial<ModelDeleteOptions>): Promise<ModelDeleteResult>;
    run(input: ModelRunInput, options?: Partial<ModelRunOptions>): Promise<ModelRunResult>;
  };
  readonly data: {
    put(input: DataPutInput, options?: Cancel): Promise<DataPutResult>;
    get(input: DataGetInput, options?: Cancel): Promise<DataGetResult>;
    /** What `get` knows of a version, without its content. */
    record(input: DataGetInput, options?: Cancel): Promise<DataRecord>;
    list(input?: DataListInput, options?: Cancel): Promise<DataListResult>;
    versions(input: { readonly model: string; readonly name: string }, options?: Cancel): Promise<DataVersionsResult>;
    rename(input: { readonly model: string; readonly oldName: string; readonly newName: string }, options?: Cancel): Promise<DataRenameResult>;
    delete(input: DataDeleteInput, options?: Confirm): Promise<DeleteOneResult | DeleteManyResult>;
  };
  /** Versions that are written in parts, by many processes at once. */
  readonly upload: {
    begin(input: VersionInput, options?: Cancel): Promise<UploadBeginResult>;
    part(input: UploadPartInput, options?: Cancel): Promise<UploadPartResult>;
    complete(input: UploadCompleteInput, options?: Cancel): Promise<DataPutResult>;
    abort(input: { readonly upload: string }, options?: Cancel): Promise<UploadAbortResult>;
    list(input?: { readonly model?: string }): Promise<UploadListResult>;
  };
  readonly backup: {
    create(input: BackupCreateInput, options?: Partial<BackupCreateOptions>): Promise<BackupCreateResult>;
    restore(input: BackupRestoreInput, options?: Partial<BackupRestoreOptions>): Promise<BackupRestoreResult>;
  };
  readonly datastore: {
    status(options?: Cancel): Promise<DatastoreStatusResult>;
    check(options?: Cancel): Promise<DatastoreCheckResult>;
    repair(input?: DatastoreRepairInput, options?: Partial<DatastoreRepairOptions>): Promise<DatastoreRepairResult>;
    sweep(input?: DatastoreSweepInput, options?: Cancel): Promise<DatastoreSweepResult>;
    lockStatus(): Promise<LockStatusResult>;
    lockRelease(input: LockReleaseInput, options?: Cancel): Promise<LockReleaseResult>;
  };
}

/** Creates a repository in `dir`; does nothing where there is one. */
export const initRepo: (dir: string) => Promise<RepoInitResult> = (dir) => told(repoInit(dir));

/** What can be done with backups without a repository. Findings and differences are results; everything else throws a SwampError, or the reason of its signal. */
export interface Backups {
  verify(input: { readonly dir: string }, options?: Cancel): Promise<BackupVerifyResult>;
  /** `other`: a backup, or the directory of a repository. */
  diff(input: { readonly dir: string; readonly other: string }, options?: Cancel): Promise<BackupDiffResult>;
  /** Nobody is asked. */
  prune(input: BackupPruneInput, options?: Cancel): Promise<BackupPruneResult>;
  pack(input: { readonly dir: string; readonly file: string }, options?: Cancel): Promise<BackupPackResult>;
  unpack(input: { readonly file: string; readonly dir: string }, options?: Cancel): Promise<BackupUnpackResult>;
}

export const backups: Backups = Object.freeze({
  verify: (input, cancel) => told(backupVerify(input, withSignal(cancel))),
  diff: (input, cancel) => told(backupDiff(input, withSignal(cancel))),
  prune: (input, cancel) => {
    const readOnly = isReadOnly(process.env);
    return told(backupPrune(input, { ...withSignal(cancel), reporter: SILENT, readOnly, command: 'backup prune' }));
  },
  pack: (input, cancel) => told(backupPack(input, { ...withSignal(cancel), reporter: SILENT })),
  unpack: (input, cancel) => told(backupUnpack(input, { ...withSignal(cancel), reporter: SILENT })),
} satisfies Backups);

/**
 * Opens the repository in `dir`; without it the one that SWAMP_REPO_DIR names, else the nearest upwards from the working
 * directory. Throws `not_a_repo`, `config_invalid`.
 */
export function openRepo(dir?: string, options: OpenOptions = {}): OpenRepo {
  const { env } = process;
  const { lockTimeoutMs, ...rest } = options;
  const timing = timingFrom(env, lockTimeoutMs === undefined ? undefined : String(lockTimeoutMs));
  const repo = openRepoAt(findRepoDir(dir, env, process.cwd()), { ...rest, timing, env });
  return settling(repo, {
    root: repo.root,
    id: repo.id,
    info: (cancel) => told(repoInfo(repo, cancel)),
    model: {
      create: (input, cancel) => told(modelCreate(repo, input, withSignal(cancel))),
      list: (input) => told(modelList(repo, input)),
      get: (input) => told(modelGet(repo, input)),
      validate: (input) => told(modelValidate(repo, input)),
      rename: (input, cancel) => told(modelRename(repo, input, withSignal(cancel))),
      delete: (input, cancel) => told(modelDelete(repo, input, withSignal(cancel))),
      run: (input, cancel) => told(modelRun(repo, input, withSignal(cancel))),
    },
    data: {
      put: (input, cancel) => told(dataPut(repo, input, withSignal(cancel))),
      get: (input, cancel) => told(dataContent(repo, input, withSignal(cancel))),
      record: (input, cancel) => told(dataGetRecord(repo, input, cancel)),
      list: (input = {}, cancel) => told(dataList(repo, input, cancel)),
      versions: (input, cancel) => told(dataVersions(repo, input, cancel)),
      rename: (input, cancel) => told(dataRename(repo, input, withSignal(cancel))),
      delete: (input, cancel) => told(dataDelete(repo, input, withSignal(cancel))),
    },
    upload: {
      begin: (input, cancel) => told(uploadBegin(repo, input, withSignal(cancel))),
      part: (input, cancel) => told(uploadPart(repo, input, withSignal(cancel))),
      complete: (input, cancel) => told(uploadComplete(repo, input, withSignal(cancel))),
      abort: (input, cancel) => told(uploadAbort(repo, input, withSignal(cancel))),
      list: (input) => told(uploadList(repo, input)),
    },
    backup: {
      create: (input, options) => told(backupCreate(repo, input, withSignal(options))),
      restore: (input, cancel) => told(backupRestore(repo, input, withSignal(cancel))),
    },
    datastore: {
      status: (cancel) => told(datastoreStatus(repo, cancel)),
      check: (cancel) => told(datastoreCheck(repo, {}, withSignal(cancel))),
      repair: (input = {}, options) => told(datastoreRepair(repo, input, withSignal(options))),
      sweep: (input = {}, cancel) => told(datastoreSweep(repo, input, withSignal(cancel))),
      lockStatus: () => told(lockStatus(repo)),
      lockRelease: (input, cancel) => told(lockRelease(repo, input, withSignal(cancel))),
    },
  } satisfies OpenRepo);
}

/** Every method of `api` finishes first what a restore left that was interrupted, but for those of `datastore`, which look at the store as it stands. */
function settling(repo: Repo, api: OpenRepo): OpenRepo {
  const first = <T extends object>(group: T): T =>
    Object.freeze(Object.fromEntries(Object.entries(group).map(([name, method]: [string, Method]) => [name, after(method)]))) as T;
  const after =
    (method: Method): Method =>
    async (...given) => {
      const never = withSignal(undefined);
      await told(settleFirst(repo, never));
      return told(startOver(() => method(...given), never));
    };
  return Object.freeze({
    ...api,
    info: after(api.info as Method) as OpenRepo['info'],
    model: first(api.model),
    data: first(api.data),
    upload: first(api.upload),
    backup: first(api.backup),
  });
}

type Method = (...given: unknown[]) => Promise<unknown>;

/** The options of an operation, with a signal that never fires where none was given. */
function withSignal<T extends Cancel>(options: T | undefined): T & { readonly signal: AbortSignal } {
  const { signal = new AbortController().signal } = options ?? {};
  // One signal ends all that a program does at once; Node takes eleven who listen to it for a leak, and says so on stderr.
  setMaxListeners(0, signal);
  return { ...options, signal } as T & { readonly signal: AbortSignal };
}

/** What the system refuses is told as a SwampError, too; the reason of a signal stays what it is. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw isSystemError(error) ? asSwampError(error) : error;
  }
}
