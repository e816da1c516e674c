/** The property of a backup and its restore: whatever a repository holds comes back as it was (B2, B17). */
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backups, initRepo, type OpenRepo, openRepo } from '../../src/index.js';
import { backupOf, treeOf } from './backup-of.js';
import { isStorable, nextName } from './backup-tree.js';
import { type Random, randomFrom } from './random.js';

export interface RoundTrips {
  readonly seed: string;
  /** So many artifacts are restored at least. */
  readonly artifacts: number;
  /** What is done to each repository before its backup. */
  readonly actions: number;
}

export interface Tally {
  readonly repositories: number;
  readonly artifacts: number;
  /** How often each thing was done. */
  readonly done: Readonly<Record<string, number>>;
}

/** Repositories of chance, one after the other: backup, verify, restore, backup, diff. `seed` makes all of it again. */
export async function roundTrips({ seed, artifacts, actions }: RoundTrips): Promise<Tally> {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'swamp-round-trip-')));
  const done: Record<string, number> = {};
  let [repositories, restored] = [0, 0];
  try {
    for (; restored < artifacts; repositories++) {
      const title = `seed ${seed}, repository ${repositories}`;
      const [from, to] = [join(base, `${repositories}`), join(base, `${repositories}-restored`)];
      await initRepo(from);
      const stock = new Stock(from, randomFrom(`${seed} ${repositories}`), done);
      for (let i = 0; i < actions; i++) await stock.act();
      await stock.orphan();
      restored += await there({ title, from, to });
      for (const dir of [from, to, `${from}-backup`, `${to}-backup`]) rmSync(dir, { recursive: true });
    }
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
  return { repositories, artifacts: restored, done };
}

/** How many artifacts came back. */
async function there({ title, from, to }: { readonly title: string; readonly from: string; readonly to: string }): Promise<number> {
  const backup = await backupOf(from, `${from}-backup`);
  const { findings, counts } = await backups.verify({ dir: backup });
  assert.deepEqual(findings, [], `${title}: what create writes is whole`);
  await initRepo(to);
  const result = await openRepo(to).backup.restore({ dir: backup });
  const { models, artifacts, versions, bytes, uploads, orphans } = result;
  assert.deepEqual({ models, artifacts, versions, bytes, uploads, orphans, tombstones: counts?.tombstones }, counts, title);
  assert.deepEqual([result.skipped, result.newIds, result.removed], [[], [], { models: 0, artifacts: 0, versions: 0 }], title);
  const again = await backupOf(to, `${to}-backup`);
  assert.deepEqual(treeOf(again), treeOf(backup), `${title}: the second backup`);
  for (const [dir, other] of [
    [backup, again],
    [backup, to],
    [from, to],
  ] as const)
    assert.deepEqual((await backups.diff({ dir, other })).differences, [], `${title}: ${other}`);
  const { findings: damage, pending } = await openRepo(to).datastore.check();
  // An orphan comes back as one.
  const rest = pending.filter(({ kind }) => kind !== 'orphan_model');
  assert.deepEqual([damage, rest], [[], []], `${title}: datastore check`);
  return artifacts;
}

/** One open upload. */
interface Upload {
  readonly id: string;
  readonly name: string;
  parts: number;
}

/** What a model holds, as far as the next action needs to know. */
interface Content {
  name: string;
  /** Live names. */
  readonly names: Set<string>;
  readonly gone: Set<string>;
  readonly uploads: Upload[];
}

type Action = 'model' | 'put' | 'again' | 'delete' | 'deleteVersion' | 'rename' | 'recreate' | 'begin' | 'part' | 'complete' | 'abort' | 'renameModel';

const WEIGHTS: Readonly<Record<Action, number>> = {
  model: 2,
  put: 30,
  again: 15,
  delete: 6,
  deleteVersion: 3,
  rename: 6,
  recreate: 4,
  begin: 4,
  part: 8,
  complete: 3,
  abort: 1,
  renameModel: 1,
};

/** Fills a repository by chance, through the library. An action for which nothing is there yet puts an artifact instead. */
class Stock {
  readonly #dir: string;
  readonly #repo: OpenRepo;
  readonly #random: Random;
  readonly #done: Record<string, number>;
  readonly #models: Content[] = [];
  #made = 0;

  constructor(dir: string, random: Random, done: Record<string, number>) {
    this.#dir = dir;
    this.#repo = openRepo(dir);
    this.#random = random;
    this.#done = done;
  }

