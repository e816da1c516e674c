/**
 * What a repair takes out of its place is set aside here, whole and under its old path. Nothing below quarantine/ is ever
 * read or removed by the program: a person looks at it. Links are moved, never followed.
 */
import { dirname, join, relative } from 'node:path';
import { isErrno } from '../errors.js';
import { createEmpty, linkFile, makeDir, makeDirs, removeEmptyDir, removeFile, rename, syncDir, takeBack } from '../fs/durable.js';
import { statusOf } from '../fs/identity.js';
import { reach } from '../fs/reach.js';
import { exists } from '../fs/tree.js';
import { FenceLost } from '../locks/fence.js';
import { newNonce } from '../locks/holder.js';
import type { Lease } from '../locks/lease.js';
import type { Repo } from '../repo.js';
import { step } from './commit.js';

/** In an entry: what is below it goes on to quarantine/, by this holder or the next. */
export const ENTRY_QUARANTINE = 'quarantine';

/** The directory of one repair for what belongs to no model; it is made when something goes there. */
export interface Quarantine {
  readonly repo: Repo;
  readonly dir: string;
}

export function newQuarantine(repo: Repo): Quarantine {
  return { repo, dir: repo.layout.quarantine(new Date(), newNonce()) };
}

/**
 * Moves what is at `place` aside; where it is now, or undefined when it had gone. Two repairs that look at one path may
 * both find a file where a lock belongs, and one of them has put the lock there meanwhile: so the rename goes onto an empty
 * file or directory, which the system refuses unless what moves is of that type. `options.by` takes the place at once.
 */
export async function setAside(
  { repo, dir }: Quarantine,
  place: string,
  options: { readonly onlyIf?: 'no directory'; readonly by?: string } = {},
): Promise<string | undefined> {
  const moved = await makeRoot(repo);
  const path = place === repo.layout.quarantines ? moved : place;
  if (path !== undefined && !reach(dirname(path))) return undefined;
  const status = path === undefined ? undefined : statusOf(path);
  if (path === undefined || status === undefined || (options.onlyIf !== undefined && status.isDirectory())) return undefined;
  const to = freeName(join(dir, relative(repo.layout.root, place)));
  await makeDirs(dirname(to));
  if (status.isDirectory()) await makeDir(to);
  else createEmpty(to);
  try {
    await rename(path, to);
  } catch (error) {
    await takeBack(() => (status.isDirectory() ? removeEmptyDir(to) : removeFile(to)));
    if (isErrno(error, 'ENOENT', 'EISDIR', 'ENOTDIR')) return undefined;
    throw error;
  }
  if (options.by !== undefined) await takePlace(options.by, path);
  await syncDir(dirname(to));
  await syncIfThere(dirname(path));
  return to;
}

/** An entry that was free has been taken since: the rename in it is as durable as that. */
async function syncIfThere(dir: string): Promise<void> {
  try {
    await syncDir(dir);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Another process may have made what was missing for a moment: it stays. */
async function takePlace(from: string, path: string): Promise<void> {
  try {
    await rename(from, path);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}

/**
 * `source` -> <entry>/quarantine/<its path>: the commit of setting aside. Answers its path below the quarantine; the parent
 * of `source` is the caller's to sync. Throws FenceLost.
 */
export async function moveToQuarantine(fence: Lease, source: string): Promise<string> {
  const to = await placeInside(fence, source);
  await step(fence, source, to);
  await syncDir(dirname(to));
  return relative(join(fence.path, ENTRY_QUARANTINE), to);
}

/** Gives the file `source` a second name in the quarantine: the first one is then free to be written over, with no moment without a file. */
export async function linkToQuarantine(fence: Lease, source: string): Promise<string> {
  const to = await placeInside(fence, source);
  reach(dirname(source));
  try {
    await linkFile(source, to);
  } catch (error) {
    if (isErrno(error, 'ENOENT') && !exists(fence.path)) throw new FenceLost(fence.path);
    throw error;
  }
  await syncDir(dirname(to));
  return relative(join(fence.path, ENTRY_QUARANTINE), to);
}

/** <entry>/quarantine -> quarantine/<time>-<nonce>: where that is, or undefined when there was nothing. May be left to the next holder (P8). */
export async function passQuarantineOn(fence: Lease): Promise<string | undefined> {
  const inside = join(fence.path, ENTRY_QUARANTINE);
  if (!exists(inside)) return undefined;
  const { layout } = fence.repo;
  await makeRoot(fence.repo);
  const outside = layout.quarantine(new Date(), newNonce());
  await step(fence, inside, outside);
  await syncDir(layout.quarantines);
  return outside;
}

async function placeInside(fence: Lease, source: string): Promise<string> {
  const to = freeName(join(fence.path, ENTRY_QUARANTINE, relative(fence.repo.layout.root, source)));
  await makeInside(fence, dirname(to));
  return to;
}

/** Directories inside the entry, one by one and never above it: a recursive create would bring back an entry that was lost. */
async function makeInside(fence: Lease, dir: string): Promise<void> {
  if (dir === fence.path) return;
  await makeInside(fence, dirname(dir));
  try {
    if (await makeDir(dir)) await syncDir(dirname(dir));
  } catch (error) {
    if (isErrno(error, 'ENOENT') && !exists(fence.path)) throw new FenceLost(fence.path);
    throw error;
  }
}

/** What is where the quarantine belongs goes beside it, and is set aside from there: its path then. */
async function makeRoot({ layout }: Repo): Promise<string | undefined> {
  const status = statusOf(layout.quarantines);
  const beside = status === undefined || status.isDirectory() ? undefined : `${layout.quarantines}.${newNonce()}`;
  if (beside !== undefined) await rename(layout.quarantines, beside);
  await makeDirs(layout.quarantines);
  return beside;
}

/** Two things of one path can be set aside by one repair. */
function freeName(path: string): string {
  for (let n = 2, candidate = path; ; candidate = `${path}.${n++}`) if (!exists(candidate)) return candidate;
}
