/**
 * Finds a version that was listed wherever it has been moved since: renamed, deleted, or gone with its model. A directory
 * keeps its inode through every rename, and no inode is given out again while our pin keeps the old one from being removed.
 */
import { join } from 'node:path';
import { SwampError } from '../../errors.js';
import { readDir, readDirTypes } from '../../fs/tree.js';
import { readFence } from '../../locks/fence.js';
import type { Repo } from '../../repo.js';
import { directoryIdentity, type Identity } from './listed.js';

/** A directory as it was listed. */
export interface Listed {
  readonly modelId: string;
  readonly dir: string;
  readonly identity: Identity;
  /** The directory above it, with which it may have moved, and its name in that. */
  readonly inside?: { readonly identity: Identity; readonly name: string };
  /** It may have become part of a version. */
  readonly deep?: true;
}

/** A directory that keeps moving is looked for so many times. */
const LOOKS = 20;

export interface Locating {
  readonly repo: Repo;
  /** By model: where everything that moves was at the last look. Built when something is not in its place. */
  readonly indexes: Map<string, ReadonlyMap<Identity, string>>;
}

/**
 * What `open` opens in the directory, which was the listed one before and after. `open` answers undefined only when a file
 * is missing there; so does this, when it is missing in the very directory that was listed.
 */
export function openListed<T>(locating: Locating, listed: Listed, open: (dir: string) => T | undefined, dispose?: (opened: T) => void): T | undefined {
  for (let look = 0; look < LOOKS; look++) {
    const dir = look === 0 ? listed.dir : find(locating, listed, { anew: look > 1 });
    if (dir === undefined || !isThere(dir, listed.identity)) continue;
    let opened: T | undefined;
    try {
      opened = open(dir);
    } catch (error) {
      // Of something else that came in its place meanwhile.
      if (!isThere(dir, listed.identity)) continue;
      throw error;
    }
    if (isThere(dir, listed.identity)) return opened;
    if (opened !== undefined) dispose?.(opened);
  }
  throw new SwampError('io', `${listed.dir} went away, and cannot be found again in the trash.`, {
    hint: 'Something removed it that does not know of pins. Run the backup again.',
    data: { path: listed.dir },
  });
}

function find(locating: Locating, { modelId, identity, inside, deep }: Listed, { anew }: { readonly anew: boolean }): string | undefined {
  const known = anew ? undefined : locating.indexes.get(modelId);
  const index = known ?? indexOf(locating.repo, modelId, deep === true ? 3 : 1);
  locating.indexes.set(modelId, index);
  const parent = inside === undefined ? undefined : index.get(inside.identity);
  return index.get(identity) ?? (parent === undefined || inside === undefined ? undefined : join(parent, inside.name));
}

/** In the order in which things move: what leaves one place while it is looked at is met in a later one. */
function indexOf({ layout }: Repo, modelId: string, depth: number): ReadonlyMap<Identity, string> {
  const index = new Map<Identity, string>();
  collect(index, layout.modelUploads(modelId), 2);
  collect(index, layout.model(modelId), depth);
  const fence = layout.fence({ kind: 'data', modelId });
  const entry = readFence(fence);
  if (entry !== undefined) collect(index, join(fence, entry.name), 4);
  for (const name of readDir(layout.trashes) ?? []) if (name.startsWith(`${modelId}-`)) collect(index, join(layout.trashes, name), 4);
  for (const name of readDir(layout.quarantines) ?? []) collect(index, layout.quarantined(name).model(modelId), 2);
  return index;
}

/** Every directory below `dir`, to that depth; no link is followed. */
function collect(index: Map<Identity, string>, dir: string, depth: number): void {
  const own = tryIdentity(dir);
  if (own === undefined) return;
  index.set(own, dir);
  if (depth === 0) return;
  for (const entry of readDirTypes(dir) ?? []) if (entry.isDirectory()) collect(index, join(dir, entry.name), depth - 1);
}

function isThere(dir: string, identity: Identity): boolean {
  return tryIdentity(dir) === identity;
}

/** Undefined also where something else is now. */
function tryIdentity(dir: string): Identity | undefined {
  try {
    return directoryIdentity(dir);
  } catch (error) {
    if (error instanceof SwampError) return undefined;
    throw error;
  }
}
