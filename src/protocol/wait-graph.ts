/**
 * The waits of nested commands as one graph, read from their tickets. Its nodes are method runs and the global lock; an edge leads
 * from a run to what a command nested in it waits for. It answers both questions that a wait for a run can raise: whether
 * to give way (N3) and whether the wait can never end (N4).
 */
import { SwampError } from '../errors.js';
import { readDir } from '../fs/tree.js';
import { GLOBAL, isModelId, type LockName } from '../layout/layout.js';
import { readFence } from '../locks/fence.js';
import { isDeadTicket, type OwnTicket, readQueue, readTicket } from '../locks/queue.js';
import type { Repo } from '../repo.js';
import { ancestorKey, type Contender, liveAncestors, lockTitle } from './contender.js';

/** A run fence entry that a command waits for. */
export interface WaitTarget {
  readonly lock: LockName;
  readonly entryName: string;
}

/** The edges that one ticket means: from each of `ancestors` to `on`, a run or the global lock. */
interface Wait {
  readonly ticket: string;
  readonly ancestors: readonly string[];
  readonly on: string;
}

/** The node of the global lock. No edge leaves it: its holder either goes on by itself, or drains and then gives way (N3). */
const GLOBAL_NODE = 'global';

/**
 * Throws `deadlock` when waiting for `targets` closes a cycle in which `ticket` is the youngest. Only a nested command can close
 * one: a command that is not nested holds nothing that others wait for. The ticket is on file before the look, so when two commands
 * close a cycle together, at least one sees the whole cycle.
 */
export function failIfDeadlocked(contender: Contender, ticket: OwnTicket, targets: readonly WaitTarget[]): void {
  const ancestors = liveAncestors(contender);
  if (ancestors.length === 0) return;
  const waits = [...runWaits(contender.repo)];
  for (const { lock, entryName } of targets) {
    if (lock.kind !== 'run') continue;
    const youngest = youngestOnPath(ancestorKey(lock.modelId, entryName), ancestors, waits);
    if (youngest === undefined || youngest > (ticket.name ?? '')) continue;
    throw new SwampError('deadlock', `"${contender.repo.command}" would wait for ${lockTitle(contender.repo, lock)}, which waits for this very command.`, {
      hint: 'What runs under a run lock must not wait for that lock: call other models from it, or run the two one after the other.',
      data: { lock: lock.kind, modelId: lock.modelId, holder: entryName, ancestors },
    });
  }
}

/**
 * True when one of `runs` waits, over however many other runs, for a nested structural command that waits for the global lock (N3).
 * Looking at the direct ancestors of that command is not enough: a run between the two would be waited for until the deadline.
 */
export function waitsLeadToGlobal(repo: Repo, runs: readonly string[]): boolean {
  if (runs.length === 0) return false;
  const globalWaits = waitsIn(repo, GLOBAL, () => GLOBAL_NODE);
  if (globalWaits.length === 0) return false;
  const waits = [...globalWaits, ...runWaits(repo)];
  return runs.some((run) => youngestOnPath(run, [GLOBAL_NODE], waits) !== undefined);
}

/** The youngest ticket on a path of waits from `from` to one of `goals`; '' when `from` is one itself, undefined when no path leads there. */
function youngestOnPath(from: string, goals: readonly string[], waits: readonly Wait[], seen = new Set<string>()): string | undefined {
  if (goals.includes(from)) return '';
  if (seen.has(from)) return undefined;
  seen.add(from);
  for (const wait of waits) {
    if (!wait.ancestors.includes(from)) continue;
    const rest = youngestOnPath(wait.on, goals, waits, seen);
    if (rest !== undefined) return rest > wait.ticket ? rest : wait.ticket;
  }
  return undefined;
}

/** The waits for run fences: every ticket that a living nested command has filed for one, and the entry it waits for. */
function runWaits(repo: Repo): Wait[] {
  return (readDir(repo.layout.queues) ?? []).flatMap((queue) => {
    const modelId = queue.endsWith('.run') ? queue.slice(0, -'.run'.length) : '';
    if (!isModelId(modelId)) return [];
    const lock: LockName = { kind: 'run', modelId };
    return waitsIn(repo, lock, () => {
      const entry = readFence(repo.layout.fence(lock));
      return entry?.state === 'held' ? ancestorKey(modelId, entry.name) : undefined;
    });
  });
}

/** The waits of nested commands in one queue. A `writer` ticket does not count: a nested writer waits only for a closed fence, which goes on by itself (N1). */
function waitsIn(repo: Repo, lock: LockName, node: () => string | undefined): Wait[] {
  return readQueue(repo.layout, lock).flatMap((ticket) => {
    if (ticket.kind === 'writer' || isDeadTicket(ticket)) return [];
    const ancestors = readTicket(repo.layout, lock, ticket.name)?.ancestors ?? [];
    const on = ancestors.length === 0 ? undefined : node();
    return on === undefined ? [] : [{ ticket: ticket.name, ancestors, on }];
  });
}
