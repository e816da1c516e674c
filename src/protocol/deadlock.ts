/** N4: finds a cycle of waits among nested commands; the youngest ticket of it fails at once. */
import { SwampError } from '../errors.js';
import { readDir } from '../fs/tree.js';
import { isModelId, type LockName } from '../layout/layout.js';
import { readFence } from '../locks/fence.js';
import { isDeadTicket, type OwnTicket, readQueue, readTicket } from '../locks/queue.js';
import type { Repo } from '../repo.js';
import { ancestorKey, type Contender, liveAncestors, lockTitle } from './contender.js';

/** A run fence entry somebody waits for. */
export interface Target {
  readonly lock: LockName;
  readonly entryName: string;
}

interface Wait {
  readonly ticket: string;
  readonly ancestors: readonly string[];
  readonly on: string;
}

/**
 * Throws `deadlock` when waiting for `targets` closes a cycle in which `ticket` is the youngest. Only a nested command
 * can: whoever is not nested holds nothing that others wait for. The ticket is on file before the look, so of two that
 * close a cycle together at least one sees it whole.
 */
export function failIfDeadlocked(contender: Contender, ticket: OwnTicket, targets: readonly Target[]): void {
  const ancestors = liveAncestors(contender);
  if (ancestors.length === 0) return;
  const waits = readWaits(contender.repo);
  for (const { lock, entryName } of targets) {
    if (lock.kind !== 'run') continue;
    const youngest = youngestOfCycle(ancestorKey(lock.modelId, entryName), ancestors, waits, new Set());
    if (youngest === undefined || youngest > (ticket.name ?? '')) continue;
    throw new SwampError('deadlock', `"${contender.repo.command}" would wait for ${lockTitle(lock)}, which waits for this very command.`, {
      hint: 'A method must not wait for its own run: call other models from it, or run the two one after the other.',
      data: { lock: lock.kind, modelId: lock.modelId, holder: entryName, ancestors },
    });
  }
}

/** The youngest ticket on a path of waits from the run `from` back to one of `ancestors`; '' for a direct one, undefined for none. */
function youngestOfCycle(from: string, ancestors: readonly string[], waits: readonly Wait[], seen: Set<string>): string | undefined {
  if (ancestors.includes(from)) return '';
  if (seen.has(from)) return undefined;
  seen.add(from);
  for (const wait of waits) {
    if (!wait.ancestors.includes(from)) continue;
    const rest = youngestOfCycle(wait.on, ancestors, waits, seen);
    if (rest !== undefined) return younger(rest, wait.ticket);
  }
  return undefined;
}

/** Names of tickets begin with the time of their filing. */
function younger(a: string, b: string): string {
  return a > b ? a : b;
}

/** Every ticket that a living nested command has filed for a run fence, and the entry it waits for. */
function readWaits(repo: Repo): Wait[] {
  const waits: Wait[] = [];
  for (const queue of readDir(repo.layout.queues) ?? []) {
    const modelId = queue.endsWith('.run') ? queue.slice(0, -'.run'.length) : '';
    if (!isModelId(modelId)) continue;
    const lock: LockName = { kind: 'run', modelId };
    for (const ticket of readQueue(repo.layout, lock)) {
      const ancestors = isDeadTicket(ticket) ? [] : (readTicket(repo.layout, lock, ticket.name)?.ancestors ?? []);
      if (ancestors.length === 0) continue;
      const entry = readFence(repo.layout.fence(lock));
      if (entry?.state === 'held') waits.push({ ticket: ticket.name, ancestors, on: ancestorKey(modelId, entry.name) });
    }
  }
  return waits;
}

/** True when a nested structural command that waits for the global lock has `run` among its ancestors (N3). */
export function isAncestorOfWaiting(repo: Repo, run: string): boolean {
  return readQueue(repo.layout, { kind: 'global' }).some(
    (ticket) => ticket.kind === 'acquire' && !isDeadTicket(ticket) && (readTicket(repo.layout, { kind: 'global' }, ticket.name)?.ancestors ?? []).includes(run),
  );
}