  async act(): Promise<void> {
    const action = this.#models.length === 0 ? 'model' : this.#random.weighted(WEIGHTS);
    const did = (await this.#actions[action](this.#random.pick(this.#models.length === 0 ? [NONE] : this.#models))) ? action : undefined;
    this.#count(did ?? 'nothing');
  }

  /** Data whose definition went away. */
  async orphan(): Promise<void> {
    const model = this.#models.find(({ names, uploads }) => names.size > 0 || uploads.length > 0);
    if (model === undefined || !this.#random.chance(0.5)) return;
    rmSync(join(this.#dir, `models/store/${model.name}.yaml`));
    this.#count('orphan');
  }

  #count(what: string): void {
    this.#done[what] = (this.#done[what] ?? 0) + 1;
  }

  /** False: there was nothing to do it to. */
  readonly #actions: Readonly<Record<Action, (model: Content) => Promise<boolean>>> = {
    model: async () => {
      const name = `m${this.#made++}`;
      await this.#repo.model.create({ type: 'store', name, tags: { n: String(this.#made) } });
      this.#models.push({ name, names: new Set(), gone: new Set(), uploads: [] });
      return true;
    },
    put: (model) => this.#put(model, this.#newName(model)),
    again: (model) => this.#put(model, this.#one(model.names)),
    recreate: (model) => this.#put(model, this.#one(model.gone)),
    delete: async (model) => {
      const name = this.#one(model.names);
      if (name === undefined) return false;
      await this.#repo.data.delete({ model: model.name, name });
      model.names.delete(name);
      model.gone.add(name);
      return true;
    },
    deleteVersion: async (model) => {
      const name = this.#one(model.names);
      if (name === undefined) return false;
      const { versions } = await this.#repo.data.versions({ model: model.name, name });
      if (versions.length < 2) return false;
      await this.#repo.data.delete({ model: model.name, name, version: this.#random.pick(versions).version });
      return true;
    },
    rename: async (model) => {
      const [oldName, newName] = [this.#one(model.names), this.#newName(model)];
      if (oldName === undefined || newName === undefined) return false;
      await this.#repo.data.rename({ model: model.name, oldName, newName });
      model.names.delete(oldName);
      model.names.add(newName);
      model.gone.add(oldName);
      model.gone.delete(newName);
      return true;
    },
    renameModel: async (model) => {
      const newName = `m${this.#made++}`;
      await this.#repo.model.rename({ model: model.name, newName });
      model.name = newName;
      return true;
    },
    begin: async (model) => {
      const name = this.#random.chance(0.5) ? this.#one(model.names) : this.#newName(model);
      if (name === undefined) return false;
      const { uploadId: id } = await this.#repo.upload.begin({ model: model.name, name });
      model.uploads.push({ id, name, parts: 0 });
      return true;
    },
    part: async ({ uploads }) => {
      if (uploads.length === 0) return false;
      const upload = this.#random.pick(uploads);
      // A part may be sent again.
      const partNumber = upload.parts > 0 && this.#random.chance(0.2) ? this.#random.between(1, upload.parts) : ++upload.parts;
      await this.#repo.upload.part({ upload: upload.id, partNumber, source: [this.#content()] });
      return true;
    },
    complete: async (model) => {
      const upload = model.uploads.find(({ parts }) => parts > 0);
      if (upload === undefined) return false;
      const { name } = await this.#repo.upload.complete({ upload: upload.id });
      model.uploads.splice(model.uploads.indexOf(upload), 1);
      model.names.add(name);
      model.gone.delete(name);
      return true;
    },
    abort: async ({ uploads }) => {
      const [upload] = uploads.splice(0, 1);
      if (upload === undefined) return false;
      await this.#repo.upload.abort({ upload: upload.id });
      return true;
    },
  };

  async #put(model: Content, name: string | undefined): Promise<boolean> {
    if (name === undefined) return false;
    await this.#repo.data.put({ model: model.name, name, source: [this.#content()], tags: { by: 'chance' } });
    model.names.add(name);
    model.gone.delete(name);
    return true;
  }

  #newName({ names }: Content): string | undefined {
    const name = nextName(this.#random, names);
    return isStorable(name) && !names.has(name) ? name : undefined;
  }

  #one(names: ReadonlySet<string>): string | undefined {
    return names.size === 0 ? undefined : this.#random.pick([...names]);
  }

  #content(): string {
    return this.#random.chance(0.02)
      ? 'x'.repeat(this.#random.between(100_000, 300_000))
      : 'content '.repeat(this.#random.below(4)) + this.#random.below(1_000);
  }
}

const NONE: Content = { name: '', names: new Set(), gone: new Set(), uploads: [] };
