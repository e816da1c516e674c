/** The operations of the command line for programs: each behind its door, with the same results and the same errors. */
import { setMaxListeners } from 'node:events';
import type { SwampError } from '../errors.js';
import { type BackupCreateInput, type BackupCreateOptions, type BackupCreateResult, backupCreate } from '../operations/backup-create.js';
import { type BackupDiffResult, backupDiff } from '../operations/backup-diff.js';
import { type BackupListResult, backupList } from '../operations/backup-list.js';
import { type BackupPackResult, backupPack } from '../operations/backup-pack.js';
import { type BackupPruneInput, type BackupPruneResult, backupPrune } from '../operations/backup-prune.js';
import { type BackupRestoreInput, type BackupRestoreOptions, type BackupRestoreResult, backupRestore } from '../operations/backup-restore.js';
import { type BackupUnpackResult, backupUnpack } from '../operations/backup-unpack.js';
import { type BackupVerifyResult, backupVerify } from '../operations/backup-verify.js';
import type { BatchResult, DataBatchInput } from '../operations/batch-items.js';
import { dataBatch } from '../operations/data-batch.js';
import { type DataGetResult, dataContent } from '../operations/data-content.js';
import { type DataDeleteInput, type DeleteManyResult, type DeleteOneResult, type DeletePlan, dataDelete } from '../operations/data-delete.js';
import { type DataGcInput, type DataGcOptions, type DataGcResult, dataGc } from '../operations/data-gc.js';
import { type DataGetInput, dataGetRecord } from '../operations/data-get.js';
import { type DataListInput, type DataListResult, dataList } from '../operations/data-list.js';
import { type DataPruneInput, type DataPruneOptions, type DataPruneResult, dataPrune } from '../operations/data-prune.js';
import { type DataPutInput, type DataPutResult, dataPut, type VersionInput } from '../operations/data-put.js';
import { type DataQueryInput, type DataQueryResult, dataQuery } from '../operations/data-query.js';
import type { DataRecord } from '../operations/data-record.js';
import { type DataRenameResult, dataRename } from '../operations/data-rename.js';
import { type DataSearchInput, type DataSearchResult, dataSearch } from '../operations/data-search.js';
import { type DataSqlInput, type DataSqlResult, dataSql } from '../operations/data-sql.js';
import { type DataVersionsInput, type DataVersionsResult, dataVersions } from '../operations/data-versions.js';
import { type DataWatchInput, type DataWatchOptions, dataWatch } from '../operations/data-watch.js';
import { type DatastoreCheckResult, datastoreCheck } from '../operations/datastore-check.js';
import { type DatastoreCompactResult, datastoreCompact } from '../operations/datastore-compact.js';
import { type DatastoreRepairInput, type DatastoreRepairOptions, type DatastoreRepairResult, datastoreRepair } from '../operations/datastore-repair.js';
import { type DatastoreSetupInput, type DatastoreSetupOptions, type DatastoreSetupResult, datastoreSetup } from '../operations/datastore-setup.js';
import { type DatastoreStatusResult, datastoreStatus } from '../operations/datastore-status.js';
import { type DatastoreSweepInput, type DatastoreSweepResult, datastoreSweep } from '../operations/datastore-sweep.js';
import { type LockReleaseInput, type LockReleaseResult, lockRelease } from '../operations/lock-release.js';
import { type LockStatusResult, lockStatus } from '../operations/lock-status.js';
import { type ModelCreateInput, type ModelCreateResult, modelCreate } from '../operations/model-create.js';
import { type ModelDeleteInput, type ModelDeleteOptions, type ModelDeleteResult, modelDelete } from '../operations/model-delete.js';
import { type ModelEditInput, modelEdit } from '../operations/model-edit.js';
import { type ModelExecInput, type ModelExecResult, modelExec } from '../operations/model-exec.js';
import { type ModelGetResult, modelGet } from '../operations/model-get.js';
import { type ModelListResult, modelList } from '../operations/model-list.js';
import { type ModelRenameResult, modelRename } from '../operations/model-rename.js';
import { type ModelRunInput, type ModelRunOptions, type ModelRunResult, modelRun } from '../operations/model-run.js';
import { type ModelSetInput, modelSet } from '../operations/model-set.js';
import { type ModelValidateResult, modelValidate } from '../operations/model-validate.js';
import type { Declared } from '../operations/operation.js';
import { type RepoImportInput, type RepoImportOptions, type RepoImportResult, repoImport } from '../operations/repo-import.js';
import { type RepoInfoResult, repoInfo } from '../operations/repo-info.js';
import { type RepoInitResult, repoInit } from '../operations/repo-init.js';
import { type UploadAbortResult, uploadAbort } from '../operations/upload-abort.js';
import { type UploadBeginResult, uploadBegin } from '../operations/upload-begin.js';
import { type UploadCompleteInput, uploadComplete } from '../operations/upload-complete.js';
import { type UploadListResult, uploadList } from '../operations/upload-list.js';
import { type UploadPartInput, type UploadPartResult, uploadPart } from '../operations/upload-part.js';
import { findRepoDir, isReadOnly, openRepoAt, type Repo, type Reporter, workingDir } from '../repo.js';
import { timingFrom } from '../timing.js';
import type { WatchEvent } from '../watch/look.js';
import { accept, forProgram, type InputField } from './accept.js';
import { acceptItems } from './batch.js';
import * as fields from './fields.js';
import { LOGGERS } from './loggers.js';

