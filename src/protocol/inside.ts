/** What is done while a data fence is held: the frame of every commit, and that of a structural command's commits inside its closed global fence. */
import { errnoOf, reasonOf } from '../errors.js';
import { failpoint } from '../fs/failpoints.js';
import { exists } from '../fs/tree.js';
import { FenceLost } from '../locks/fence.js';
import type { Lease } from '../locks/lease.js';
import { passTrashOn } from '../store/commit.js';
import { recoverEntry } from '../store/recover.js';
import { acquire, newTicket } from './acquire.js';
import { type Contender, lockLost } from './contender.js';
import { drainRun } from './drain.js';

/** What the body of a structural command may do: one model at a time, each under its data fence (L9). */
export interface Structural {
  /** Takes the model's data fence, at `atLeast` or above, rolls forward what a dead holder left, runs `body`, releases (S4). */
  withModel<T>(modelId: string, body: (writer: Lease) => Promise<T>, options?: { readonly atLeast?: number }): Promise<T>;
  /** Waits until no process holds the model's run fence, but for a run that this command is nested in. */
  drainRun(modelId: string): Promise<void>;
  /** Throws `lock_lost` unless the global fence is still ours. */
  stillHeld(): void;
  /** The global fence, for a commit that concerns no single model: it passes through this entry. */
  readonly fence: Lease;
  readonly signal: AbortSignal;
}

/**
 * S4 for one model: the global fence is ours and closed, so the data fence alone is taken. Then a look whether `global` is
 * still ours: a command that slept through its lease there must drain again, for others have begun since (P2, P9). From
 * that look on the data fence guards: a method that starts waits for its holder. Throws FenceLost for the global fence.
 */
export async function writeInside<T>(
  contender: Contender,
  global: Lease,
  modelId: string,
  body: (writer: Lease) => Promise<T>,
  { atLeast = 0 }: { readonly atLeast?: number } = {},
): Promise<T> {
  const lock = { kind: 'data', modelId } as const;
  const take = async (): Promise<Lease> => {
    const lease = await acquire(contender, lock, newTicket(contender, lock, 'acquire'), { atLeast });
    // Before anything is rolled forward: that is a commit, too.
    if (exists(global.path)) return lease;
    await lease.release();
    throw new FenceLost(global.path);
  };
  return again(take, body, global.retaken);
}

/**
 * Runs `body` under the data fence that `take` takes, and again when it is lost in between; `before`: something may have been
 * committed by then. An intent that `body` published is its result, whatever others have done since: it is not run again.
 */
export async function again<T>(take: () => Promise<Lease>, body: (writer: Lease) => Promise<T>, before = false): Promise<T> {
  for (let retaken = before; ; retaken = true) {
    const lease = { ...(await take()), retaken };
    try {
      await recoverEntry(lease);
      const { intent } = lease.session;
      if (intent.published !== undefined) return intent.published as T;
      // The way in has finished whatever was published, so nothing was.
      intent.begun = false;
      await failpoint('write.entered');
      const result = await body(lease);
      await failpoint('write.committed');
      await passTrashOn(lease).catch((error: unknown) => leaveToNext(lease, error));
      return result;
    } catch (error) {
      // Fenced off: nothing more was written under the old epoch (P1), and what was read under it may come from two moments, so
      // that even "corrupt" says nothing. The body finds out what had been written.
      if (exists(lease.path)) throw error;
    } finally {
      await lease.release();
    }
  }
}

/** P8: what follows the commit may fail without changing the outcome. */
function leaveToNext(fence: Lease, error: unknown): void {
  if (error instanceof FenceLost) return;
  const { path, modelId, epoch } = fence;
  fence.repo.reporter.warn(`Removed data stays in ${path} until the next command for this model: ${reasonOf(error)}.`, {
    topic: 'sweep',
    path,
    modelId,
    epoch,
    ...errnoOf(error),
  });
}

/** The hands of a structural command that holds the global fence. */
export function structural(contender: Contender, global: Lease): Structural {
  return {
    withModel: (modelId, body, options) => writeInside(contender, global, modelId, body, options),
    drainRun: (modelId) => drainRun(contender, modelId),
    stillHeld: () => {
      if (!exists(global.path)) throw lockLost('The global lock was taken away from this command; it changed nothing more.');
    },
    fence: global,
    signal: contender.signal,
  };
}
