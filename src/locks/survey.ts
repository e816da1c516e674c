/** Every lock of the datastore at one look, taking none: who holds it, since when it shows no life, and who waits. */
import { join } from 'node:path';
import { isErrno, isSystemError, SwampError } from '../errors.js';
import { modifiedAt, readDir } from '../fs/tree.js';
import { GLOBAL, isModelId, type Layout, type LockName } from '../layout/layout.js';
import type { Timing } from '../timing.js';
import { type Entry, readFence } from './fence.js';
import { isEnded } from './holder.js';
import type { Seen, Verdict } from './observe.js';

/** A lock that is held. The verdict goes by the wall clock: it is for people, and no holder is evicted by it. */
export interface HeldLock {
  readonly state: 'held';
  readonly seen: Seen;
  /** Milliseconds since the epoch; undefined when the entry has gone meanwhile. */
  readonly heartbeatAt: number | undefined;
}

/** A fence with two entries, none, one without an epoch or of another type, or one that cannot be read: no process can take it. */
export interface DamagedLock {
  readonly state: 'damaged';
  readonly lock: LockName;
  /** The fence directory. */
  readonly dir: string;
  /** What is there; of a fence that cannot be read, the error. */
  readonly entries: readonly string[];
}

/** The names of all locks that were ever taken, the global one first. */
export function listLocks(layout: Layout): LockName[] {
  const models = (readDir(layout.fences) ?? []).filter(isModelId).sort();
  return [
    GLOBAL,
    ...models.flatMap((modelId): LockName[] => [
      { kind: 'data', modelId },
      { kind: 'run', modelId },
    ]),
  ];
}

/** The locks among `locks` that are held or damaged. A fence that cannot be read counts as damaged, not as free (L7). */
export function surveyLocks(layout: Layout, timing: Timing, locks: readonly LockName[] = listLocks(layout)): (HeldLock | DamagedLock)[] {
  return locks.flatMap((lock) => surveyLock(layout, timing, lock) ?? []);
}

function surveyLock(layout: Layout, timing: Timing, lock: LockName): HeldLock | DamagedLock | undefined {
  const dir = layout.fence(lock);
  let entry: Entry | undefined;
  try {
    entry = readFence(dir);
  } catch (error) {
    if (error instanceof SwampError && error.code === 'corrupt') return { state: 'damaged', lock, dir, entries: readDir(dir) ?? [] };
    if (isErrno(error, 'ENOTDIR')) return { state: 'damaged', lock, dir, entries: [] };
    // One that cannot be read is listed, and does not keep the others from being seen, or released (L7, L11).
    if (isSystemError(error)) return { state: 'damaged', lock, dir, entries: [error.message] };
    throw error;
  }
  if (entry?.state !== 'held') return undefined;
  const heartbeatAt = modifiedAt(join(dir, entry.name));
  const unmovedMs = heartbeatAt === undefined ? 0 : Math.max(0, Date.now() - heartbeatAt);
  return { state: 'held', heartbeatAt, seen: { lock, dir, entry, verdict: judge(entry, heartbeatAt, timing), unmovedMs } };
}

function judge({ holder }: Entry & { state: 'held' }, heartbeatAt: number | undefined, timing: Timing): Verdict {
  if (holder !== undefined && isEnded(holder, () => heartbeatAt)) return 'dead';
  if (heartbeatAt !== undefined && Date.now() - heartbeatAt > timing.ttlMs) return 'stale';
  return holder === undefined ? 'unreadable' : 'live';
}
