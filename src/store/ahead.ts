/**
 * Looks at a model before its lock is taken, and says under the lock whether what was seen is still true: so no lock
 * is held longer for a hundred thousand versions than for ten.
 */
import { join } from 'node:path';
import { ownNames } from '../fs/tree.js';
import { type Entry, readFence } from '../locks/fence.js';
import { HOLDER_DETAILS, type Lease } from '../locks/lease.js';
import type { Repo } from '../repo.js';

/** What one look showed. */
export interface Ahead<T> {
  readonly seen: T;
  /** The same under the held data fence: as it was seen, when no process has held the fence since; else looked at anew. */
  readonly under: (fence: Lease) => Promise<T>;
}

/** Looks without a lock. What `look` reads of the model changes only in the hands of the holder of its data fence. */
export async function lookAhead<T>(repo: Repo, modelId: string, look: () => T | Promise<T>): Promise<Ahead<T>> {
  const before = quietEntry(repo, modelId);
  const seen = await look();
  const valid = before !== undefined && quietEntry(repo, modelId)?.name === before.name;
  return { seen, under: async (fence) => (valid && fence.epoch === before.epoch + 1 ? seen : look()) };
}

/** The entry of the model's data fence when it is free and nothing is left in it: while it is there, nothing of the model changes. */
export function quietEntry({ layout }: Repo, modelId: string): Entry | undefined {
  const dir = layout.fence({ kind: 'data', modelId });
  const entry = readFence(dir);
  if (entry?.state !== 'free') return undefined;
  return ownNames(join(dir, entry.name))?.every((name) => name === HOLDER_DETAILS) === true ? entry : undefined;
}
