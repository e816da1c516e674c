/** `datastore status`: size, what is pending, which locks are held; takes none. */
import { basename, dirname } from 'node:path';
import { asSwampError } from '../errors.js';
import { listStore, treeBytes } from '../fs/tree.js';
import { isFreeCatalog } from '../layout/layout.js';
import { itemOf, KINDS, PENDING, type PendingItem, unfinished, waitingTeardowns, warnOfDamagedRecords } from '../recovery/unfinished.js';
import { displayPath, type Repo } from '../repo.js';
import { loggedModels } from '../store/changes.js';
import type { PendingKind } from '../store/check/kinds.js';
import { type PinFacts, readPin, standingPins } from '../store/pins.js';
import type { TeardownItem } from './datastore-sweep.js';
import { type LockRecord, lockStatus } from './lock-status.js';
import { operation } from './operation.js';
import { listUploads, type UploadItem } from './upload-list.js';

export interface DatastoreStatusResult {
  /** False when a person has to act: a lock is damaged, and until it is mended no command can write there; a teardown failed; the record of a deleted model cannot be read, or a part of this answer. */
  readonly healthy: boolean;
  /** All files of the datastore. */
  readonly bytes: number;
  /** What a sweep finishes, if no command does before. */
  readonly sweeps: readonly PendingItem[];
  /** Backups that run: while there is one, what was removed stays in the trash. */
  readonly pins: readonly PinFacts[];
  readonly teardowns: readonly TeardownItem[];
  readonly kept: readonly KeptItem[];
  /** What only a person can finish; `message` says how. */
  readonly manual: readonly PendingItem[];
  /** Unfinished multi-part writes: neither damage nor pending. */
  readonly uploads: readonly UploadItem[];
  readonly locks: readonly LockRecord[];
  /** Of models that are watched: what `data watch` can still tell of them. */
  readonly changeLogs: readonly { readonly modelId: string; readonly bytes: number }[];
  readonly catalog: CatalogState;
  /** Parts of this answer that are missing, and why. */
  readonly unreadable: readonly UnreadablePart[];
}

/** The index that queries are answered from: derived, so it is never damage. `in_use`: a query works with it, or died at it. */
export interface CatalogState {
  readonly state: 'absent' | 'present' | 'in_use';
  readonly bytes: number;
}

/** Outputs that a method kept because it could not commit them: a sweep removes them with `--kept`. */
export interface KeptItem extends PendingItem {
  readonly modelId: string;
}

/** Named as the field of the answer that it would be. */
export interface UnreadablePart {
  readonly part: 'locks' | 'sweeps' | 'kept' | 'manual' | 'uploads' | 'teardowns' | 'pins' | 'changeLogs' | 'catalog' | 'bytes';
  readonly message: string;
}

/** What cannot be read is listed and costs its part of the answer, not the others. Throws the reason of the signal. */
export const datastoreStatus = operation({ verb: 'datastore status', access: 'reads', asItIs: true }, statusOf);

async function statusOf(repo: Repo, _input: object = {}, { signal }: { readonly signal?: AbortSignal } = {}): Promise<DatastoreStatusResult> {
  const unreadable: UnreadablePart[] = [];
  const part = async <T>(name: UnreadablePart['part'], read: () => T | Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      signal?.throwIfAborted();
      const { code, message } = asSwampError(error);
      if (code === 'internal') throw error;
      unreadable.push({ part: name, message });
      return otherwise;
    }
  };
  const locks = await part('locks', async () => (await lockStatus(repo)).locks, []);
  const found = { sweeps: [] as PendingItem[], kept: [] as PendingItem[], manual: [] as PendingItem[] };
  for (const kind of KINDS) {
    const { by } = PENDING[kind];
    if (by === 'teardown') continue;
    const field = LISTS[by];
    await part(field, async () => void found[field].push(...(await itemsOf(repo, kind, signal))), undefined);
  }
  const { sweeps, kept, manual } = found;
  const uploads = await part('uploads', async () => (await listUploads(repo)).uploads, []);
  const teardowns = await part('teardowns', () => waitingTeardowns(repo).map(({ id, name, state }) => ({ id, name, state })), []);
  const damaged = await part('teardowns', () => warnOfDamagedRecords(repo), 0);
  const pins = await part('pins', () => standingPins(repo).map((path) => ({ ...readPin(path), path: displayPath(repo, path) })), []);
  const changeLogs = await part(
    'changeLogs',
    () => Promise.all(loggedModels(repo).map(async (modelId) => ({ modelId, bytes: await treeBytes(repo.layout.changeLog(modelId), signal) }))),
    [],
  );
  const catalog = await part('catalog', () => catalogNow(repo), ABSENT);
  const bytes = await part('bytes', () => treeBytes(repo.layout.root, signal), 0);
  const inOrder = locks.every(({ state }) => state !== 'damaged') && teardowns.every(({ state }) => state !== 'failed');
  return {
    healthy: inOrder && damaged === 0 && unreadable.length === 0,
    bytes,
    sweeps,
    pins,
    teardowns,
    kept: kept.map((item) => ({ modelId: basename(dirname(item.path)), ...item })),
    manual,
    uploads,
    locks,
    changeLogs,
    catalog,
    unreadable,
  };
}

const ABSENT: CatalogState = Object.freeze({ state: 'absent', bytes: 0 });

async function catalogNow({ layout }: Repo): Promise<CatalogState> {
  const names = listStore(layout.catalogs) ?? [];
  if (names.length === 0) return ABSENT;
  return { state: names.every(isFreeCatalog) ? 'present' : 'in_use', bytes: await treeBytes(layout.catalogs) };
}

/** Where the answer lists a kind, by what finishes it. */
const LISTS = { sweep: 'sweeps', 'sweep --kept': 'kept', person: 'manual' } as const;

async function itemsOf(repo: Repo, kind: PendingKind, signal: AbortSignal | undefined): Promise<PendingItem[]> {
  const items: PendingItem[] = [];
  for (const one of await unfinished(repo, kind)) items.push(await itemOf(repo, one, signal));
  return items;
}
