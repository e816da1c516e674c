/** `backup restore`: verified, planned and staged without a lock; one rename publishes it; then it is carried out, by this command or by the next one (B15 to B17). */
import { type Gathered, gather, readSaved } from '../backup/contents.js';
import type { Choice, RestoreMode } from '../backup/restore/choice.js';
import { type FreshIds, plannedBytes, planRestore, type RestorePlan, type RestoreRemoval, type Skipped } from '../backup/restore/plan.js';
import { type Restoring, restore } from '../backup/restore/restore.js';
import { SwampError } from '../errors.js';
import { MAX_EPOCH } from '../locks/fence.js';
import { withSession } from '../protocol/session.js';
import type { Repo } from '../repo.js';
import { requireWholeBackup } from './backup-verify.js';
import { operation } from './operation.js';

export interface BackupRestoreInput {
  /** The directory of the backup. */
  readonly dir: string;
  /** Needed where the repository is not empty. */
  readonly mode?: RestoreMode;
  /** Only this model: a name or id. */
  readonly model?: string;
  /** With `model`: under this name, and with a new id. */
  readonly as?: string;
  /** With `model`: only this artifact; not with `replace`. */
  readonly name?: string;
  readonly dryRun?: boolean;
}

export interface BackupRestoreResult {
  /** Null: the repository was empty. */
  readonly mode: RestoreMode | null;
  /** What was restored: models with a definition, artifacts, their versions, bytes of content. */
  readonly models: number;
  readonly artifacts: number;
  readonly versions: number;
  readonly bytes: number;
  readonly uploads: number;
  /** Models without a definition. */
  readonly orphans: number;
  /** What was there and stayed. */
  readonly skipped: readonly Skipped[];
  /** What was there, and was replaced or removed. */
  readonly removed: RestoreRemoval;
  /** Models that came back under another id. */
  readonly newIds: RestorePlan['newIds'];
  readonly dryRun: boolean;
  readonly cancelled?: boolean;
}

/** What a person is asked before anything is replaced. */
export interface RestoreQuestion {
  readonly dir: string;
  readonly removed: RestoreRemoval;
  readonly restored: { readonly models: number; readonly artifacts: number; readonly versions: number };
}

export interface BackupRestoreOptions {
  readonly signal: AbortSignal;
  /** Asked before `replace`, and before any lock is taken. Default: no question. */
  readonly confirm?: (question: RestoreQuestion) => Promise<boolean>;
  /** What has been read, then what has been staged; `total`: bytes of content, as far as that is known. */
  readonly onProgress?: (done: { readonly files: number; readonly bytes: number }, phase: 'verified' | 'staged', total?: number) => void;
}

/**
 * Throws `backup_invalid`, `checksum_mismatch` (nothing touched), `conflict` for a repository that is not empty,
 * `model_not_found`, `data_not_found`, `model_exists`, `name_invalid`, `no_space`, `lock_timeout`, `read_only`.
 */
export const backupRestore = operation(
  { verb: 'backup restore', access: 'writes', about: ({ dir }) => dir },
  (repo: Repo, input: BackupRestoreInput, options: BackupRestoreOptions) => restoreInto(async () => repo, input, options),
);

/** Restores into a repository that `open` makes, once the backup is known to be whole. Throws as `backupRestore`. */
export async function restoreInto(open: () => Promise<Repo>, input: BackupRestoreInput, options: BackupRestoreOptions): Promise<BackupRestoreResult> {
  const choice = choiceOf(input);
  const gathered: Gathered = new Map();
  const { dir } = await requireWholeBackup(input.dir, {
    signal: options.signal,
    onProgress: (done, total) => options.onProgress?.(done, 'verified', total),
    onSidecar: (place, sidecar) => gather(gathered, place, sidecar),
  });
  const backup = readSaved(dir, gathered);
  if (backup.manifest.consistencyPoint.global > MAX_EPOCH) throw invalidEpoch(dir);
  const repo = await open();
  const fresh: FreshIds = new Map();
  const shown = await planRestore(repo, backup, choice, fresh);
  const result = resultOf(shown, input);
  if (input.dryRun === true) return result;
  const asks = choice.mode === 'replace' && options.confirm !== undefined;
  if (asks && !(await options.confirm({ dir, removed: shown.removed, restored: result }))) return { ...nothing(input), cancelled: true };
  const { signal } = options;
  const onStaged: Restoring['onStaged'] = (staged, total) => options.onProgress?.(staged, 'staged', total);
  const agreed = asks ? shown : undefined;
  const done = await withSession(repo, (session) => restore({ session, backup, choice, fresh, agreed, signal, onStaged }));
  for (const { model, newId } of done.newIds)
    if (choice.only?.as === undefined)
      repo.reporter.info(`The id of the model "${model}" was deleted here and cannot be used again: the model now has the id ${newId}.`, {
        topic: 'restore',
        modelName: model,
        modelId: newId,
      });
  return resultOf(done, input);
}

function choiceOf({ mode, model, as, name }: BackupRestoreInput): Choice {
  if (name !== undefined && (model === undefined || mode === 'replace'))
    throw new SwampError('usage', '--name restores one artifact of the model that --model names, and cannot replace.', {
      hint: 'Example: --model web --name report --mode merge',
    });
  if (model === undefined) return { mode };
  return { mode, only: { model, ...(as === undefined ? {} : { as }), ...(name === undefined ? {} : { name }) } };
}

function resultOf(plan: RestorePlan, input: BackupRestoreInput): BackupRestoreResult {
  const { targets, skipped, removed, newIds } = plan;
  const artifacts = targets.flatMap((target) => target.artifacts);
  return {
    ...nothing(input),
    models: targets.filter(({ saved, definition }) => saved.definition !== undefined && definition !== undefined).length,
    artifacts: artifacts.length,
    versions: artifacts.reduce((sum, { saved }) => sum + saved.versions, 0),
    bytes: plannedBytes(plan),
    uploads: targets.reduce((sum, { uploads }) => sum + uploads.length, 0),
    orphans: targets.filter(({ saved }) => saved.definition === undefined).length,
    skipped,
    removed,
    newIds,
  };
}

function nothing({ mode, dryRun }: BackupRestoreInput): BackupRestoreResult {
  const none = { models: 0, artifacts: 0, versions: 0 };
  return { mode: mode ?? null, ...none, bytes: 0, uploads: 0, orphans: 0, skipped: [], removed: none, newIds: [], dryRun: dryRun === true };
}

function invalidEpoch(dir: string): SwampError {
  return new SwampError('backup_invalid', `${dir} has an epoch that no lock reaches.`, { hint: 'Nothing was restored; make another backup.', data: { dir } });
}
