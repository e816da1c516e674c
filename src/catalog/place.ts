/**
 * Which process works with which catalog. Each is a directory whose name says who has it: `free-<nonce>`, or the holder's. It is taken and
 * given back by one rename of exactly the name that was read, so it has one owner. A catalog is derived, so nobody waits long for one:
 * a process that gets none makes another, and of several that are free all but one are removed.
 */
import { join } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { makeDir, makeDirs, removeEmptyDir, rename } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { statusOf } from '../fs/identity.js';
import { exists, listStore, modifiedAt, removeTree } from '../fs/tree.js';
import { isFreeCatalog } from '../layout/layout.js';
import { currentProcess, formatHolder, isEnded, newNonce, parseHolder } from '../locks/holder.js';
import { Waiting } from '../protocol/wait.js';
import type { Repo } from '../repo.js';

const DATABASE = 'index.db';

/** A catalog that this process has. */
export interface CatalogPlace {
  readonly dir: string;
  readonly database: string;
}

/** Takes a catalog, or makes an empty one. Throws the system's error where none can be had: on a full or read-only disk. */
export async function takePlace(repo: Repo, { signal }: { readonly signal: AbortSignal }): Promise<CatalogPlace> {
  const { layout } = repo;
  const holder = formatHolder({ ...currentProcess(), nonce: newNonce() });
  const dir = layout.catalog(holder);
  if (!(await takeFree(repo, dir, signal))) {
    await makeDirs(layout.catalogs);
    await makeDir(dir);
  }
  await failpoint('catalog.taken');
  // The driver's own lock, left by a process that was killed: nobody but us has the directory.
  await removeEmptyDir(join(dir, `${DATABASE}.lock`));
  const place = { dir, database: join(dir, DATABASE) };
  // Its last owner died in a transaction. The driver does not roll one back that another process began: it takes its own lock for that of the writer.
  if ((statusOf(`${place.database}-journal`)?.size ?? 0n) > 0n) await clearPlace(place);
  return place;
}

/** Another process has the one there is for the time of its query; after this long a second one is made. Milliseconds. */
const PATIENCE_MS = 5_000;

/** False when there is none to be had in a while. */
async function takeFree(repo: Repo, dir: string, signal: AbortSignal): Promise<boolean> {
  const { layout, timing } = repo;
  const patient = { ...repo, timing: { ...timing, lockTimeoutMs: Math.min(timing.lockTimeoutMs, PATIENCE_MS) } };
  const busy = { watch: [layout.catalogs], on: 'another query works with it', data: { path: layout.catalogs }, hint: '' };
  try {
    return await new Waiting(patient, signal).until('the catalog', async () => {
      const taken = await takeOne(repo, dir);
      return taken === undefined ? { blocked: busy } : { done: taken };
    });
  } catch (error) {
    if (error instanceof SwampError && error.code === 'lock_timeout') return false;
    throw error;
  }
}

/** True when one was taken, false when there is none; undefined while all that there are have owners that may live. */
async function takeOne({ layout }: Repo, dir: string): Promise<boolean | undefined> {
  const names = listStore(layout.catalogs) ?? [];
  for (const name of names) {
    if (!isAvailable(layout.catalog(name), name)) continue;
    try {
      await rename(layout.catalog(name), dir);
      return true;
    } catch (error) {
      // Another process was first.
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  return names.some((name) => parseHolder(name) !== undefined) ? undefined : false;
}

function isAvailable(path: string, name: string): boolean {
  const holder = parseHolder(name);
  return isFreeCatalog(name) || (holder !== undefined && isEnded(holder, () => modifiedAt(path)));
}

/** Empties it, for a catalog that is of no use. */
export async function clearPlace({ dir }: CatalogPlace): Promise<void> {
  await removeTree(dir);
  await makeDir(dir);
}

/** Gives it back. Whatever else is free, or was left by a process that died, is removed: one catalog is enough. */
export async function givePlace(repo: Repo, { dir, database }: CatalogPlace): Promise<void> {
  const { layout } = repo;
  if (exists(database)) await rename(dir, layout.catalog(`free-${newNonce()}`));
  else await removeTree(dir);
  const [, ...others] = (listStore(layout.catalogs) ?? []).filter((name) => isAvailable(layout.catalog(name), name));
  for (const name of others) await removePlace(repo, name);
}

/** Takes one first, so that nobody works with what is removed. */
async function removePlace({ layout }: Repo, name: string): Promise<void> {
  const mine = layout.catalog(formatHolder({ ...currentProcess(), nonce: newNonce() }));
  try {
    await rename(layout.catalog(name), mine);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  await removeTree(mine);
}
