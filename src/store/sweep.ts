/** Removes what was committed to the trash, and the staging of dead sessions: outside every lock, late, resumable. */
import { basename } from 'node:path';
import { errnoOf, reasonOf } from '../errors.js';
import { removeFile } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { exists, modifiedAt, pathsIn, removeTree } from '../fs/tree.js';
import { isModelId } from '../layout/layout.js';
import { discard, STAGING } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { hasEnded, type Owned } from './abandoned.js';
import { isPinned, pins } from './pins.js';

/**
 * Removes these trash directories. One that cannot be removed is reported with path and error, and stays pending (D5, P8); one
 * that a running backup may still read stays, too, and the backup sweeps it at its end. So does what is left when the signal
 * fires: a command that swept for others, or after a commit, ends at once.
 */
export async function sweepTrash(repo: Repo, paths: readonly string[], signal?: AbortSignal): Promise<string[]> {
  const removed: string[] = [];
  for (const path of paths) {
    await failpoint('sweep.one');
    if (signal?.aborted) break;
    try {
      if (isPinned(repo, path)) continue;
      await removeTree(path, signal);
      if (!exists(path)) removed.push(path);
    } catch (error) {
      if (signal?.aborted) break;
      const { text, facts } = removalOf(repo, path);
      repo.reporter.warn(`${text} could not be swept from ${path}: ${reasonOf(error)}. It stays pending; "swamp datastore sweep" tries again.`, {
        topic: 'sweep',
        path,
        ...facts,
        ...errnoOf(error),
      });
    }
  }
  return removed;
}

/** Of which model a trash directory is, and from which commit of its lock (D5): by its name, all that is left of it. */
function removalOf({ names, layout }: Repo, path: string): { readonly text: string; readonly facts: Readonly<Record<string, unknown>> } {
  const { owner, epoch } = layout.trashOf(basename(path)) ?? {};
  if (owner === undefined || !isModelId(owner)) return { text: 'Removed data', facts: {} };
  const modelName = names.get(owner);
  return {
    text: `Data removed from ${modelName === undefined ? `the model ${owner}` : `"${modelName}"`} (commit ${epoch})`,
    facts: { modelId: owner, modelName, epoch },
  };
}

/** Every staging directory, and whose it is. */
export function stagings({ layout }: Repo): Owned[] {
  return pathsIn(layout.stagings).map((path) => ({ path, holder: basename(path) }));
}

/** What a backup does for others when its pin is gone: everything that was removed meanwhile goes. */
export async function sweepUnpinned(repo: Repo): Promise<void> {
  await sweepTrash(repo, pathsIn(repo.layout.trashes));
}

/** A trash that has not changed for this long has lost its sweeper. */
const ORPHANED_MS = 60_000;

/**
 * What structural commands do for those that died: the staging of sessions that have ended and trash without a sweeper go.
 * Those that cannot be judged are left to `datastore sweep`, which has the time to watch them. Outside every lock; what fails warns and stays pending (P8), and so does the rest when the signal fires.
 */
export async function reclaimLeftovers(repo: Repo, signal: AbortSignal): Promise<void> {
  const orphaned: string[] = [];
  try {
    orphaned.push(...pathsIn(repo.layout.trashes).filter((path) => Date.now() - (modifiedAt(path) ?? Date.now()) > ORPHANED_MS));
    for (const owned of pins(repo)) if (hasEnded(repo, owned)) await removeFile(owned.path);
    for (const owned of stagings(repo)) if (hasEnded(repo, owned)) orphaned.push(...(await discard(repo, owned.path, STAGING)));
  } catch (error) {
    repo.reporter.warn(`What a dead command left could not be cleared: ${reasonOf(error)}. "swamp datastore sweep" says more.`, {
      topic: 'sweep',
      ...errnoOf(error),
    });
  }
  await sweepTrash(repo, orphaned, signal);
}
