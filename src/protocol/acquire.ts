/** Takes one lock: first come first served, dead holders broken at once, the head of a queue passed after a short grace. */
import type { LockName } from '../layout/layout.js';
import { createFence } from '../locks/fence.js';
import { type Lease, tryLease } from '../locks/lease.js';
import { isAvailable, type Seen } from '../locks/observe.js';
import { dropTicket, isDeadTicket, OwnTicket, readQueue, readTicket, type Ticket } from '../locks/queue.js';
import { type Contender, describeHolder, liveAncestors, lockTitle, outlook, remedy } from './contender.js';
import type { Attempt, Blocked } from './wait.js';
import { failIfDeadlocked } from './wait-graph.js';

/** A ticket of this contender; file it through acquire or a drain. */
export function newTicket(contender: Contender, lock: LockName, kind: 'acquire' | 'writer' | 'drain'): OwnTicket {
  return new OwnTicket(contender.session, lock, kind, contender.ancestors);
}

export interface AcquireOptions {
  /** Runs before the first sleep. */
  readonly onWait?: () => Promise<void>;
  /** The epoch goes up to this at least. */
  readonly atLeast?: number;
}

/**
 * Waits for `lock` and takes it. `ticket` keeps its place between attempts.
 * Throws `lock_timeout`, `deadlock` (N4), `corrupt` for a damaged fence, or the signal's reason.
 */
export async function acquire(contender: Contender, lock: LockName, ticket: OwnTicket, options: AcquireOptions = {}): Promise<Lease> {
  const grace = new Grace(contender);
  try {
    return await contender.waiting.until(lockTitle(contender.repo, lock), () => attempt(contender, lock, ticket, grace, options));
  } finally {
    await ticket.withdraw();
  }
}

/** Attempts in a row before the loop sleeps, and for how long. */
const TRIES = 3;
const RECHECK_MS = 10;

async function attempt(contender: Contender, lock: LockName, ticket: OwnTicket, grace: Grace, options: AcquireOptions): Promise<Attempt<Lease>> {
  const { repo, session, observer } = contender;
  for (let tries = 0; ; tries++) {
    const seen = observer.look(lock);
    if (seen === undefined) {
      await createFence(repo.layout.fence(lock), session);
      continue;
    }
    const head = isAvailable(seen) ? await grace.head(seen, ticket.name) : undefined;
    if (isAvailable(seen) && head === undefined) {
      const taken = await tryLease(seen, session, options.atLeast);
      if (taken !== undefined) return { done: taken };
      // Another process was first, again and again, or the directory we see is an old one (network disks): not in a spin.
      if (tries >= TRIES) return { blocked: { ...blockedBy(contender, seen), recheckMs: RECHECK_MS } };
      continue;
    }
    await options.onWait?.();
    await ticket.file();
    if (lock.kind === 'run') failIfDeadlocked(contender, ticket, [{ lock, entryName: seen.entry.name }]);
    const blocked = head === undefined ? blockedBy(contender, seen) : blockedByQueue(contender, seen, head, grace.leftMs);
    return { blocked: { ...blocked, ...patience(contender, lock, ticket) } };
  }
}

/** So many waiters at the head of a queue watch the lock. */
const WATCHERS = 2;
/** A hand-off takes longer than this: a commit has several syncs. Milliseconds. */
const HAND_OFF_MS = 5;

/**
 * How a waiter waits that has others before it. If all watched, each change of the lock and of its queue would wake all of them, and a
 * crowd would burn more than its work; but only the next can take the lock. The others sleep as long as those before them need at least,
 * and no longer than the poll. A nested command is never behind others (N1).
 * This decides only how long a process waits.
 */
function patience(contender: Contender, lock: LockName, { name: own }: OwnTicket): Partial<Pick<Blocked, 'watch' | 'recheckMs'>> {
  const { layout } = contender.repo;
  if (own === undefined || liveAncestors(contender).length > 0) return {};
  const before = readQueue(layout, lock).filter(({ name, kind }) => name < own && kind !== 'drain').length;
  return before < WATCHERS ? {} : { watch: [], recheckMs: before * HAND_OFF_MS };
}

/** Blocked by a live holder. */
export function blockedBy(contender: Contender, seen: Seen): Blocked {
  const { layout, timing } = contender.repo;
  const { text, data } = describeHolder(seen);
  return { watch: [seen.dir, layout.queue(seen.lock)], on: text, outlook: outlook(seen, timing), data, hint: remedy(contender.repo, seen) };
}

function blockedByQueue(contender: Contender, seen: Seen, head: Ticket, recheckMs: number): Blocked {
  const { layout } = contender.repo;
  const details = readTicket(layout, seen.lock, head.name);
  const who = details === undefined ? head.name : `"${details.command}" (pid ${details.pid} on ${details.host})`;
  return {
    watch: [seen.dir, layout.queue(seen.lock)],
    on: `${who} is next in the queue`,
    data: { lock: seen.lock.kind, next: head.name, ...details },
    hint: 'Try again, or raise --lock-timeout; "swamp datastore lock status" shows who waits.',
    recheckMs,
  };
}

/** How much longer than the ticket before it each further ticket may leave a free lock untaken: a hand-off, so that those who live keep their order. Milliseconds. */
const NEXT_GRACE_MS = 10;

/**
 * Lets the tickets before ours go first, but not for ever: one of a dead process, or that leaves a free lock untaken, is passed. The
 * grace is counted once for each time that the lock is free, not for each ticket: waiters that died in another container cannot
 * be proved dead, and a row of them would hold the lock up by the sum of their graces.
 */
class Grace {
  leftMs = 0;
  readonly #contender: Contender;
  /** The entry that was first seen free at `#since`. */
  #free: string | undefined;
  #since = 0;

  constructor(contender: Contender) {
    this.#contender = contender;
  }

  /** The ticket that goes before ours, or undefined when it is our turn. A nested command passes every queue (N1). */
  async head({ lock, entry }: Seen, own: string | undefined): Promise<Ticket | undefined> {
    const { layout, timing } = this.#contender.repo;
    if (liveAncestors(this.#contender).length > 0) return undefined;
    if (this.#free !== entry.name) {
      this.#free = entry.name;
      this.#since = timing.now();
    }
    let graceMs = timing.graceMs;
    for (const ticket of readQueue(layout, lock)) {
      if (own !== undefined && ticket.name >= own) return undefined;
      if (ticket.kind === 'drain') continue;
      if (!isDeadTicket(ticket)) {
        this.leftMs = graceMs - (timing.now() - this.#since);
        if (this.leftMs > 0) return ticket;
        graceMs += NEXT_GRACE_MS;
      }
      await dropTicket(layout, lock, ticket);
    }
    return undefined;
  }
}
