/** Whether a look at names that move counts: the one rule for every answer "it is not there", and for every list. */
import { isErrno, SwampError } from '../errors.js';
import { type Entry, readFence } from './fence.js';

/**
 * A walk over several names can pass by what moves from one to another and back, and find it under none. Every move needs one
 * lock. So what a walk found, or did not find, counts when no process held that lock meanwhile, or when two walks saw the same while
 * one holder had it: a holder moves what a dead one had begun, and one thing of its own, which is too little for both walks.
 */
export class Stillness {
  readonly #fence: string;
  #entry: Entry | undefined;
  /** What the walk before saw, and under which holder. */
  #before: { readonly holder: string; readonly seen: string } | undefined;

  /** `fence`: the directory of the lock that every move needs. */
  constructor(fence: string) {
    this.#fence = fence;
  }

  /** Before each walk. */
  begin(): void {
    this.#entry = entryNow(this.#fence);
  }

  /** After it: true when the walk counts. `seen`: what it found, as a text. */
  accepts(seen: string): boolean {
    const entry = this.#entry;
    const unchanged = entryNow(this.#fence)?.name === entry?.name;
    if (unchanged && entry?.state !== 'held') return true;
    if (unchanged && this.#before?.holder === entry?.name && this.#before?.seen === seen) return true;
    this.#before = unchanged && entry !== undefined ? { holder: entry.name, seen } : undefined;
    return false;
  }
}

/** A lock that no process can take moves nothing; who reads need not fail at it. */
function entryNow(fence: string): Entry | undefined {
  try {
    return readFence(fence);
  } catch (error) {
    if ((error instanceof SwampError && error.code === 'corrupt') || isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}
