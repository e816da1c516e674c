/**
 * When what a session works on counts as abandoned: one rule for stagings, uploads that a completion moved aside, and pins.
 * A session shows that it lives by its staging, whose modification time it moves (`openStaging`).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { modifiedAt } from '../fs/tree.js';
import { isProvablyAlive, isProvablyDead, parseHolder } from '../locks/holder.js';
import { Attention } from '../locks/observe.js';
import type { Repo } from '../repo.js';
import { duration } from '../timing.js';

/** A session that cannot be judged is left alone for this long after its last heartbeat. Milliseconds. */
const ABANDONED_MS = 7 * 24 * 3600 * 1000;

/** Something in the datastore, and the text that names its session. */
export interface Owned {
  readonly path: string;
  readonly holder: string;
}

/** True when the session cannot exist any more. One that cannot be judged has not ended, however old it looks. */
export function hasEnded(repo: Repo, owned: Owned): boolean {
  const holder = parseHolder(owned.holder);
  return holder !== undefined && isProvablyDead(holder, () => lastBeat(repo, owned));
}

/** True when the session has ended, or cannot be judged and looks a week old: a sweep would watch it. */
export function looksAbandoned(repo: Repo, owned: Owned): boolean {
  return hasEnded(repo, owned) || isOld(repo, owned);
}

/**
 * Those of `owned` whose session cannot be judged, looks a week old, and shows no heartbeat while this process watches for
 * the ttl. The wall clock only spares the watch: one that is eight days ahead, or has jumped, must cost no living session its work.
 * Throws the reason of the signal.
 */
export async function silentSessions<T extends Owned>(repo: Repo, owned: readonly T[], signal: AbortSignal): Promise<T[]> {
  const { timing, reporter } = repo;
  const watched = new Map(owned.filter((one) => isOld(repo, one)).map((one) => [one, lastBeat(repo, one)]));
  if (watched.size === 0) return [];
  reporter.info(`Watching for ${duration(timing.ttlMs)} whether the sessions of ${watched.size} old leftovers still live.`, {
    topic: 'sweep',
    sessions: watched.size,
  });
  const attention = new Attention(timing);
  while (watched.size > 0 && attention.look() < timing.ttlMs) {
    await delay(timing.pollMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    for (const [one, beat] of watched) if (lastBeat(repo, one) !== beat) watched.delete(one);
  }
  return [...watched.keys()];
}

function isOld(repo: Repo, owned: Owned): boolean {
  const holder = parseHolder(owned.holder);
  if (hasEnded(repo, owned) || (holder !== undefined && isProvablyAlive(holder))) return false;
  const beat = lastBeat(repo, owned);
  return beat !== undefined && Date.now() - beat > ABANDONED_MS;
}

/** Milliseconds; undefined when nothing is there any more. */
function lastBeat({ layout }: Repo, { path, holder }: Owned): number | undefined {
  const own = modifiedAt(path);
  const session = parseHolder(holder) === undefined ? undefined : modifiedAt(layout.staging(holder));
  return own === undefined || session === undefined ? own : Math.max(own, session);
}