export interface OpenOptions {
  /** How long an operation waits for locks. Milliseconds; default SWAMP_LOCK_TIMEOUT_MS, else 60,000. */
  readonly lockTimeoutMs?: number;
  /** Refuses whatever would write. Default: SWAMP_READ_ONLY says so. */
  readonly readOnly?: boolean;
  /** Gets notices: waits, and what failed without changing the outcome. Default: the loggers `swamp.*` of LogTape, which the host program configures. */
  readonly reporter?: Reporter;
  /** What others are shown as the holder of a lock. Default: `library`. */
  readonly command?: string;
}

export interface Cancel {
  /** Ends the operation: it lets go of its locks and throws the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface Confirm extends Cancel {
  /** Asked once, before any lock is taken; nothing is deleted when it answers false. Default: no question. */
  readonly confirm?: (plan: DeletePlan) => Promise<boolean>;
}

/** An open repository. Every method throws a SwampError, or the reason of its signal. */
export interface OpenRepo {
  /** Its directory, absolute. */
  readonly root: string;
  readonly id: string;
  info(options?: Cancel): Promise<RepoInfoResult>;
  /** Takes over a repository of swamp-club's swamp. */
  import(input: RepoImportInput, options?: Partial<RepoImportOptions>): Promise<RepoImportResult>;
  readonly model: {
    create(input: ModelCreateInput, options?: Cancel): Promise<ModelCreateResult>;
    list(input?: { readonly text?: string }, options?: Cancel): Promise<ModelListResult>;
    get(input: { readonly model: string }, options?: Cancel): Promise<ModelGetResult>;
    validate(input?: { readonly model?: string }, options?: Cancel): Promise<ModelValidateResult>;
    /** Replaces the whole text of a definition, unless another process has changed it meanwhile. */
    edit(input: ModelEditInput, options?: Cancel): Promise<ModelGetResult>;
    /** Changes values in the text of a definition; its comments and layout stay. */
    set(input: ModelSetInput, options?: Cancel): Promise<ModelGetResult>;
    rename(input: { readonly model: string; readonly newName: string }, options?: Cancel): Promise<ModelRenameResult>;
    delete(input: ModelDeleteInput, options?: Partial<ModelDeleteOptions>): Promise<ModelDeleteResult>;
    run(input: ModelRunInput, options?: Partial<ModelRunOptions>): Promise<ModelRunResult>;
    /** Runs any command under the run lock of the model, with the streams of this process. */
    exec(input: ModelExecInput, options?: Cancel): Promise<ModelExecResult>;
  };
  readonly data: {
    put(input: DataPutInput, options?: Cancel): Promise<DataPutResult>;
    /** Stores each item of a stream; the answers come in the order of the items, each when its item is durable. Items are read ahead, a few at a time. */
    batch(input: DataBatchInput, options?: Cancel): AsyncGenerator<BatchResult>;
    get(input: DataGetInput, options?: Cancel): Promise<DataGetResult>;
    /** What `get` knows of a version, without its content. */
    record(input: DataGetInput, options?: Cancel): Promise<DataRecord>;
    list(input?: DataListInput, options?: Cancel): Promise<DataListResult>;
    query(input: DataQueryInput, options?: Cancel): Promise<DataQueryResult>;
    /** One SELECT over the view `data`. */
    sql(input: DataSqlInput, options?: Cancel): Promise<DataSqlResult>;
    search(input?: DataSearchInput, options?: Cancel): Promise<DataSearchResult>;
    versions(input: DataVersionsInput, options?: Cancel): Promise<DataVersionsResult>;
    rename(input: { readonly model: string; readonly oldName: string; readonly newName: string }, options?: Cancel): Promise<DataRenameResult>;
    delete(input: DataDeleteInput, options?: Confirm): Promise<DeleteOneResult | DeleteManyResult>;
    /** Goes on until its signal fires, whose reason it throws, or it is left. */
    watch(input?: DataWatchInput, options?: Partial<DataWatchOptions>): AsyncGenerator<WatchEvent>;
    gc(input?: DataGcInput, options?: Partial<DataGcOptions>): Promise<DataGcResult>;
    prune(input?: DataPruneInput, options?: Partial<DataPruneOptions>): Promise<DataPruneResult>;
  };
  /** Versions that are written in parts, by many processes at once. */
  readonly upload: {
    begin(input: VersionInput, options?: Cancel): Promise<UploadBeginResult>;
    part(input: UploadPartInput, options?: Cancel): Promise<UploadPartResult>;
    complete(input: UploadCompleteInput, options?: Cancel): Promise<DataPutResult>;
    abort(input: { readonly upload: string }, options?: Cancel): Promise<UploadAbortResult>;
    list(input?: { readonly model?: string }, options?: Cancel): Promise<UploadListResult>;
  };
  readonly backup: {
    create(input: BackupCreateInput, options?: Partial<BackupCreateOptions>): Promise<BackupCreateResult>;
    restore(input: BackupRestoreInput, options?: Partial<BackupRestoreOptions>): Promise<BackupRestoreResult>;
  };
  readonly datastore: {
    status(options?: Cancel): Promise<DatastoreStatusResult>;
    check(options?: Cancel): Promise<DatastoreCheckResult>;
    repair(input?: DatastoreRepairInput, options?: Partial<DatastoreRepairOptions>): Promise<DatastoreRepairResult>;
    compact(options?: Cancel): Promise<DatastoreCompactResult>;
    sweep(input?: DatastoreSweepInput, options?: Cancel): Promise<DatastoreSweepResult>;
    /** Moves the datastore; this very object goes on with it there. */
    setup(input: DatastoreSetupInput, options?: Partial<DatastoreSetupOptions>): Promise<DatastoreSetupResult>;
    lockStatus(options?: Cancel): Promise<LockStatusResult>;
    lockRelease(input: LockReleaseInput, options?: Cancel): Promise<LockReleaseResult>;
  };
}

