/**
 * Lists an artifact before the lock is taken, and tells under the lock whether that listing still stands: so a delete holds
 * its locks no longer for a hundred thousand versions than for ten.
 */
import { join } from 'node:path';
import { readDir } from '../fs/tree.js';
import { type Entry, readFence } from '../locks/fence.js';
import { HOLDER_DETAILS } from '../locks/lease.js';
import type { Repo } from '../repo.js';
import type { Fence } from './commit.js';
import { type Artifact, findArtifact } from './read.js';

/** What one listing showed while the model's data fence was free, at `epoch`, and nothing was left in it. */
export interface Listing {
  readonly artifact: Artifact | undefined;
  readonly epoch: number;
}

/** Lists without a lock. Undefined when somebody is at work on the model, or has left something in its fence. */
export function listAhead(repo: Repo, modelId: string, name: string): Listing | undefined {
  const before = quietEntry(repo, modelId);
  if (before === undefined) return undefined;
  const artifact = findArtifact(repo, modelId, name);
  return quietEntry(repo, modelId)?.name === before.name ? { artifact, epoch: before.epoch } : undefined;
}

/** The artifact under the held fence: as it was listed ahead when the next one to hold the fence is its holder now, else listed anew. */
export function listed(fence: Fence, name: string, ahead: Listing | undefined): Artifact | undefined {
  return ahead?.epoch === fence.epoch - 1 ? ahead.artifact : findArtifact(fence.repo, fence.modelId, name);
}

/** The entry of the model's data fence when nobody is at work there and nothing is left in it: while it stands, nothing of the model changes. */
export function quietEntry({ layout }: Repo, modelId: string): Entry | undefined {
  const dir = layout.fence({ kind: 'data', modelId });
  const entry = readFence(dir);
  if (entry?.state !== 'free') return undefined;
  return readDir(join(dir, entry.name))?.every((name) => name === HOLDER_DETAILS) === true ? entry : undefined;
}
