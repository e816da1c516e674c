/**
 * The fence: one directory with exactly one entry, whose name says epoch and holder. Every transition is one rename of
 * exactly the name that was read, so each has one winner; the epoch never goes back (P6). Nothing here waits or judges.
 */
import { lstatSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { makeDir, makeDirs, rename, syncDir } from '../fs/durable.js';
import { reach } from '../fs/reach.js';
import { syncDirsTogether } from '../fs/sync.js';
import { exists, ownNames } from '../fs/tree.js';
import { type Holder, newNonce, parseHolder } from './holder.js';
import { makePlace, type Session, takingSpace } from './session.js';

/** What is in a fence directory. `holder` is undefined when the epoch can be read and the rest cannot (L7). */
export type Entry =
  | { readonly state: 'free'; readonly name: string; readonly epoch: number; readonly nonce: string }
  | { readonly state: 'held'; readonly name: string; readonly epoch: number; readonly holder: Holder | undefined };

/** The entry is not ours any more: whatever was to pass through it had no source or no destination. Never leaves protocol/. */
export class FenceLost extends Error {
  constructor(readonly path: string) {
    super(`fenced off: ${path}`);
    this.name = 'FenceLost';
  }
}

const ENTRY = /^(0|[1-9][0-9]{0,14})\.(.+)$/s;
const FREE = /^free-([0-9a-f]{12})$/;
/** A listing that races a rename may show none or both names; the same picture this often in a row is damage. */
const LOOKS = 8;

/** The entry that a name means; undefined for a name without a readable epoch. */
export function parseEntry(name: string): Entry | undefined {
  const match = ENTRY.exec(name);
  if (match === null) return undefined;
  const epoch = Number(match[1]);
  const rest = match[2] ?? '';
  const free = FREE.exec(rest);
  if (free !== null) return { state: 'free', name, epoch, nonce: free[1] ?? '' };
  return { state: 'held', name, epoch, holder: parseHolder(rest) };
}

/**
 * The one entry of the fence `dir`; undefined when the fence was never born. Throws `corrupt` for two entries, none, or
 * one that is not a directory or has no epoch: then no process acquires (L7).
 */
export function readFence(dir: string): Entry | undefined {
  let names: readonly string[] = [];
  for (let look = 0, same = 0; look < LOOKS * 8 && same < LOOKS; look++) {
    const seen = ownNames(dir);
    if (seen === undefined) return undefined;
    const [only] = seen;
    if (seen.length === 1 && only !== undefined) {
      const entry = parseEntry(only);
      // Gone: it is being renamed at this moment, which the next step through it finds out.
      if (entry !== undefined && isDirectoryOrGone(join(dir, only))) return entry;
    }
    same = seen.join('\0') === names.join('\0') ? same + 1 : 0;
    names = seen;
  }
  throw damagedFence(dir, names);
}

function isDirectoryOrGone(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== false;
}

function damagedFence(dir: string, names: readonly string[]): SwampError {
  const [only = '', ...more] = names;
  const single = parseEntry(only) === undefined ? `has an entry without an epoch (${only})` : `has an entry that is not a directory (${only})`;
  const what = names.length === 0 ? 'has no entry' : more.length === 0 ? single : `has ${names.length} entries`;
  return new SwampError('corrupt', `The lock ${dir} ${what}; no process can take it.`, {
    hint: 'Run "swamp datastore check", then "swamp datastore check --repair".',
    data: { path: dir, entries: names },
  });
}

/** No fence exceeds this number: a larger one is damage, and is not counted on from. */
export const MAX_EPOCH = 1e14;

/**
 * Brings a fence into being at `epoch`, 0 unless a repair knows of a higher one: built in the session's staging, moved into place,
 * so that it is never seen without its entry. One that exists already stays; an empty one, which cannot be taken, gets the
 * entry. Parents are created one by one, never above the fence itself.
 */
export async function createFence(dir: string, session: Session, epoch = 0): Promise<void> {
  const fences = dirname(dir);
  await makeParent(fences, session, syncDir);
  const entry = freeName(epoch);
  const built = builtIn(session);
  await takingSpace(session, () => buildFence(built, epoch, entry));
  if (await moveIntoPlace(built, dir, session)) await syncDir(fences);
}

/** `createFence` for many at once, each at epoch 0: they become durable together. */
export async function createFences(dirs: readonly string[], session: Session, signal: AbortSignal): Promise<void> {
  const missing = dirs.filter((dir) => !exists(dir));
  const parents = new Set<string>();
  for (const dir of missing) await makeParent(dirname(dir), session, async (parent) => void parents.add(parent));
  await syncDirsTogether([[...parents]], signal);
  const built = missing.map((dir) => [dir, builtIn(session)] as const);
  for (const [, path] of built) {
    const entry = freeName(0);
    await takingSpace(session, () => makeFence(path, entry));
  }
  await syncDirsTogether([built.map(([, path]) => path)], signal);
  for (const [dir, path] of built) await moveIntoPlace(path, dir, session);
  await syncDirsTogether([[...new Set(missing.map(dirname))]], signal);
}

/** `sync`: makes the directory durable in which one was made. */
async function makeParent(fences: string, session: Session, sync: (dir: string) => Promise<void>): Promise<void> {
  if (basename(fences) !== 'fences') {
    await makePlace(session, dirname(fences));
    if (await takingSpace(session, () => makeDir(fences))) await sync(dirname(fences));
  } else await makePlace(session, fences);
  reach(fences);
}

function builtIn(session: Session): string {
  return join(session.staging, `fence-${newNonce()}`);
}

/** False when another process's fence is there already: then ours stays in the staging. */
async function moveIntoPlace(built: string, dir: string, session: Session): Promise<boolean> {
  reach(dir);
  try {
    await takingSpace(session, () => rename(built, dir));
    return true;
  } catch (error) {
    // Both mean that.
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    return false;
  }
}

/** Makes a fence where no process looks, in a staging directory, to be moved into place whole. Safe to repeat with the same `entry`. */
export async function buildFence(dir: string, epoch: number, entry: string = freeName(epoch)): Promise<void> {
  await makeFence(dir, entry);
  await syncDir(dir);
}

async function makeFence(dir: string, entry: string): Promise<void> {
  await makeDirs(dirname(dir));
  await makeDir(dir);
  await makeDir(join(dir, entry));
}

/** Takes a free entry for `holder`, at `epoch`, which is higher than that of the entry: the new entry's name, or undefined when another process was first. */
export async function takeEntry(dir: string, free: Entry, holder: string, epoch: number): Promise<string | undefined> {
  // A holder that took its lock by way of a link would write where the link leads.
  reach(join(dir, free.name));
  const name = `${epoch}.${holder}`;
  return (await move(dir, free.name, name)) ? name : undefined;
}

/** Gives up, or breaks, exactly the entry `held`: the new free entry, or undefined when it had gone already. */
export async function freeEntry(dir: string, held: Pick<Entry, 'name' | 'epoch'>): Promise<Entry | undefined> {
  reach(join(dir, held.name));
  const name = freeName(held.epoch);
  return (await move(dir, held.name, name)) ? parseEntry(name) : undefined;
}

/** freeEntry for an exit handler, where nothing can be awaited. */
export function freeEntrySync(dir: string, held: Pick<Entry, 'name' | 'epoch'>): void {
  try {
    renameSync(join(dir, held.name), join(dir, freeName(held.epoch)));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Moves a free lock on to a higher epoch, or frees one whose holder is gone there: false when the entry had gone. */
export async function raiseEntry(dir: string, name: string, epoch: number): Promise<boolean> {
  return move(dir, name, freeName(epoch));
}

function freeName(epoch: number): string {
  return `${epoch}.free-${newNonce()}`;
}

/** After any error the look by own name decides: a rename may have happened although its answer was lost (network disks). */
async function move(dir: string, from: string, to: string): Promise<boolean> {
  try {
    await rename(join(dir, from), join(dir, to));
    return true;
  } catch (error) {
    if (exists(join(dir, to))) return true;
    if (isErrno(error, 'ENOENT') || !exists(join(dir, from))) return false;
    throw error;
  }
}
