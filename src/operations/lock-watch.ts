/** `datastore lock status --watch`: the same again and again, woken by changes of the locks and their queues; takes none. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readDir } from '../fs/tree.js';
import { listLocks } from '../locks/survey.js';
import { Watches } from '../protocol/watches.js';
import type { Repo } from '../repo.js';
import { type LockStatusResult, lockStatus } from './lock-status.js';

/** The slow look behind the watches: ages, verdicts, and locks beyond those that are watched. Milliseconds. */
const POLL_MS = 1_000;
/** The least from one look to the next: what changes together is shown together. Milliseconds. */
const GATHER_MS = 50;
/** A system has so many watches only; the locks of more models than these are seen by the poll. */
const MOST_WATCHED = 1_000;

/** Looks after each change, and at least once a second; a large repository is looked at for a third of the time at most. Ends when the signal fires. */
export async function* lockWatch(repo: Repo, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<LockStatusResult> {
  const watches = new Watches();
  try {
    while (!signal.aborted) {
      const [changes, began] = [watches.changes, repo.timing.now()];
      const result = await lockStatus(repo);
      const tookMs = repo.timing.now() - began;
      yield result;
      await pause(Math.max(GATHER_MS, 2 * tookMs), signal);
      // New watches miss what happened before they were set: look once more before sleeping.
      if (!watches.arm(placesIn(repo, result)) && watches.changes === changes) await watches.sleep(POLL_MS, signal);
    }
  } finally {
    watches.close();
  }
}

/** Where a change shows: new models and queues, entries that come and go, tickets. What is held or waited for goes first. */
function placesIn({ layout }: Repo, { locks }: LockStatusResult): string[] {
  const queues = (readDir(layout.queues) ?? []).map((name) => join(layout.queues, name));
  const held = locks.flatMap(({ lock, modelId }) => (lock === 'global' || modelId === null ? [] : [layout.fence({ kind: lock, modelId })]));
  return [layout.fences, layout.queues, ...held, ...queues, ...listLocks(layout).map((lock) => layout.fence(lock))].slice(0, MOST_WATCHED);
}

/** Resolves early when the signal fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
