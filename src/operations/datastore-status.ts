/** `datastore status`: size, what is pending, which locks are held; takes none. */
import { lstatSync } from 'node:fs';
import { treeBytes } from '../fs/tree.js';
import { displayPath, type Repo } from '../repo.js';
import { type PinFacts, readPin, standingPins } from '../store/pins.js';
import { keptOutputs, pendingTeardowns, type SweepItem, sweepPlan, type TeardownItem, tellDamaged } from './datastore-sweep.js';
import { type LockRecord, lockStatus } from './lock-status.js';
import { listUploads, type UploadItem } from './upload-list.js';

export interface DatastoreStatusResult {
  /** False when somebody has to do something: a lock is damaged, and until it is mended nobody writes there; a teardown failed; or the record of a deleted model cannot be read. */
  readonly healthy: boolean;
  /** All files of the datastore. */
  readonly bytes: number;
  readonly sweeps: readonly SweepItem[];
  /** Backups that run: while there is one, what was removed stays in the trash. */
  readonly pins: readonly PinFacts[];
  readonly teardowns: readonly TeardownItem[];
  readonly kept: readonly { readonly modelId: string; readonly path: string; readonly bytes: number }[];
  /** Unfinished multi-part writes: neither damage nor pending. */
  readonly uploads: readonly UploadItem[];
  readonly locks: readonly LockRecord[];
  readonly catalog: { readonly state: 'absent' | 'present'; readonly bytes: number };
}

/** Throws `io` for what cannot be listed, and the reason of the signal. */
export async function datastoreStatus(repo: Repo, { signal }: { readonly signal?: AbortSignal } = {}): Promise<DatastoreStatusResult> {
  const { locks } = await lockStatus(repo);
  const sweeps = await sweepPlan(repo, { signal });
  const kept = await keptOutputs(repo, signal);
  const { uploads } = await listUploads(repo);
  const teardowns = pendingTeardowns(repo);
  const damaged = tellDamaged(repo);
  const catalog = lstatSync(repo.layout.catalog, { throwIfNoEntry: false });
  return {
    healthy: damaged === 0 && locks.every(({ state }) => state !== 'damaged') && teardowns.every(({ state }) => state !== 'failed'),
    bytes: await treeBytes(repo.layout.root, signal),
    sweeps: sweeps.map((item) => ({ ...item, path: displayPath(repo, item.path) })),
    pins: standingPins(repo).map((path) => ({ ...readPin(path), path: displayPath(repo, path) })),
    teardowns,
    kept: kept.map(({ modelId, path, bytes }) => ({ modelId, path: displayPath(repo, path), bytes })),
    uploads,
    locks,
    catalog: { state: catalog === undefined ? 'absent' : 'present', bytes: catalog?.size ?? 0 },
  };
}
