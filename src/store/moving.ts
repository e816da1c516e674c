/**
 * Copies a datastore to another place, compares both, and clears the old one. The copy grows as `incoming/`, beside the place that a datastore has,
 * so none that is not whole is ever taken for one. A copy that was interrupted is gone on with: what is there already and has the same bytes stays.
 */

import { basename, dirname, join } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { Bulk } from '../fs/bulk.js';
import { makeDirsAnywhere, removeEmptyDir, removeFile, rename, syncDir, writeFileDurable } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { digest } from '../fs/pieces.js';
import { openPlainFile } from '../fs/plain.js';
import { exists, isDirectory, pathsIn, readDir, readDirTypes } from '../fs/tree.js';
import { Layout } from '../layout/layout.js';
import { newNonce } from '../locks/holder.js';
import { discard } from '../locks/session.js';
import { ownerText, type Repo } from '../repo.js';
import { serialise } from './metadata.js';
import type { Relocation } from './restoring.js';
import { sweepTrash } from './sweep.js';

export interface MoveOptions {
  readonly signal: AbortSignal;
  /** Called as files are copied or compared. */
  readonly onProgress?: ((done: { readonly files: number; readonly bytes: number }) => void) | undefined;
}

/** What stays behind: it belongs to processes that are at work here, can be made again, or says that a move is under way. */
function staysBehind({ layout }: Repo): ReadonlySet<string> {
  const { stagings, queues, trashes, pins, reserve, restoring, moving, catalogs, repository, root } = layout;
  const names = [stagings, queues, trashes, pins, reserve, restoring, moving, catalogs, repository].map((path) => path.slice(root.length + 1));
  return new Set(names);
}

interface Item {
  readonly from: string;
  readonly to: string;
  readonly isDirectory: boolean;
}

/** Everything that is moved, each directory before what is in it. Throws `corrupt` for what is neither a file nor a directory. */
function* items(repo: Repo, to: Layout): Generator<Item> {
  const skipped = staysBehind(repo);
  const { root } = repo.layout;
  const globalFence = repo.layout.fence({ kind: 'global' });
  const pending = [''];
  for (let below = pending.pop(); below !== undefined; below = pending.pop()) {
    for (const entry of readDirTypes(join(root, below)) ?? []) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      const from = join(root, path);
      if ((below === '' && skipped.has(entry.name)) || from === globalFence) continue;
      if (!entry.isDirectory() && !entry.isFile())
        throw new SwampError('corrupt', `${from} is neither a file nor a directory.`, {
          hint: 'Run "swamp datastore check --repair", then move it again.',
          data: { path: from },
        });
      yield { from, to: join(to.root, path), isDirectory: entry.isDirectory() };
      if (entry.isDirectory()) pending.push(path);
    }
  }
}

/** How much would be moved. */
export async function sizeOfMove(repo: Repo, { signal }: MoveOptions): Promise<{ readonly files: number; readonly bytes: number }> {
  const pass = yielding(signal);
  let [files, bytes] = [0, 0];
  for (const { from, isDirectory: isDir } of items(repo, repo.layout)) {
    await pass();
    if (isDir) continue;
    const size = sizeAt(from);
    files++;
    bytes += size;
  }
  return { files, bytes };
}

function sizeAt(path: string): number {
  const file = openPlainFile(path);
  if (file === undefined || 'refused' in file) return 0;
  try {
    return file.size;
  } finally {
    file.close();
  }
}

/** Copies everything to `to.incoming`, and the records of the move with it; durable, and compared, when it resolves. Nothing may commit here meanwhile. */
export async function copyDatastore(
  repo: Repo,
  move: Relocation,
  epoch: number,
  options: MoveOptions,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const to = new Layout(move.to).incoming();
  await makeDirsAnywhere(to.root);
  const bulk = new Bulk(to.root);
  const wanted = new Map<string, Set<string>>([[to.root, new Set()]]);
  const pass = yielding(options.signal);
  let [files, bytes] = [0, 0];
  for (const item of items(repo, to)) {
    await pass();
    wanted.get(dirname(item.to))?.add(basename(item.to));
    if (item.isDirectory) {
      wanted.set(item.to, new Set());
      await bulk.directory(item.to);
      continue;
    }
    await failpoint('move.file');
    if (await hasSameBytes(item, options.signal)) bulk.adopt(item.to);
    else {
      await removeFile(item.to);
      await bulk.bring('copy', item.from, item.to);
    }
    bytes += sizeAt(item.to);
    files++;
    options.onProgress?.({ files, bytes });
  }
  const records: readonly (readonly [string, string])[] = [
    [to.repository, ownerText(repo.id)],
    [to.moving, serialise({ ...move })],
  ];
  for (const [path, text] of records) {
    await removeFile(path);
    await bulk.write(path, Buffer.from(text));
    wanted.get(to.root)?.add(basename(path));
  }
  const fence = to.fence({ kind: 'global' });
  wanted.get(dirname(fence))?.add(basename(fence));
  await bulk.directory(dirname(fence));
  await removeExtra(to, wanted);
  for (const name of readDir(fence) ?? []) await removeEmptyDir(join(fence, name));
  await bulk.directory(join(fence, `${epoch}.free-${newNonce()}`));
  await bulk.sync(options.signal);
  await syncDir(dirname(to.root));
  await requireSame(repo, to, options);
  return { files, bytes };
}

