/**
 * The moves every commit consists of: staging -> fence entry -> data, and data -> fence entry -> trash. Each is one
 * rename through the entry that is held; when the entry is gone it has no source or no destination, and nothing happened.
 */
import { dirname, join, sep } from 'node:path';
import { isErrno } from '../errors.js';
import { makeDir, rename, syncDir, takeBack, writeFileDurable } from '../fs/durable.js';
import { reach } from '../fs/reach.js';
import { FEW, someAtOnce, syncFileSystem } from '../fs/sync.js';
import { exists } from '../fs/tree.js';
import { FenceLost } from '../locks/fence.js';
import { newNonce } from '../locks/holder.js';
import type { Lease } from '../locks/lease.js';
import { makePlace, openStaging, type Session, takingSpace } from '../locks/session.js';
import { serialise } from './metadata.js';

/** The trash inside an entry; the next holder moves it on. */
export const ENTRY_TRASH = 'trash';

/** The name of something of ours inside an entry: it shows the next holder whose staging it goes back to. */
export function itemName(session: Session, slot: string): string {
  return `${session.holder}.${slot}`;
}

/** Writes a record into the staging, synced; its slot there. */
export async function stageRecord(fence: Lease, kind: string, record: object): Promise<string> {
  const staging = await openStaging(fence.session);
  const slot = `${kind}-${newNonce()}`;
  await takingSpace(fence.session, () => writeFileDurable(join(staging, slot), serialise(record)));
  return slot;
}

/**
 * staging/<me>/<slot> -> <entry>/<holder>.<slot> -> `destination`. Throws FenceLost; the slot is then looked for again. After
 * any other error it is in the staging again, to be cleared with it: what stays in the entry has no owner until a sweep, and
 * every attempt on a disk that is full would leave its whole content there.
 */
export async function moveThrough(fence: Lease, slot: string, destination: string): Promise<void> {
  const staged = join(fence.session.staging, slot);
  const inside = join(fence.path, itemName(fence.session, slot));
  await step(fence, staged, inside);
  try {
    await step(fence, inside, destination);
  } catch (error) {
    await takeBack(() => rename(inside, staged));
    throw error;
  }
}

/** One rename with an end inside the entry; the way to the other end must have no link. After an error the look by name decides what happened. */
export async function step(fence: Pick<Lease, 'path' | 'session'>, from: string, to: string): Promise<void> {
  reach(dirname(from.startsWith(fence.path + sep) ? to : from));
  try {
    await takingSpace(fence.session, () => rename(from, to));
  } catch (error) {
    if (isErrno(error, 'ENOENT') && !exists(fence.path)) throw new FenceLost(fence.path);
    // The answer was lost, not the rename (network disks): no other process moves what is in our entry.
    if (!exists(from) && exists(to) && exists(fence.path)) return;
    throw error;
  }
}

/** Throws FenceLost when the fence is not ours any more: the look before a step that does not pass through it. */
export function requireHeld({ path }: Pick<Lease, 'path'>): void {
  if (!exists(path)) throw new FenceLost(path);
}

/** `source` -> <entry>/trash/x: the commit of a removal. `source`'s parent is the caller's to sync. Throws FenceLost. */
export async function moveToTrash(fence: Lease, source: string): Promise<void> {
  const trash = join(fence.path, ENTRY_TRASH);
  try {
    await takingSpace(fence.session, () => makeDir(trash));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new FenceLost(fence.path);
    throw error;
  }
  await step(fence, source, join(trash, newNonce()));
}

/**
 * <entry>/trash -> trash/<model-id>-<epoch>-<nonce>, where the sweep finds it. May fail without changing the outcome: the next holder does it then (P8).
 */
export async function passTrashOn(fence: Lease): Promise<void> {
  const inside = join(fence.path, ENTRY_TRASH);
  if (!exists(inside)) return;
  const { layout } = fence.repo;
  await makePlace(fence.session, layout.trashes);
  const outside = layout.trash(fence.modelId, fence.epoch, newNonce());
  await step(fence, inside, outside);
  fence.session.trashed.push(outside);
}

/** Makes a commit durable: the fence's directory (P6) and every directory in which a name changed. */
export async function syncCommit(fence: Pick<Lease, 'dir'>, dirs: readonly string[]): Promise<void> {
  await syncDirs([fence.dir, ...dirs]);
}

/** Each once. A directory that was removed since needs no sync. */
export async function syncDirs(dirs: readonly string[]): Promise<void> {
  const different = [...new Set(dirs)];
  const [first] = different;
  if (first === undefined) return;
  if (different.length <= FEW) await Promise.all(different.map(syncIfThere));
  else if (!(await syncFileSystem(first, NEVER))) await someAtOnce(different, syncIfThere, NEVER);
}

const NEVER = new AbortController().signal;

async function syncIfThere(dir: string): Promise<void> {
  try {
    await syncDir(dir);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
