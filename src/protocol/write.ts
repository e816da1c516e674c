/** W1 to W5: the way of a writer. The body gets the only thing that can commit: a Writer bound to the held data fence. */
import { failpoint } from '../fs/failpoints.js';
import { exists } from '../fs/tree.js';
import { FenceLost } from '../locks/fence.js';
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { type Fence, passTrashOn } from '../store/commit.js';
import { recoverEntry } from '../store/recover.js';
import { acquire, newTicket } from './acquire.js';
import { type Contender, newContender } from './contender.js';
import { enter } from './enter.js';

/** The held data fence of one model, as store/ wants it. */
export type Writer = Fence;

export interface WriteOptions {
  readonly signal: AbortSignal;
  /** The session that staged what is committed. */
  readonly session: Session;
  /** The run fence that a method's outputs pass on their way: `<model-id>/<entry>`. Counts as an ancestor. */
  readonly own?: string;
}

/**
 * Runs `body` under the data fence of the model. When the fence is lost in the middle, it is taken again and `body` runs
 * again: it must first look whether its commit had happened. Throws `lock_timeout`, `corrupt`, what `body` throws.
 */
export async function write<T>(repo: Repo, modelId: string, body: (writer: Writer) => Promise<T>, options: WriteOptions): Promise<T> {
  const contender = newContender(repo, [{ kind: 'data', modelId }], options);
  return again(contender, modelId, () => enter(contender, { kind: 'data', modelId }), body);
}

/** The global fence in the hands of a structural command; `retaken` when it lost it before and had perhaps committed by then. */
export interface HeldGlobal {
  readonly lease: Lease;
  readonly retaken: boolean;
}

/**
 * S4 for one model: the global fence is ours and closed, so the data fence alone is taken. Then a look whether `global` is
 * still ours: a command that slept through its lease there must drain again, for others have begun since (P2, P9). From
 * that look on the data fence guards: a method that starts waits for its holder. Throws FenceLost for the global fence.
 */
export async function writeInside<T>(contender: Contender, global: HeldGlobal, modelId: string, body: (writer: Writer) => Promise<T>): Promise<T> {
  const lock = { kind: 'data', modelId } as const;
  const take = async (): Promise<Lease> => {
    const lease = await acquire(contender, lock, newTicket(contender, lock, 'acquire'));
    // Before anything is rolled forward: that is a commit, too.
    if (exists(global.lease.path)) return lease;
    await lease.release();
    throw new FenceLost(global.lease.path);
  };
  return again(contender, modelId, take, body, global.retaken);
}

async function again<T>(contender: Contender, modelId: string, take: () => Promise<Lease>, body: (writer: Writer) => Promise<T>, before = false): Promise<T> {
  for (let retaken = before; ; retaken = true) {
    const lease = await take();
    try {
      const fence: Fence = { repo: contender.repo, session: contender.session, modelId, epoch: lease.epoch, path: lease.path, dir: lease.fence, retaken };
      await recoverEntry(fence);
      await failpoint('write.entered');
      const result = await body(fence);
      await failpoint('write.committed');
      await passTrashOn(fence).catch((error: unknown) => leaveToNext(fence, error));
      return result;
    } catch (error) {
      // Fenced off: nothing more was written under the old epoch (P1), and what was read under it may be of two moments, so
      // that even "corrupt" says nothing. The body finds out what had been written.
      if (exists(lease.path)) throw error;
    } finally {
      await lease.release();
    }
  }
}

/** P8: what follows the commit may fail without changing the outcome. */
function leaveToNext(fence: Fence, error: unknown): void {
  if (error instanceof FenceLost) return;
  fence.repo.reporter.warn(
    `Removed data stays in ${fence.path} until the next command for this model: ${error instanceof Error ? error.message : String(error)}`,
  );
}