/** Creates a repository in `dir`; does nothing where there is one. */
export const initRepo: (dir: string, options?: Cancel) => Promise<RepoInitResult> = (dir, options) =>
  operation('initRepo', fields.DIRECTORY, ({ dir }: { readonly dir: string }) => repoInit(dir))({ dir }, options);

/** What can be done with backups without a repository. Findings and differences are results; everything else throws a SwampError, or the reason of its signal. */
export interface Backups {
  verify(input: { readonly dir: string; readonly base?: string }, options?: Cancel): Promise<BackupVerifyResult>;
  /** `other`: a backup, or the directory of a repository. */
  diff(input: { readonly dir: string; readonly other: string }, options?: Cancel): Promise<BackupDiffResult>;
  list(input: { readonly dir: string }): Promise<BackupListResult>;
  /** No question is asked. */
  prune(input: BackupPruneInput, options?: Cancel): Promise<BackupPruneResult>;
  pack(input: { readonly dir: string; readonly file: string }, options?: Cancel): Promise<BackupPackResult>;
  unpack(input: { readonly file: string; readonly dir: string }, options?: Cancel): Promise<BackupUnpackResult>;
}

export const backups: Backups = Object.freeze({
  verify: operation('backups.verify', fields.VERIFIED, backupVerify),
  diff: operation('backups.diff', fields.TWO_SIDES, backupDiff),
  list: operation('backups.list', fields.DIRECTORY, backupList),
  prune: operation('backups.prune', fields.BACKUP_PRUNE, (input: BackupPruneInput, options) =>
    backupPrune(input, { ...options, reporter: LOGGERS, readOnly: isReadOnly(process.env) }),
  ),
  pack: operation('backups.pack', fields.ARCHIVE, (input: Parameters<Backups['pack']>[0], options) => backupPack(input, { ...options, reporter: LOGGERS })),
  unpack: operation('backups.unpack', fields.ARCHIVE, (input: Parameters<Backups['unpack']>[0], options) =>
    backupUnpack(input, { ...options, reporter: LOGGERS }),
  ),
} satisfies Backups);

