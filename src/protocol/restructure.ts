/** S1 to S5: the way of a structural command. The mirror image is enter.ts; both are argued in design/protocol.md. */
import { syncDir } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { GLOBAL } from '../layout/layout.js';
import { FenceLost } from '../locks/fence.js';
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { recoverEntry } from '../store/recover.js';
import { isRestoring, requireHere } from '../store/restoring.js';
import { reclaimLeftovers } from '../store/sweep.js';
import { acquire, newTicket } from './acquire.js';
import { carryOut } from './carry-out.js';
import { type Contender, newContender, requireNotMoved } from './contender.js';
import { drainAll, drainSeen, fencesOf, heldNow } from './drain.js';
import { publishScope, type Scope, setState } from './global.js';
import { type Structural, structural } from './inside.js';
import { inTurn } from './line.js';
import { withSession } from './session.js';

export type { Structural } from './inside.js';

export interface RestructureOptions {
  readonly signal: AbortSignal;
  readonly session?: Session;
  /** Without a session: that of the command may spend the reserve. */
  readonly removes?: boolean;
  /** The global epoch goes up to this at least. */
  readonly atLeast?: number;
  /** A published restore is left as it is: for a repair, which sets aside one that cannot be carried out. */
  readonly leaveRestore?: true;
}

/**
 * Runs `body` while nothing else commits in `scope` (P2): first drain, global fence, second drain, closed, last look.
 * `body` must be safe to repeat until its first commit. What it moved into the trash is swept by the caller afterwards,
 * outside every lock. Throws `lock_timeout`, `lock_lost`, `deadlock`, `corrupt`, and what `body` throws.
 */
export async function restructure<T>(repo: Repo, scope: Scope, body: (structural: Structural) => Promise<T>, options: RestructureOptions): Promise<T> {
  const { session, signal, removes = false } = options;
  const result = await (session === undefined
    ? withSession(repo, (own) => run(repo, scope, body, { ...options, session: own }), { signal, removes })
    : run(repo, scope, body, { ...options, session }));
  await reclaimLeftovers(repo, signal);
  return result;
}

/** `restructure` for a command that touches one model, its run fence too: `body` runs under the model's data fence (S4). */
export function restructureModel<T>(
  repo: Repo,
  modelId: string,
  body: (writer: Lease, structural: Structural) => Promise<T>,
  options: Pick<RestructureOptions, 'signal' | 'removes'>,
): Promise<T> {
  return restructure(repo, { models: [modelId], runs: true }, (hands) => hands.withModel(modelId, (writer) => body(writer, hands)), options);
}

/** Waits for the writers of these models that hold their locks now (S1), and for no later ones. Throws `lock_timeout`. */
export async function drainWriters(
  repo: Repo,
  models: Scope['models'],
  { session, signal }: { readonly session: Session; readonly signal: AbortSignal },
): Promise<void> {
  const scope = { models, runs: false };
  await drainSeen(newContender(repo, fencesOf(repo.layout, scope), { signal, session }), scope);
}

/**
 * Carries out a restore whose restorer died after it was published; costs one look where none is published. Waits for a restorer
 * that lives. A command that would read or write passes here first (B16). Throws `lock_timeout`, and Moved where the datastore was.
 */
export async function settle(repo: Repo, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  if (!isRestoring(repo)) return;
  requireHere(repo);
  await withSession(repo, (session) => run(repo, NOTHING, async () => {}, { signal, session }), { signal, removes: true });
}

const NOTHING: Scope = Object.freeze({ models: [], runs: false });

/**
 * The next holder of the global fence finishes what is published, as it does for every other fence. No drain is needed: the
 * restorer had closed everything when it published, and since then each writer finds the restore at W3.
 */
async function finishRestore(hands: Structural, session: Session): Promise<void> {
  if (!isRestoring(session.repo)) return;
  requireNotMoved(session.repo);
  await carryOut(hands, session);
  session.repo.reporter.info('A restore had been interrupted; it is finished now.', { topic: 'restore' });
}

async function run<T>(
  repo: Repo,
  scope: Scope,
  body: (structural: Structural) => Promise<T>,
  options: RestructureOptions & { readonly session: Session },
): Promise<T> {
  const contender = newContender(repo, fencesOf(repo.layout, scope), options);
  const ticket = newTicket(contender, GLOBAL, 'acquire');
  for (let retaken = false; ; ) {
    // S1. Waiting here, before the global fence, keeps everybody else working meanwhile.
    await drainSeen(contender, scope);
    await failpoint('restructure.after-first-drain');
    // S2
    const taken = await inTurn(contender, GLOBAL, () => acquire(contender, GLOBAL, ticket, { atLeast: options.atLeast ?? 0 }));
    const lease = { ...taken, retaken };
    try {
      const hands = structural(contender, lease);
      await recoverEntry(lease);
      if (options.leaveRestore !== true) await finishRestore(hands, options.session);
      // S3
      if (await close(contender, lease, scope)) {
        await failpoint('restructure.closed');
        return await body(hands); // S4
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
 * commit into what we remove. A look at several fences, one after the other, is not a snapshot, hence `closed` and the last
 * look. False when we gave way to a nested command (N3).
 */
async function close(contender: Contender, lease: Lease, scope: Scope): Promise<boolean> {
  await publishScope(contender, lease, scope);
  // P6 for the global fence's own epoch.
  await syncDir(lease.dir);
  for (;;) {
    if ((await drainAll(contender, scope)) === 'give way') return false;
    await failpoint('restructure.before-closed');
    await setState(lease, 'closed');
    const locks = fencesOf(contender.repo.layout, scope);
    if ((await heldNow(contender, locks)).length === 0) return true;
    await setState(lease, 'draining');
  }
}
