/**
 * Brings a catalog to what the tree is. A model is read again when the entry of its data fence is another one than it was at the last
 * reading, or is held. The entry is kept only when it was free and the same before and after the reading: every commit needs the fence,
 * so nothing was committed meanwhile, and as long as the entry stays, nothing is (P1, P6). Nothing of the catalog is read by a writer.
 */
import { asSwampError, type ErrorCode, isErrno, SwampError } from '../errors.js';
import type { yielding } from '../event-loop.js';
import { failpoint } from '../fs/failpoints.js';
import { readFence } from '../locks/fence.js';
import type { Repo } from '../repo.js';
import { changesTooFast, isDamage, LOOKS, listArtifacts, resolveName } from '../store/read.js';
import type { Database, Statement } from './driver.js';
import { type KnownArtifact, type ReadArtifact, readArtifact } from './read-artifact.js';
import { INDEXES } from './schema.js';

export interface CatalogModel {
  readonly id: string;
  readonly name: string;
  readonly type: string;
}

/** A version or an artifact that cannot be read. */
export interface Unread {
  readonly model: CatalogModel;
  readonly name?: string;
  /** It is the latest version, or all of the artifact. */
  readonly latest: boolean;
  readonly code: ErrorCode;
  readonly message: string;
}

interface Known extends CatalogModel {
  readonly key: number;
  readonly fence: string | null;
}

export interface CatchUp {
  readonly database: Database;
  /** Every model there is. */
  readonly models: readonly CatalogModel[];
  /** The time of the file system, in nanoseconds. */
  readonly now: bigint;
  readonly pass: ReturnType<typeof yielding>;
}

/** What was read is kept after this long, so that a process that is killed has not worked for nothing. Milliseconds. */
const KEEP_MS = 2_000;

/** Throws SqlError, the reason of the signal, `corrupt` for a model whose artifacts cannot be listed. What cannot be read is the answer. */
export async function catchUp(repo: Repo, { database, models, now, pass }: CatchUp): Promise<readonly Unread[]> {
  const known = new Map(knownModels(database).map((model) => [model.id, model]));
  const unread: Unread[] = [];
  const work = new Work(database);
  try {
    const listed = new Set(models.map(({ id }) => id));
    for (const { id, key } of known.values()) if (!listed.has(id)) work.forget(id, key);
    for (const model of models) {
      const before = fenceNow(repo, model.id);
      const had = known.get(model.id);
      if (had !== undefined && had.name === model.name && had.type === model.type && had.fence !== null && had.fence === before) continue;
      const key = work.keep(model, had);
      if (had === undefined || had.fence === null || had.fence !== before) {
        const failed = await readModel(repo, { model, key, now, pass, work });
        const isStill = before !== undefined && failed.length === 0 && fenceNow(repo, model.id) === before;
        if (isStill || had?.fence !== null) work.mark(key, isStill ? before : null);
        for (const one of failed) unread.push(one);
        await failpoint('catalog.one-model');
      }
      if (work.ageMs() > KEEP_MS) work.commit();
    }
    work.commit();
    database.exec(INDEXES);
  } catch (error) {
    work.rollback();
    throw error;
  }
  return unread;
}

function knownModels(database: Database): Known[] {
  return database.all('select key, id, name, type, fence from models') as unknown as Known[];
}

/** The name of a free entry, `none` for a fence that was never born; undefined for one that is held, or that cannot be read (P7). */
function fenceNow(repo: Repo, modelId: string): string | undefined {
  try {
    const entry = readFence(repo.layout.fence({ kind: 'data', modelId }));
    if (entry === undefined) return 'none';
    return entry.state === 'free' ? entry.name : undefined;
  } catch (error) {
    if ((error instanceof SwampError && error.code === 'corrupt') || isErrno(error, 'ENOTDIR', 'EACCES')) return undefined;
    throw error;
  }
}

interface Reading {
  readonly model: CatalogModel;
  readonly key: number;
  readonly now: bigint;
  readonly pass: ReturnType<typeof yielding>;
  readonly work: Work;
}