/**
 * Opens the repository in `dir`; without it the one that SWAMP_REPO_DIR names, else the nearest upwards from the working
 * directory. Throws `not_a_repo`, `config_invalid`, `usage`.
 */
export function openRepo(dir?: string, options: OpenOptions = {}): OpenRepo {
  accept('openRepo', { dir }, fields.OPEN);
  accept('openRepo, options', options, fields.OPEN_OPTIONS);
  const { env } = process;
  const { lockTimeoutMs, ...rest } = options;
  const repo = opened(() => {
    const timing = timingFrom(env, lockTimeoutMs === undefined ? undefined : String(lockTimeoutMs));
    return openRepoAt(findRepoDir(dir, env, workingDir()), { reporter: LOGGERS, ...rest, timing, env });
  });
  return operationsOf(repo);
}

/** Every operation on an open repository, by the name that programs call it by. */
export function operationsOf(repo: Repo): OpenRepo {
  const bound = <I, O extends Cancel, R>(
    name: string,
    takes: Takes,
    work: ((repo: Repo, input: I, options: O & Cancelled) => Promise<R>) & Declared,
  ): Operation<I, O, R> => operation(name, takes, (input: I, given: O & Cancelled) => work(repo, input, given));
  const info = bound('info', fields.NOTHING, repoInfo);
  const batch = Object.assign(
    (on: Repo, input: DataBatchInput, given: Cancelled) => dataBatch(on, { ...input, items: acceptItems(input.items) }, given),
    dataBatch,
  );
  const status = bound('datastore.status', fields.NOTHING, datastoreStatus);
  const check = bound<object, Cancel, DatastoreCheckResult>('datastore.check', fields.NOTHING, datastoreCheck);
  const compact = bound('datastore.compact', fields.NOTHING, datastoreCompact);
  const locks = bound('datastore.lockStatus', fields.NOTHING, lockStatus);
  return Object.freeze({
    root: repo.root,
    id: repo.id,
    info: (given) => info({}, given),
    import: bound('import', fields.REPO_IMPORT, repoImport),
    model: Object.freeze({
      create: bound('model.create', fields.MODEL_CREATE, modelCreate),
      list: bound('model.list', fields.MODEL_LIST, modelList),
      get: bound('model.get', fields.NEEDED_MODEL, modelGet),
      validate: bound('model.validate', fields.MODEL_IF_GIVEN, modelValidate),
      edit: bound('model.edit', fields.MODEL_EDIT, modelEdit),
      set: bound('model.set', fields.MODEL_SET, modelSet),
      rename: bound('model.rename', fields.MODEL_RENAME, modelRename),
      delete: bound('model.delete', fields.MODEL_DELETE, modelDelete),
      run: bound('model.run', fields.MODEL_RUN, modelRun),
      exec: bound('model.exec', fields.MODEL_EXEC, modelExec),
    }),
    data: Object.freeze({
      put: bound('data.put', fields.DATA_PUT, dataPut),
      batch: (input, given) => answers(() => bound('data.batch', fields.DATA_BATCH, batch)(input, given)),
      get: bound('data.get', fields.DATA_GET, dataContent),
      record: bound('data.record', fields.DATA_GET, dataGetRecord),
      list: bound('data.list', fields.DATA_LIST, dataList),
      query: bound('data.query', fields.DATA_QUERY, dataQuery),
      sql: bound('data.sql', fields.DATA_SQL, dataSql),
      search: bound('data.search', fields.DATA_SEARCH, dataSearch),
      versions: bound('data.versions', fields.DATA_VERSIONS, dataVersions),
      rename: bound('data.rename', fields.DATA_RENAME, dataRename),
      delete: bound('data.delete', fields.DATA_DELETE, dataDelete),
      watch: (input, given) =>
        stream('data.watch', fields.DATA_WATCH, (taken: DataWatchInput, options: DataWatchOptions) => dataWatch(repo, taken, options))(input, given),
      gc: bound('data.gc', fields.DATA_GC, dataGc),
      prune: bound('data.prune', fields.DATA_PRUNE, dataPrune),
    }),
    upload: Object.freeze({
      begin: bound('upload.begin', fields.VERSION, uploadBegin),
      part: bound('upload.part', fields.UPLOAD_PART, uploadPart),
      complete: bound('upload.complete', fields.UPLOAD_COMPLETE, uploadComplete),
      abort: bound('upload.abort', fields.NEEDED_UPLOAD, uploadAbort),
      list: bound('upload.list', fields.MODEL_IF_GIVEN, uploadList),
    }),
    backup: Object.freeze({
      create: bound('backup.create', fields.BACKUP_CREATE, backupCreate),
      restore: bound('backup.restore', fields.BACKUP_RESTORE, backupRestore),
    }),
    datastore: Object.freeze({
      status: (given) => status({}, given),
      check: (given) => check({}, given),
      repair: bound('datastore.repair', fields.REPAIR, datastoreRepair),
      compact: (given) => compact({}, given),
      sweep: bound('datastore.sweep', fields.SWEEP, datastoreSweep),
      setup: bound('datastore.setup', fields.SETUP, datastoreSetup),
      lockStatus: (given) => locks({}, given),
      lockRelease: bound('datastore.lockRelease', fields.LOCK_RELEASE, lockRelease),
    }),
  } satisfies OpenRepo);
}

