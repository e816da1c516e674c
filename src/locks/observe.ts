/** Looks at locks without taking any, and judges their holders: free, live, stale, dead, unreadable. */
import { join } from 'node:path';
import { modifiedAt } from '../fs/tree.js';
import type { Layout, LockName } from '../layout/layout.js';
import type { Timing } from '../timing.js';
import { type Entry, freeEntry, readFence } from './fence.js';
import { isEnded } from './holder.js';

export type Verdict = 'free' | 'live' | 'stale' | 'dead' | 'unreadable';

/** One look at one fence. */
export interface Seen {
  readonly lock: LockName;
  /** The fence directory. */
  readonly dir: string;
  readonly entry: Entry;
  readonly verdict: Verdict;
  /** How long the entry's heartbeat has not moved while this observer looked, in milliseconds. */
  readonly unmovedMs: number;
}

/** True when no process needs to be waited for: the entry may be taken, or broken and taken. */
export function isAvailable(seen: Seen): boolean {
  return seen.verdict === 'free' || isBreakable(seen);
}

export function isBreakable(seen: Seen): boolean {
  return seen.verdict === 'dead' || seen.verdict === 'stale';
}

/** How often in a row a dead holder is broken before the loop that waits looks again: where listings are old (network disks) its entry may have gone long ago. */
const BREAKS = 3;

/** Looks at a lock, and evicts a holder that is dead or stale: what is there then, held by a process that must be waited for, or free. */
export async function lookAndBreak(observer: Observer, lock: LockName): Promise<Seen | undefined> {
  for (let breaks = 0; ; breaks++) {
    const seen = observer.look(lock);
    if (seen === undefined || !isBreakable(seen) || breaks === BREAKS) return seen;
    await freeEntry(seen.dir, seen.entry);
  }
}

/** More polls than this between two looks were not waited through: the observer itself was stopped, or did something else. */
const MOST_POLLS = 4;

/**
 * Counts the time that its owner has spent looking, on its own monotonic clock. A time in which it could not look does not
 * count: where observer and holder were frozen together, the first to wake would evict a holder that lives.
 */
export class Attention {
  readonly #timing: Timing;
  #spentMs = 0;
  #lookedAt: number;

  constructor(timing: Timing) {
    this.#timing = timing;
    this.#lookedAt = timing.now();
  }

  /** To be called at each look: the milliseconds spent so far. */
  look(): number {
    const now = this.#timing.now();
    this.#spentMs += Math.min(now - this.#lookedAt, MOST_POLLS * this.#timing.pollMs);
    this.#lookedAt = now;
    return this.#spentMs;
  }
}

/**
 * Remembers when it first saw each heartbeat, on its own monotonic clock: a holder is stale when its mtime has not moved
 * for the ttl while this observer looked, whatever the clocks of other hosts say.
 */
export class Observer {
  readonly #layout: Layout;
  readonly #timing: Timing;
  readonly #attention: Attention;
  readonly #first = new Map<string, { readonly name: string; readonly beat: number | undefined; readonly at: number }>();

  constructor(layout: Layout, timing: Timing) {
    this.#layout = layout;
    this.#timing = timing;
    this.#attention = new Attention(timing);
  }

  /** Undefined when the fence was never born. Throws `corrupt` for a damaged fence, the system's error for one that cannot be read. */
  look(lock: LockName): Seen | undefined {
    const dir = this.#layout.fence(lock);
    const entry = readFence(dir);
    if (entry === undefined) return undefined;
    if (entry.state === 'free') {
      this.#first.delete(dir);
      return { lock, dir, entry, verdict: 'free', unmovedMs: 0 };
    }
    const unmovedMs = this.#unmoved(dir, entry.name);
    return { lock, dir, entry, verdict: this.#judge(entry, unmovedMs, this.#first.get(dir)?.beat), unmovedMs };
  }

  /** As look, for one of several entries of a damaged fence. */
  lookAt(lock: LockName, entry: Entry): Seen {
    const dir = this.#layout.fence(lock);
    const key = join(dir, entry.name);
    const unmovedMs = this.#unmoved(dir, entry.name, key);
    return { lock, dir, entry, verdict: entry.state === 'free' ? 'free' : this.#judge(entry, unmovedMs, this.#first.get(key)?.beat), unmovedMs };
  }

  #unmoved(dir: string, name: string, key = dir): number {
    const beat = modifiedAt(join(dir, name));
    const now = this.#attention.look();
    const first = this.#first.get(key);
    if (first !== undefined && first.name === name && first.beat === beat) return now - first.at;
    this.#first.set(key, { name, beat, at: now });
    return 0;
  }

  #judge(entry: Entry & { state: 'held' }, unmovedMs: number, beat: number | undefined): Verdict {
    if (entry.holder !== undefined && isEnded(entry.holder, () => beat)) return 'dead';
    if (unmovedMs >= this.#timing.ttlMs) return 'stale';
    return entry.holder === undefined ? 'unreadable' : 'live';
  }
}
