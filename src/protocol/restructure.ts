/** S1 to S5: the way of a structural command. The mirror image is enter.ts; both are argued in design/protocol.md. */
import { syncDir } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { exists } from '../fs/tree.js';
import { GLOBAL } from '../layout/layout.js';
import { FenceLost } from '../locks/fence.js';
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { reclaimLeftovers } from '../store/sweep.js';
import { acquire, newTicket } from './acquire.js';
import { type Contender, lockLost, newContender } from './contender.js';
import { drainAll, drainSeen, fencesOf, heldNow } from './drain.js';
import { publishScope, type Scope, setState } from './global.js';
import { withSession } from './session.js';
import { type HeldGlobal, type Writer, writeInside } from './write.js';

/** What the body of a structural command may do: one model at a time, each under its data fence (L9). */
export interface Structural {
  /** Of the global fence. */
  readonly epoch: number;
  /** Takes the model's data fence, rolls forward what a dead holder left, runs `body`, releases (S4). */
  withModel<T>(modelId: string, body: (writer: Writer) => Promise<T>): Promise<T>;
  /** Throws `lock_lost` unless the global fence is still ours. */
  stillHeld(): void;
}

/**
 * Runs `body` while nothing else commits in `scope` (P2): first drain, global fence, second drain, closed, last look.
 * `body` must be safe to repeat until its first commit. What it moved into the trash is swept by the caller afterwards,
 * outside every lock. Throws `lock_timeout`, `lock_lost`, `deadlock`, `corrupt`, and what `body` throws.
 */
export async function restructure<T>(
  repo: Repo,
  scope: Scope,
  body: (structural: Structural) => Promise<T>,
  options: { readonly signal: AbortSignal; readonly session?: Session },
): Promise<T> {
  const { session } = options;
  const result = await (session === undefined
    ? withSession(repo, (own) => run(repo, scope, body, { ...options, session: own }))
    : run(repo, scope, body, { ...options, session }));
  await reclaimLeftovers(repo);
  return result;
}

async function run<T>(
  repo: Repo,
  scope: Scope,
  body: (structural: Structural) => Promise<T>,
  options: { readonly signal: AbortSignal; readonly session: Session },
): Promise<T> {
  const contender = newContender(repo, fencesOf(repo.layout, scope), options);
  const ticket = newTicket(contender, GLOBAL, 'acquire');
  for (let retaken = false; ; ) {
    // S1. Waiting here, before the global fence, keeps everybody else working meanwhile.
    await drainSeen(contender, scope);
    await failpoint('restructure.after-first-drain');
    // S2
    const lease = await acquire(contender, GLOBAL, ticket);
    try {
      // S3
      if (await close(contender, lease, scope)) {
        await failpoint('restructure.closed');
        return await body(structural(contender, { lease, retaken })); // S4
      }
    } catch (error) {
      if (!(error instanceof FenceLost)) throw error;
      // Put out of the global fence: queue and drain again. The body finds out what had been committed.
      retaken = true;
    } finally {
      await lease.release(); // S5
    }
    await ticket.forfeit();
  }
}

/**
 * S3. Without the second drain a writer that looked at the global fence before S2 and took its own fence after S1 would
 * commit into what we remove. Looking at several fences one after the other is no snapshot, hence `closed` and the last
 * look. False when we gave way to a nested command (N3).
 */
async function close(contender: Contender, lease: Lease, scope: Scope): Promise<boolean> {
  await publishScope(contender, lease, scope);
  // P6 for the global fence's own epoch.
  await syncDir(lease.fence);
  for (;;) {
    if ((await drainAll(contender, scope)) === 'give way') return false;
    await failpoint('restructure.before-closed');
    await setState(lease, 'closed');
    const locks = fencesOf(contender.repo.layout, scope);
    if ((await heldNow(contender, locks)).length === 0) return true;
    await setState(lease, 'draining');
  }
}

function structural(contender: Contender, global: HeldGlobal): Structural {
  return {
    epoch: global.lease.epoch,
    withModel: (modelId, body) => writeInside(contender, global, modelId, body),
    stillHeld: () => {
      if (!exists(global.lease.path)) throw lockLost('The global lock was taken away from this command; it changed nothing more.');
    },
  };
}
