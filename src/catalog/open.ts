/** A catalog, caught up, for the time of one query: from its file, from a new one, or in memory where no file can be had. The answer is the same. */
import { isSystemError, SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { statusOf } from '../fs/identity.js';
import { exists, treeBytes } from '../fs/tree.js';
import type { Repo } from '../repo.js';
import { type CatalogModel, catchUp, type Unread } from './catch-up.js';
import { type Database, SqlError } from './driver.js';
import { type CatalogPlace, clearPlace, givePlace, takePlace } from './place.js';
import { openDatabase, SCHEMA_VERSION, schemaOf } from './schema.js';

export interface Caught {
  readonly database: Database;
  readonly unread: readonly Unread[];
}

/**
 * What `use` answers from a catalog that is what the tree is. It may be asked again: of a catalog that turns out to be damaged nothing counts.
 * Throws what `use` throws, the reason of the signal, `corrupt` for a model whose artifacts cannot be listed.
 */
export async function withCatalog<T>(
  repo: Repo,
  { models, signal }: { readonly models: readonly CatalogModel[]; readonly signal: AbortSignal },
  use: (caught: Caught) => Promise<T>,
): Promise<T> {
  const work = { repo, models, signal, use };
  const place = repo.readOnly || !exists(repo.layout.data) ? undefined : await placeOrNone(repo, signal);
  if (place === undefined) return inMemory(work);
  try {
    return await fromFile(work, place);
  } finally {
    await givePlace(repo, place).catch((error: unknown) => {
      if (!isSystemError(error)) throw error;
    });
  }
}

export interface Rebuilt {
  readonly versions: number;
  readonly bytes: number;
  /** How many bytes all catalogs had. */
  readonly before: number;
}

/** Makes a catalog anew, in a file. Throws SwampError and the system's error where that cannot be. */
export async function rebuild(repo: Repo, { models, signal }: { readonly models: readonly CatalogModel[]; readonly signal: AbortSignal }): Promise<Rebuilt> {
  const before = await treeBytes(repo.layout.catalogs);
  const place = await takePlace(repo, { signal });
  try {
    await clearPlace(place);
    const use = async ({ database }: Caught): Promise<number> => Number(database.all('select count(*) as n from versions')[0]?.['n']);
    const versions = await caughtUp({ repo, models, signal, use }, () => openKnown(place.database), fileTime(place));
    return { versions, bytes: await treeBytes(place.dir), before };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    await clearPlace(place);
    throw new SwampError('io', `The catalog cannot be written: ${error.message}.`, {
      hint: 'Free some space; queries are answered without a catalog meanwhile.',
      data: { path: repo.layout.catalogs },
    });
  } finally {
    await givePlace(repo, place);
  }
}

interface Work<T> {
  readonly repo: Repo;
  readonly models: readonly CatalogModel[];
  readonly signal: AbortSignal;
  readonly use: (caught: Caught) => Promise<T>;
}

/** None on a disk that is full, read-only, or not ours to write: a query needs none. */
async function placeOrNone(repo: Repo, signal: AbortSignal): Promise<CatalogPlace | undefined> {
  try {
    return await takePlace(repo, { signal });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    repo.reporter.debug(`The catalog cannot be used: ${error.message}.`, { topic: 'store', errno: error.code });
    return undefined;
  }
}

/** A file that is damaged, of another version or cut short is thrown away; where a new one fails, too, memory answers. */
async function fromFile<T>(work: Work<T>, place: CatalogPlace): Promise<T> {
  const { repo } = work;
  for (const again of [true, false]) {
    try {
      return await caughtUp(work, () => openKnown(place.database), fileTime(place));
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      repo.reporter.debug(`The catalog was thrown away: ${error.message}.`, { topic: 'store', path: place.dir });
      await clearPlace(place);
      if (!again) break;
    }
  }
  return inMemory(work);
}

function inMemory<T>(work: Work<T>): Promise<T> {
  return caughtUp(work, () => openDatabase(), 0n);
}

async function caughtUp<T>({ repo, models, signal, use }: Work<T>, open: () => Promise<Database>, now: bigint): Promise<T> {
  const database = await open();
  try {
    const unread = await catchUp(repo, { database, models, now, pass: yielding(signal) });
    return await use({ database, unread });
  } finally {
    database.close();
  }
}

async function openKnown(path: string): Promise<Database> {
  const database = await openDatabase(path);
  if (schemaOf(database) === SCHEMA_VERSION) return database;
  database.close();
  throw new SqlError('it has another version');
}

/** The rename that took the directory was stamped by the clock of its file system. */
function fileTime({ dir }: CatalogPlace): bigint {
  return statusOf(dir)?.ctimeNs ?? 0n;
}