/** A name that went on as another one while the artifacts were read may be missing under both: then all are looked at again. */
async function readModel(repo: Repo, { model, key, now, pass, work }: Reading): Promise<readonly Unread[]> {
  for (let look = 0; look < LOOKS; look++) {
    const { names, failed } = listArtifacts(repo, model.id);
    const unread = failed.map(({ error }) => unreadOf(model, error));
    const known = work.known(key);
    let renamed = false;
    await failpoint('catalog.listed');
    for (const name of names) {
      await pass();
      try {
        const artifact = readArtifact(repo, { modelId: model.id, name, now }, known.get(name));
        if (artifact === undefined) {
          renamed ||= (await resolveName(repo, model.id, name)) !== undefined;
          continue;
        }
        if (artifact !== 'unchanged') {
          work.write({ key, name }, artifact, known.get(name));
          for (const { error, latest } of artifact.unreadable) unread.push({ ...unreadOf(model, error), name, latest });
        }
        known.delete(name);
      } catch (error) {
        if (!isDamage(error)) throw error;
        unread.push({ ...unreadOf(model, error), name });
      }
    }
    for (const name of known.keys()) work.remove(key, name);
    if (!renamed) return unread;
  }
  throw changesTooFast(repo.layout.model(model.id));
}

function unreadOf(model: CatalogModel, error: unknown): Unread {
  const { code, message } = asSwampError(error);
  return { model, latest: true, code, message };
}

const INSERT = `insert into versions (model, name, version, latest, generation, state, id, content_type, type, lifetime, gc, tags, owner_type, owner_ref,
  created_at, size, checksum) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** What a catch-up writes, in transactions that begin with the first change. */
class Work {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();
  #began = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Milliseconds since the transaction began; 0 outside of one. */
  ageMs(): number {
    return this.#database.inTransaction ? performance.now() - this.#began : 0;
  }

  commit(): void {
    if (this.#database.inTransaction) this.#database.exec('commit');
  }

  rollback(): void {
    if (this.#database.inTransaction) this.#database.exec('rollback');
  }

  #change(sql: string): Statement {
    if (!this.#database.inTransaction) {
      this.#database.exec('begin');
      this.#began = performance.now();
    }
    return this.#statement(sql);
  }

  #statement(sql: string): Statement {
    const prepared = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, prepared);
    return prepared;
  }

  /** The model's key. */
  keep({ id, name, type }: CatalogModel, had: Known | undefined): number {
    if (had === undefined) {
      this.#change('insert into models (id, name, type) values (?, ?, ?)').run(id, name, type);
      return Number(this.#statement('select key from models where id = ?').all(id)[0]?.['key']);
    }
    if (had.name !== name || had.type !== type) this.#change('update models set name = ?, type = ? where key = ?').run(name, type, had.key);
    return had.key;
  }

  /** `fence`: of the state that was read; null: it is to be read again. */
  mark(key: number, fence: string | null): void {
    this.#change('update models set fence = ? where key = ?').run(fence, key);
  }

  forget(id: string, key: number): void {
    this.#change('delete from versions where model = ?').run(key);
    this.#change('delete from models where id = ?').run(id);
  }

  known(key: number): Map<string, KnownArtifact> {
    const known = new Map<string, { state: string | null; generation: number; versions: Set<number> }>();
    for (const { name, version, generation, state } of this.#statement('select name, version, generation, state from versions where model = ?').all(key)) {
      const artifact = known.get(String(name)) ?? { state: null, generation: Number(generation), versions: new Set() };
      artifact.versions.add(Number(version));
      if (typeof state === 'string') artifact.state = state;
      known.set(String(name), artifact);
    }
    return known;
  }

  write({ key, name }: { readonly key: number; readonly name: string }, artifact: ReadArtifact, known: KnownArtifact | undefined): void {
    const { generation, versions, read, unreadable, state } = artifact;
    if (known !== undefined && known.generation !== generation) this.remove(key, name);
    else if (known !== undefined) {
      const listed = new Set(versions);
      for (const version of known.versions)
        if (!listed.has(version)) this.#change('delete from versions where model = ? and name = ? and version = ?').run(key, name, version);
    }
    const latest = unreadable.some((one) => one.latest) ? undefined : versions.at(-1);
    for (const { version, metadata } of read) {
      const { id, contentType, lifetime, garbageCollection, tags, ownerDefinition, createdAt, size, checksum } = metadata;
      const { ownerType, ownerRef } = ownerDefinition;
      const what = [id, contentType, tags['type'] ?? 'data', lifetime, garbageCollection, JSON.stringify(tags), ownerType, ownerRef, createdAt, size, checksum];
      const isLatest = version === latest;
      this.#change(INSERT).run(key, name, version, Number(isLatest), generation, isLatest ? state : null, ...what);
    }
    if (known === undefined) return;
    this.#change('update versions set latest = 0, state = null where model = ? and name = ? and latest and version is not ?').run(key, name, latest ?? null);
    if (latest !== undefined)
      this.#change('update versions set latest = 1, state = ? where model = ? and name = ? and version = ?').run(state, key, name, latest);
  }

  remove(key: number, name: string): void {
    this.#change('delete from versions where model = ? and name = ?').run(key, name);
  }
}
