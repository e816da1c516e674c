/** Removes what was committed to the trash, and the staging of dead sessions: outside every lock, late, resumable. */
import { basename, join } from 'node:path';
import { failpoint } from '../fs/failpoints.js';
import { exists, modifiedAt, readDir, removeTree, treeBytes } from '../fs/tree.js';
import { isProvablyAlive, isProvablyDead, parseHolder } from '../locks/holder.js';
import { discard } from '../locks/session.js';
import type { Repo } from '../repo.js';

/** Something that waits to be removed. */
export interface Pending {
  readonly path: string;
  readonly kind: 'trash' | 'staging';
  readonly bytes: number;
}

/** Staging of a holder that cannot be proved dead is left alone for this long. */
const ABANDONED_MS = 7 * 24 * 3600 * 1000;

/** Removes these trash directories. One that cannot be removed is told with path and error, and stays pending (D5, P8). */
export async function sweepTrash(repo: Repo, paths: readonly string[]): Promise<string[]> {
  const removed: string[] = [];
  for (const path of paths) {
    await failpoint('sweep.one');
    try {
      await removeTree(path);
      if (!exists(path)) removed.push(path);
    } catch (error) {
      repo.reporter.warn(
        `Removed data could not be swept from ${path}: ${error instanceof Error ? error.message : String(error)}. It stays pending; "swamp datastore sweep" tries again.`,
      );
    }
  }
  return removed;
}

/** What a sweep would remove now: everything in the trash, and the staging of sessions that are provably dead or a week old. */
export async function pendingRemovals(repo: Repo): Promise<Pending[]> {
  const { layout } = repo;
  const pending: Pending[] = [];
  for (const name of (readDir(layout.trashes) ?? []).sort()) {
    const path = join(layout.trashes, name);
    pending.push({ path, kind: 'trash', bytes: await treeBytes(path) });
  }
  for (const path of abandonedStagings(repo)) pending.push({ path, kind: 'staging', bytes: await treeBytes(path) });
  return pending;
}

/** Staging directories whose session cannot write any more. */
export function abandonedStagings(repo: Repo): string[] {
  const { layout } = repo;
  return (readDir(layout.stagings) ?? [])
    .sort()
    .map((name) => join(layout.stagings, name))
    .filter((path) => isAbandoned(path, basename(path)));
}

/** True when the session named `holder`, which works at `path`, is provably dead, or cannot be judged and has not touched it for a week. */
export function isAbandoned(path: string, holder: string): boolean {
  const parsed = parseHolder(holder);
  if (parsed !== undefined && isProvablyDead(parsed)) return true;
  if (parsed !== undefined && isProvablyAlive(parsed)) return false;
  const modified = modifiedAt(path);
  return modified !== undefined && Date.now() - modified > ABANDONED_MS;
}

/** Removes one pending thing; a staging moves into the trash first (P5). True when it is gone. */
export async function sweepOne(repo: Repo, pending: Pending): Promise<boolean> {
  const paths = pending.kind === 'staging' ? await discard(repo, pending.path, 'staging') : [pending.path];
  return (await sweepTrash(repo, paths)).length === paths.length;
}

/** A trash that nobody has worked on for this long has lost its sweeper. */
const ORPHANED_MS = 60_000;

/**
 * What structural commands do for those that died: the staging of dead sessions and trash without a sweeper go. Outside
 * every lock; what fails warns and stays pending (P8).
 */
export async function reclaimLeftovers(repo: Repo): Promise<void> {
  const { layout } = repo;
  const orphaned = (readDir(layout.trashes) ?? [])
    .map((name) => join(layout.trashes, name))
    .filter((path) => Date.now() - (modifiedAt(path) ?? Date.now()) > ORPHANED_MS);
  try {
    for (const path of abandonedStagings(repo)) orphaned.push(...(await discard(repo, path, 'staging')));
  } catch (error) {
    repo.reporter.warn(
      `What a dead command left could not be cleared: ${error instanceof Error ? error.message : String(error)}. "swamp datastore sweep" tells more.`,
    );
  }
  await sweepTrash(repo, orphaned);
}
