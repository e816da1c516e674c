/** What holders left inside fence entries that are free, or held by the dead: the next holder clears it; a sweep takes that part. */
import { join, relative } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { modifiedAt, ownNames } from '../fs/tree.js';
import type { Layout, LockName } from '../layout/layout.js';
import { type Entry, readFence } from '../locks/fence.js';
import { isEnded, parseHolder } from '../locks/holder.js';
import { HOLDER_DETAILS } from '../locks/lease.js';
import { listLocks } from '../locks/survey.js';
import { ENTRY_TRASH } from './commit.js';
import { ENTRY_QUARANTINE } from './quarantine.js';

/** `unknown`: a name that names no owner; the next holder leaves it where it is. */
export type LeftoverKind = 'trash' | 'quarantined' | 'intent' | 'staged' | 'unknown';

export interface Leftover {
  readonly path: string;
  readonly kind: LeftoverKind;
}

/** An entry whose last holder has ended, or gave it up, without clearing it. */
export interface AbandonedEntry {
  readonly lock: LockName;
  readonly path: string;
  readonly dead: boolean;
  /** What the next holder clears. */
  readonly leftovers: readonly Leftover[];
}

/** Epoch and state in the name of what a structural command publishes inside its entry; it stays there when the lock is given back. */
export const SCOPE_FILE = /^scope\.([0-9]+)\.(draining|closed)\.json$/;

/** Every entry that wants a next holder. A damaged fence has no entry that anybody could take. */
export function abandonedEntries(layout: Layout): AbandonedEntry[] {
  return listLocks(layout).flatMap((lock) => {
    const dir = layout.fence(lock);
    const entry = readableEntry(dir);
    if (entry === undefined) return [];
    const path = join(dir, entry.name);
    const dead = isHeldByDead(path, entry);
    if (entry.state === 'held' && !dead) return [];
    const leftovers = leftoversIn(path, lock).filter(({ kind }) => kind !== 'unknown');
    return dead || leftovers.length > 0 ? [{ lock, path, dead, leftovers }] : [];
  });
}

/** `path`: of the entry. */
export function isHeldByDead(path: string, entry: Entry): boolean {
  return entry.state === 'held' && entry.holder !== undefined && isEnded(entry.holder, () => modifiedAt(path));
}

/** The same path whatever the entry is called: one that is taken and given back again and again has another name each time. */
export function inEntry(entryPath: string, path: string): string {
  return join(entryPath, '..', 'entry', relative(entryPath, path));
}

/** What is inside an entry besides the details of its holder; nothing when the entry has gone. */
export function leftoversIn(entryPath: string, lock: LockName): Leftover[] {
  return (ownNames(entryPath) ?? []).sort().flatMap((name) => {
    const kind = kindOf(name, lock);
    return kind === undefined ? [] : [{ path: join(entryPath, name), kind }];
  });
}

/** What a holder says of itself, and leaves there for the next holder to write over. */
export function isDetails(name: string, lock: LockName): boolean {
  return name === HOLDER_DETAILS || (lock.kind === 'global' && SCOPE_FILE.test(name));
}

function kindOf(name: string, lock: LockName): LeftoverKind | undefined {
  if (isDetails(name, lock)) return undefined;
  if (name === ENTRY_TRASH) return 'trash';
  if (name === ENTRY_QUARANTINE) return 'quarantined';
  if (parseHolder(name.slice(0, Math.max(name.indexOf('.'), 0))) === undefined) return 'unknown';
  if (!name.endsWith('.intent')) return 'staged';
  // Only a data fence has intents: one in the global fence is never carried out.
  return lock.kind === 'global' ? 'unknown' : 'intent';
}

function readableEntry(dir: string): Entry | undefined {
  try {
    return readFence(dir);
  } catch (error) {
    if ((error instanceof SwampError && error.code === 'corrupt') || isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}
