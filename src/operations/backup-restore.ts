/** `backup restore`: verified, planned and staged without a lock; one rename publishes it; then it is carried out, by this command or by the next one (B15 to B17). */
import { setImmediate as turn } from 'node:timers/promises';
import { type Gathered, gather, readSaved, type Saved } from '../backup/contents.js';
import { adaptStaged } from '../backup/restore/adapt.js';
import type { Choice, RestoreMode } from '../backup/restore/choice.js';
import { type FreshIds, planRestore, type RestorePlan, type RestoreRemoval, type Skipped } from '../backup/restore/plan.js';
import { stageRestore } from '../backup/restore/stage.js';
import { seenNow, unfinishedUploads } from '../backup/restore/state.js';
import { errnoOf, SwampError } from '../errors.js';
import { exists } from '../fs/tree.js';
import { FenceLost, MAX_EPOCH } from '../locks/fence.js';
import { discard, type Session } from '../locks/session.js';
import { keepName } from '../models/names.js';
import { carryOut } from '../protocol/carry-out.js';
import { restructure, type Structural, settle } from '../protocol/restructure.js';
import { withSession } from '../protocol/session.js';
import type { Repo } from '../repo.js';
import { discardTexts, publishRestore, stagedRestore } from '../store/restoration.js';
import { requireWholeBackup } from './backup-verify.js';
import { operation } from './operation.js';
import { requireWithin } from './restore-loss.js';

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

/** How often what was staged may turn out to be too little, because something was deleted meanwhile. */
const ATTEMPTS = 3;

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
  const done = await withSession(repo, (session) => new Restorer(session, backup, choice, fresh, asks ? shown : undefined, options).run());
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

class Restorer {
  readonly #session: Session;
  readonly #backup: Saved;
  readonly #choice: Choice;
  readonly #fresh: FreshIds;
  /** What the person was shown. */
  readonly #asked: RestorePlan | undefined;
  readonly #options: BackupRestoreOptions;
  #plan: RestorePlan | undefined;
  #published = false;

  constructor(session: Session, backup: Saved, choice: Choice, fresh: FreshIds, asked: RestorePlan | undefined, options: BackupRestoreOptions) {
    this.#session = session;
    this.#backup = backup;
    this.#choice = choice;
    this.#fresh = fresh;
    this.#asked = asked;
    this.#options = options;
  }

  async run(): Promise<RestorePlan> {
    try {
      return await this.#attempts();
    } finally {
      // What is published is not staged any more.
      await discardTexts(this.#session);
    }
  }

  async #attempts(): Promise<RestorePlan> {
    const { repo } = this.#session;
    const { signal } = this.#options;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      await settle(repo, { signal });
      const plan = await planRestore(repo, this.#backup, this.#choice, this.#fresh);
      const total = bytesOf(plan);
      await stageRestore(this.#session, this.#backup, plan, { signal, onProgress: (staged) => this.#options.onProgress?.(staged, 'staged', total) });
      this.#plan = plan;
      const done = await restructure(repo, { models: 'all', runs: true }, (hands) => this.#commit(hands), {
        signal,
        session: this.#session,
        atLeast: plan.globalEpoch,
      });
      if (done !== undefined) return done;
      await discardTexts(this.#session);
      this.#session.trashed.push(...(await discard(repo, stagedRestore(this.#session), 'staging')));
      await turn();
    }
    throw new SwampError('conflict', 'The data that the restore would replace kept changing; nothing was restored.', { hint: 'Run the command again.' });
  }

  /** Undefined: more is to be restored now than was staged. Runs again when the global fence was lost on the way. */
  async #commit(hands: Structural): Promise<RestorePlan | undefined> {
    // Another command has carried it out before this one came here again.
    if (this.#published && this.#plan !== undefined) return this.#plan;
    if (!exists(stagedRestore(this.#session)))
      throw new SwampError('lock_lost', 'The global lock was lost while the restore was published, and what was staged for it is gone.', {
        hint: 'Nothing was restored; run the command again.',
      });
    const plan = await this.#planAgain(hands);
    if (plan === undefined) return undefined;
    this.#requireAgreed(plan);
    this.#options.signal.throwIfAborted();
    const began = performance.now();
    await this.#publish(hands);
    this.#session.repo.reporter.debug(`Published and carried out in ${Math.round(performance.now() - began)} ms.`, { topic: 'restore' });
    return plan;
  }

  /** The person agreed to lose what was shown, and no more. */
  #requireAgreed(plan: RestorePlan): void {
    if (this.#asked === undefined || this.#asked.seen === plan.seen) return;
    requireWithin(this.#session.repo, this.#asked, plan);
  }

  /** An error here must say that it is too late for another decision. */
  async #publish(hands: Structural): Promise<void> {
    try {
      await publishRestore(hands.fence, () => {
        this.#published = true;
      });
      await carryOut(hands, this.#session);
    } catch (error) {
      // Without the fence it is begun again, and then it may turn out that another command has finished it.
      if (this.#published && !(error instanceof FenceLost))
        this.#session.repo.reporter.warn('The restore is published: the next command finishes it as soon as it can.', { topic: 'restore', ...errnoOf(error) });
      throw error;
    }
  }

  /** The plan as it is true now, and what is staged in line with it; undefined when that is too little. */
  async #planAgain(hands: Structural): Promise<RestorePlan | undefined> {
    const { repo } = this.#session;
    const before = this.#plan;
    if (before === undefined) throw new TypeError('nothing was planned');
    const ids = [...before.targets.map(({ modelId }) => modelId), ...before.gone];
    const left = unfinishedUploads(repo, ids);
    if (seenNow(repo, ids) === before.seen && left.length === 0 && before.twiceNamed.length === 0) return before;
    for (const modelId of left) await hands.withModel(modelId, async () => {});
    let now = before;
    do {
      for (const path of now.twiceNamed) await keepName(repo, path, hands.stillHeld);
      now = await planRestore(repo, this.#backup, this.#choice, this.#fresh);
    } while (now.twiceNamed.length > 0);
    if (!(await adaptStaged(this.#session, before, now, this.#options))) return undefined;
    this.#plan = now;
    return now;
  }
}

/** Of contents. */
function bytesOf({ targets }: RestorePlan): number {
  return targets.flatMap(({ artifacts }) => artifacts).reduce((sum, { saved }) => sum + saved.bytes, 0);
}

function resultOf(plan: RestorePlan, input: BackupRestoreInput): BackupRestoreResult {
  const { targets, skipped, removed, newIds } = plan;
  const artifacts = targets.flatMap((target) => target.artifacts);
  return {
    ...nothing(input),
    models: targets.filter(({ saved, definition }) => saved.definition !== undefined && definition !== undefined).length,
    artifacts: artifacts.length,
    versions: artifacts.reduce((sum, { saved }) => sum + saved.versions, 0),
    bytes: bytesOf(plan),
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