/** What an earlier copy brought, and is not here any more. */
async function removeExtra(to: Layout, wanted: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
  for (const [dir, names] of wanted) {
    for (const name of readDir(dir) ?? []) if (!names.has(name)) await removePlain(join(dir, name));
  }
  await syncDir(to.root);
}

/** A copy that is not finished holds plain files and directories, and no other process writes there. */
async function removePlain(path: string): Promise<void> {
  if (!isDirectory(path)) return void (await removeFile(path));
  for (const name of readDir(path) ?? []) await removePlain(join(path, name));
  await removeEmptyDir(path);
}

/** Throws `corrupt` unless the copy has the same files with the same bytes: the old place is not given up for less. */
async function requireSame(repo: Repo, to: Layout, { signal }: MoveOptions): Promise<void> {
  for (const item of items(repo, to)) {
    const same = item.isDirectory ? isDirectory(item.to) : await hasSameBytes(item, signal);
    if (same) continue;
    throw new SwampError('corrupt', `${item.to} is not what ${item.from} is: the datastore was not moved.`, {
      hint: 'Check the disk, then run the command again.',
      data: { path: item.to, from: item.from },
    });
  }
}

async function hasSameBytes({ from, to }: Item, signal: AbortSignal): Promise<boolean> {
  if (!exists(to) || sizeAt(from) !== sizeAt(to)) return false;
  const reading = { signal, onBytes: () => undefined };
  const [one, other] = [openPlainFile(from), openPlainFile(to)];
  if (one === undefined || 'refused' in one || other === undefined || 'refused' in other) {
    if (one !== undefined && !('refused' in one)) one.close();
    if (other !== undefined && !('refused' in other)) other.close();
    return false;
  }
  const [a, b] = await Promise.all([digest(one, reading), digest(other, reading)]);
  return a.checksum === b.checksum;
}

/** Writes the record of a move that begins, in place of one that did not end. */
export async function recordMove(path: string, move: Relocation): Promise<void> {
  await removeFile(path);
  await writeFileDurable(path, serialise({ ...move }));
  await syncDir(dirname(path));
}

/** The copy becomes a datastore: one rename. Again: nothing. */
export async function publishCopy(to: Layout): Promise<void> {
  const from = to.incoming().root;
  if (exists(to.root) || !exists(from)) return;
  try {
    await rename(from, to.root);
  } catch (error) {
    // Another process has finished it.
    if (!isErrno(error, 'ENOENT') || !exists(to.root)) throw error;
  }
  await syncDir(dirname(to.root));
}

/**
 * Removes what a datastore, or a copy of one, holds, but for the record that says where it went. It goes through its own trash: a command that still
 * waits there makes no removal fail, and what a running backup reads stays. False when something is left.
 */
export async function clearNewPlace(repo: Repo, layout: Layout, { signal }: Pick<MoveOptions, 'signal'>): Promise<boolean> {
  if (!exists(layout.root)) return true;
  const place: Repo = Object.freeze({ ...repo, datastore: layout.base, layout });
  const last = [layout.restoring, layout.trashes, layout.pins];
  for (const name of readDir(layout.root) ?? []) {
    const path = join(layout.root, name);
    if (last.includes(path)) continue;
    if (isDirectory(path)) await discard(place, path, 'moved');
    else await removeFile(path);
  }
  await failpoint('move.discarded');
  await sweepTrash(place, pathsIn(layout.trashes), signal);
  for (const dir of [layout.trashes, layout.pins]) await removeIfEmpty(dir);
  const left = readDir(layout.root) ?? [];
  return left.every((name) => join(layout.root, name) === layout.restoring);
}

async function removeIfEmpty(dir: string): Promise<void> {
  if ((readDir(dir) ?? ['']).length === 0) await removeEmptyDir(dir);
}

/** True for a place that only says where its datastore went. */
export function isLeft({ root, restoring, moved }: Layout): boolean {
  return exists(moved) && (readDir(root) ?? []).every((name) => join(root, name) === restoring);
}

/** Takes such a place away: a datastore comes back to it. */
export async function removeLeft(layout: Layout): Promise<void> {
  await removeFile(layout.moved);
  await removeEmptyDir(layout.restoring);
  await removeEmptyDir(layout.root);
  await syncDir(layout.base);
}