function opened(open: () => Repo): Repo {
  try {
    return open();
  } catch (error) {
    throw forProgram(error);
  }
}

type Takes = Readonly<Record<string, InputField>>;
type Cancelled = { readonly signal: AbortSignal };
type Operation<I, O, R> = (input?: I, options?: O) => Promise<R>;

/** An operation behind the door: what it is given is checked, it begins only while its signal has not fired, and its errors are worded for a program. */
function operation<I, O extends Cancel, R>(name: string, takes: Takes, work: (input: I, options: O & Cancelled) => Promise<R>): Operation<I, O, R> {
  return async (input = {} as I, options = {} as O) => {
    accept(name, input, takes);
    accept(`${name}, options`, options, fields.OPTIONS);
    const given = withSignal(options);
    given.signal.throwIfAborted();
    try {
      return await work(input, given);
    } catch (error) {
      throw forProgram(error);
    }
  };
}

/** The answers of a batch, which begins when the first is asked for, worded for a program. */
async function* answers(begin: () => Promise<AsyncGenerator<BatchResult>>): AsyncGenerator<BatchResult> {
  try {
    for await (const answer of await begin()) yield 'error' in answer ? { ...answer, error: forProgram(answer.error) as SwampError } : answer;
  } catch (error) {
    throw forProgram(error);
  }
}

/** The same for one that answers as it goes on: it begins when the first answer is asked for. */
function stream<I, O extends Cancel, R>(name: string, takes: Takes, work: (input: I, options: O & Cancelled) => AsyncGenerator<R>) {
  return async function* (input: I = {} as I, options: Partial<O> = {}): AsyncGenerator<R> {
    accept(name, input, takes);
    accept(`${name}, options`, options, fields.OPTIONS);
    const given = withSignal(options as O);
    try {
      given.signal.throwIfAborted();
      yield* work(input, given);
      given.signal.throwIfAborted();
    } catch (error) {
      throw forProgram(error);
    }
  };
}

/** The options of an operation, with a signal that never fires where none was given. */
function withSignal<T extends Cancel>(options: T): T & Cancelled {
  const { signal = new AbortController().signal } = options;
  // One signal ends all that a program does at once; Node takes eleven who listen to it for a leak, and says so on stderr.
  setMaxListeners(0, signal);
  return { ...options, signal };
}
