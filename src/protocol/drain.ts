/** S1 and S3: waits for the fences of a scope. Dead and stale holders are broken, not waited for (L5). */
import { failpoint } from '../fs/failpoints.js';
import { listStore } from '../fs/tree.js';
import { GLOBAL, isModelId, type Layout, type LockName } from '../layout/layout.js';
import { lookAndBreak, type Seen } from '../locks/observe.js';
import type { OwnTicket } from '../locks/queue.js';
import { isDeletedModel } from '../store/deleted.js';
import { blockedBy, newTicket } from './acquire.js';
import { ancestorKey, type Contender, liveAncestors, lockTitle } from './contender.js';
import type { Scope } from './global.js';
import { failIfDeadlocked, waitsLeadToGlobal } from './wait-graph.js';

/** Every fence of a scope: its data fences, and its run fences where the command drains them. */
export function fencesOf(layout: Layout, scope: Scope): LockName[] {
  const models = scope.models === 'all' ? (listStore(layout.fences) ?? []).filter(isModelId) : scope.models;
  return models.flatMap((modelId): LockName[] => [{ kind: 'data', modelId }, ...(scope.runs ? [{ kind: 'run', modelId } as const] : [])]);
}

/**
 * The fences of the scope that are held now; dead holders are broken on the way. Not counted are the run fences of our
 * ancestors (N2), and that of a deleted model: only its teardown holds it, which has no data left to write, and for which
 * the loser of the delete must not wait with all others (O3).
 */
export async function heldNow(contender: Contender, locks: readonly LockName[]): Promise<Seen[]> {
  const ancestors = contender.ancestors.length === 0 ? [] : liveAncestors(contender);
  const held: Seen[] = [];
  for (const lock of locks) {
    const seen = await lookAndBreak(contender.observer, lock);
    if (seen === undefined || seen.entry.state === 'free') continue;
    if (lock.kind === 'run' && ancestors.includes(ancestorKey(lock.modelId, seen.entry.name))) continue;
    if (lock.kind === 'run' && isDeletedModel(contender.repo, lock.modelId)) continue;
    held.push(seen);
  }
  return held;
}

/** Waits until no process holds the model's run fence, as S3 does. */
export async function drainRun(contender: Contender, modelId: string): Promise<void> {
  await waitWhileHeld(contender, () => heldNow(contender, [{ kind: 'run', modelId }]));
}

/** S1: waits for those holders that are there now, each by name; who comes later is not waited for, so a stream of writers cannot starve us (L6). */
export async function drainSeen(contender: Contender, scope: Scope): Promise<void> {
  const first = await heldNow(contender, fencesOf(contender.repo.layout, scope));
  if (first.length === 0) return;
  const names = new Set(first.map((seen) => seen.entry.name));
  const locks = first.map((seen) => seen.lock);
  await waitWhileHeld(contender, async () => (await heldNow(contender, locks)).filter((seen) => names.has(seen.entry.name)));
}

/**
 * S3: waits until nothing in the scope is held. Returns 'give way' when a run that is waited for waits itself, directly or over
 * other runs, for a nested structural command that waits for the global lock (N3): neither could ever go on.
 */
export async function drainAll(contender: Contender, scope: Scope): Promise<'drained' | 'give way'> {
  const { repo } = contender;
  await failpoint('restructure.second-drain');
  return waitWhileHeld(contender, async () => {
    const held = await heldNow(contender, fencesOf(repo.layout, scope));
    const runs = held.flatMap(({ lock, entry }) => (lock.kind === 'run' ? [ancestorKey(lock.modelId, entry.name)] : []));
    return waitsLeadToGlobal(repo, runs) ? 'give way' : held;
  });
}

async function waitWhileHeld(contender: Contender, look: () => Promise<Seen[] | 'give way'>): Promise<'drained' | 'give way'> {
  const tickets = new Map<string, OwnTicket>();
  const { timing } = contender.repo;
  const since = timing.now();
  try {
    return await contender.waiting.until('running writers to finish', async () => {
      const held = await look();
      if (held === 'give way') return { done: held };
      const [first] = held;
      if (first === undefined) return { done: 'drained' as const };
      const named = timing.now() - since < SHORT_MS ? held.filter((seen) => seen.lock.kind === 'run') : held;
      for (const seen of named) await nameWait(contender, tickets, seen);
      const blocked = held.slice(0, MOST_WATCHED).map((seen) => blockedBy(contender, seen));
      const more = held.length > 1 ? ` (and ${held.length - 1} more)` : '';
      const on = `${lockTitle(contender.repo, first.lock)} is ${blocked[0]?.on ?? ''}${more}`;
      const watch = [contender.repo.layout.queue(GLOBAL), ...blocked.flatMap((item) => item.watch)];
      return { blocked: { watch, on, outlook: blocked[0]?.outlook ?? '', data: blocked[0]?.data ?? {}, hint: blocked[0]?.hint ?? '' } };
    });
  } finally {
    for (const ticket of tickets.values()) await ticket.withdraw();
  }
}

/** File-system watches are scarce; the poll sees the rest. */
const MOST_WATCHED = 64;

/** A data fence is held for less, unless its holder is stuck: naming each of these waits would cost more than it is worth. Milliseconds. */
const SHORT_MS = 100;

/** A ticket of kind `drain` names the wait for `lock status`, and that for a run fence for the search for cycles (N4); no waiter queues behind it. */
async function nameWait(contender: Contender, tickets: Map<string, OwnTicket>, seen: Seen): Promise<void> {
  const ticket = tickets.get(seen.dir) ?? newTicket(contender, seen.lock, 'drain');
  tickets.set(seen.dir, ticket);
  await ticket.file();
  failIfDeadlocked(contender, ticket, [{ lock: seen.lock, entryName: seen.entry.name }]);
}
