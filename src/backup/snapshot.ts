/**
 * One point in time: everything is listed ahead without a lock, and under the closed global fence only what has changed since
 * is listed again (B4). No content, and no metadata.json, is read under the lock.
 */
import type { BigIntStats } from 'node:fs';
import { basename, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { SwampError } from '../errors.js';
import { readDir } from '../fs/tree.js';
import { ARTIFACT_RECORD, GLOBAL, PARTS } from '../layout/layout.js';
import { segmentFor } from '../layout/names.js';
import { readFence } from '../locks/fence.js';
import type { Session } from '../locks/session.js';
import { restructure, type Structural } from '../protocol/restructure.js';
import type { Repo } from '../repo.js';
import { quietEntry } from '../store/ahead.js';
import { isTransient, statusOf } from '../store/check/plain.js';
import { isIntent } from '../store/intent.js';
import { readArtifactRecord, readTombstone, type Tombstone } from '../store/metadata.js';
import { byCodePoint, versionNumbers } from '../store/read.js';
import { SUMS, uploadsOf } from '../store/uploads/place.js';
import { readUploadRecord } from '../store/uploads/record.js';
import { Chooser, type Chosen } from './choose.js';
import { damaged, identityOf, type ListedArtifact, type ListedModel, type ListedUpload, type Snapshot, type Wanted } from './listed.js';
import { modelDirectory, orphanDirectory } from './paths.js';

/**
 * The point in time, under the global fence of the models in scope. `session` has set its pin before: whatever was listed
 * ahead can be found again. Throws `model_not_found`, `model_invalid`, `corrupt`, `lock_timeout`.
 */
export async function takeSnapshot(
  repo: Repo,
  wanted: Wanted,
  { session, signal }: { readonly session: Session; readonly signal: AbortSignal },
): Promise<Snapshot> {
  const chooser = new Chooser(repo, wanted);
  const lister = new Lister(repo, wanted, chooser, signal, changedSince(repo, session));
  const before = readFence(repo.layout.fence(GLOBAL));
  const ahead = await chooser.choose();
  const scope = { models: wanted.models === null || wanted.orphans ? ('all' as const) : ahead.models.map(({ id }) => id), runs: false };
  await lister.lookAhead([...ahead.models.map(({ id }) => id), ...chooser.orphansBeside(ahead)]);
  const body = async (structural: Structural): Promise<Snapshot> => {
    const began = performance.now();
    // Nobody else had the global fence in between: no model was created, renamed or deleted.
    const unchanged = before?.state === 'free' && structural.epoch === before.epoch + 1;
    const snapshot = await lister.listNow(structural, unchanged ? ahead : await chooser.choose());
    structural.stillHeld();
    repo.reporter.debug(`Listed in ${(performance.now() - began).toFixed(1)} ms under the global lock.`);
    return snapshot;
  };
  return lister.withCounts(await retried(() => restructure(repo, scope, body, { signal, session })));
}

/** The same plan without a lock: of what changes meanwhile some is shown, and some is not. */
export async function lookWithoutLock(repo: Repo, wanted: Wanted, { signal }: { readonly signal: AbortSignal }): Promise<Snapshot> {
  const chooser = new Chooser(repo, wanted);
  const lister = new Lister(repo, wanted, chooser, signal, 0n);
  const chosen = await chooser.choose();
  await lister.lookAhead([...chosen.models.map(({ id }) => id), ...chooser.orphansBeside(chosen)]);
  return lister.withCounts(lister.snapshotOf(chosen, 0, (id) => lister.aheadOf(id)));
}

/** How often a listing is begun anew because the global lock was taken away from it. */
const ATTEMPTS = 5;

async function retried<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof SwampError) || error.code !== 'lock_lost' || attempt === ATTEMPTS) throw error;
    }
  }
}

/** No clock of a file system ticks more coarsely. Nanoseconds. */
const COARSEST_TICK = 2_000_000_000n;

/** By the clock of the datastore's own file system: what changed later than this may change once more without looking different. */
function changedSince(repo: Repo, session: Session): bigint {
  const status = statusOf(repo.layout.pin(session.holder));
  return status === undefined ? 0n : status.mtimeNs - COARSEST_TICK;
}

/** One thing that was listed, and the state it was in; without a state it is listed again in any case. */
interface Known<T> {
  readonly state: BigIntStats | undefined;
  readonly value: T;
}

/** Whether it looks as it did: by fields, for turning them into a text takes longer than asking the system for them. */
function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.ctimeNs === b.ctimeNs && a.mtimeNs === b.mtimeNs && a.size === b.size && a.dev === b.dev;
}

interface ModelData {
  /** What kept something from being listed. */
  readonly skipped?: SwampError;
  readonly artifacts: ReadonlyMap<string, Known<ListedArtifact>>;
  readonly tombstones: ReadonlyMap<string, Known<Tombstone>>;
  readonly uploads: readonly ListedUpload[];
}

interface AheadData extends ModelData {
  /** Name of the data fence's entry while nothing of the model changed; undefined when somebody was at work. */
  readonly quiet: string | undefined;
}

const NOTHING: ModelData = Object.freeze({ artifacts: new Map(), tombstones: new Map(), uploads: [] });
/** Between two turns of the event loop: for the heartbeat of the lock, and for signals. */
const BATCH = 500;

class Lister {
  readonly #repo: Repo;
  readonly #wanted: Wanted;
  readonly #chooser: Chooser;
  readonly #signal: AbortSignal;
  readonly #since: bigint;
  readonly #ahead = new Map<string, AheadData>();
  #listed = 0;
  #skipped: SwampError | undefined;

  constructor(repo: Repo, wanted: Wanted, chooser: Chooser, signal: AbortSignal, since: bigint) {
    this.#repo = repo;
    this.#wanted = wanted;
    this.#chooser = chooser;
    this.#signal = signal;
    this.#since = since;
  }

  /** Lists without a lock what changes seldom, so that little is left to do under it. */
  async lookAhead(modelIds: readonly string[]): Promise<void> {
    for (const id of modelIds) {
      const before = quietEntry(this.#repo, id)?.name;
      const data = await this.#list(id, NOTHING, { tolerant: true });
      const quiet = before !== undefined && quietEntry(this.#repo, id)?.name === before ? before : undefined;
      // Nobody was at work: then it is damage, and must not be left out (B18).
      if (quiet !== undefined && data.skipped !== undefined) throw data.skipped;
      this.#ahead.set(id, { ...data, quiet });
    }
  }

  aheadOf(modelId: string): ModelData {
    return this.#ahead.get(modelId) ?? NOTHING;
  }

  /** S4: nothing commits in the scope. A model whose data fence has not moved is as it was listed ahead. */
  async listNow(structural: Structural, chosen: Chosen): Promise<Snapshot> {
    const rolled = await this.#rollForward(structural, [...chosen.models.map(({ id }) => id), ...this.#chooser.orphansBeside(chosen)]);
    const models = rolled ? await this.#chooser.choose() : chosen;
    const now = new Map<string, ModelData>();
    for (const id of [...models.models.map((model) => model.id), ...(this.#wanted.orphans ? this.#chooser.orphansBeside(models) : [])]) {
      const ahead = this.#ahead.get(id);
      const entry = readFence(this.#repo.layout.fence({ kind: 'data', modelId: id }));
      const same = ahead?.quiet !== undefined && ahead.quiet === entry?.name;
      now.set(id, same ? { ...ahead, uploads: this.#uploads(id) } : await this.#list(id, ahead ?? NOTHING, { tolerant: false }));
    }
    return this.snapshotOf(models, structural.epoch, (id) => now.get(id) ?? NOTHING);
  }

  /** What a dead holder had published in a data fence is carried out first: it is what every reader sees next. True when there was something. */
  async #rollForward(structural: Structural, modelIds: readonly string[]): Promise<boolean> {
    let rolled = false;
    for (const id of modelIds) {
      const fence = this.#repo.layout.fence({ kind: 'data', modelId: id });
      const entry = readFence(fence);
      if (entry === undefined || entry.name === this.#ahead.get(id)?.quiet || !(readDir(join(fence, entry.name)) ?? []).some(isIntent)) continue;
      await structural.withModel(id, async () => {});
      rolled = true;
    }
    return rolled;
  }

  async #list(modelId: string, known: ModelData, { tolerant }: { readonly tolerant: boolean }): Promise<ModelData> {
    const { layout } = this.#repo;
    const artifacts = new Map<string, Known<ListedArtifact>>();
    this.#skipped = undefined;
    const root = layout.model(modelId);
    for (const segment of readDir(root) ?? []) {
      const one = this.#once(`${root}/${segment}`, known.artifacts.get(segment), (dir, status) => this.#artifact(dir, segment, status), tolerant);
      if (one !== undefined) artifacts.set(segment, one);
      if (++this.#listed % BATCH === 0) await this.#breathe();
    }
    const tombstones = new Map<string, Known<Tombstone>>();
    const buried = layout.tombstones(modelId);
    for (const file of readDir(buried) ?? []) {
      const one = this.#once(`${buried}/${file}`, known.tombstones.get(file), (path) => tombstoneAt(path, file), tolerant);
      if (one !== undefined) tombstones.set(file, one);
      if (++this.#listed % BATCH === 0) await this.#breathe();
    }
    return { artifacts, tombstones, uploads: this.#uploads(modelId), ...(this.#skipped === undefined ? {} : { skipped: this.#skipped }) };
  }

  async #breathe(): Promise<void> {
    await turn();
    this.#signal.throwIfAborted();
  }

  /** As it was listed before, when it looks as it did then; else listed now. `tolerant`: what changes at this moment is left for later. */
  #once<T>(path: string, known: Known<T> | undefined, list: (path: string, status: BigIntStats) => T | undefined, tolerant: boolean): Known<T> | undefined {
    const status = statusOf(path);
    if (status === undefined) return undefined;
    if (known?.state !== undefined && isSame(known.state, status)) return known;
    if (isTransient(basename(path))) return undefined;
    const lasting = status.mtimeNs < this.#since && status.ctimeNs < this.#since;
    try {
      const value = list(path, status);
      return value === undefined ? undefined : { state: lasting ? status : undefined, value };
    } catch (error) {
      if (!tolerant || !(error instanceof SwampError) || error.code !== 'corrupt') throw error;
      this.#skipped = error;
      return undefined;
    }
  }

  #artifact(dir: string, segment: string, status: BigIntStats): ListedArtifact | undefined {
    if (!status.isDirectory()) throw damaged(dir, 'it is no directory');
    const identity = `${status.dev}:${status.ino}`;
    const names = readDir(dir);
    if (names === undefined) return undefined;
    const numbers = versionNumbers(names);
    const record = readArtifactRecord(join(dir, ARTIFACT_RECORD));
    if (record === undefined) throw damaged(dir, `${ARTIFACT_RECORD} is missing`);
    if (segmentFor(record.name) !== segment) throw damaged(dir, `it belongs to ${JSON.stringify(record.name)}`);
    const wanted = this.#wanted.allVersions ? numbers : numbers.slice(-1);
    const versions = wanted.map((version) => ({ version, identity: identityOf(join(dir, String(version))) ?? '' }));
    if (versions.length === 0 || versions.some((one) => one.identity === '')) throw damaged(dir, 'it holds no version');
    return { ...record, dir, identity, versions, older: numbers.length - wanted.length };
  }

  /** Parts are sent without a lock: one that is sent again after the listing is as it was, or as it is then. */
  #uploads(modelId: string): ListedUpload[] {
    if (!this.#wanted.incompleteUploads) return [];
    return uploadsOf(this.#repo, modelId).flatMap(({ id, dir }) => {
      const record = readUploadRecord(dir);
      const identity = identityOf(join(dir, PARTS));
      return record === undefined || identity === undefined
        ? []
        : [{ id, dir, identity, record, parts: readDir(join(dir, PARTS)) ?? [], sums: readDir(join(dir, SUMS)) ?? [] }];
    });
  }

  snapshotOf(chosen: Chosen, global: number, dataOf: (modelId: string) => ModelData): Snapshot {
    const list = (id: string, directory: string, definition: string | undefined): ListedModel => {
      const { artifacts, tombstones, uploads } = dataOf(id);
      const byName = <T extends { readonly name: string }>(known: ReadonlyMap<string, Known<T>>): T[] => [...known.values()].map(({ value }) => value);
      return { id, directory, definition, artifacts: byName(artifacts), tombstones: byName(tombstones), uploads, epochs: this.#epochs(id) };
    };
    const orphans = this.#chooser.orphansBeside(chosen);
    const models = [
      ...chosen.models.map(({ id, name, text }) => list(id, modelDirectory(name), text)),
      ...(this.#wanted.orphans ? orphans.map((id) => list(id, orphanDirectory(id), undefined)) : []),
    ];
    const excluded = {
      olderVersions: 0,
      incompleteUploads: 0,
      orphans: this.#wanted.orphans ? 0 : orphans.length,
      otherModels: chosen.others,
      deletedModels: 0,
      keptOutputs: 0,
    };
    return { createdAt: new Date().toISOString(), global, models, excluded };
  }

  #epochs(modelId: string): ListedModel['epochs'] {
    const epoch = (kind: 'data' | 'run'): number => readFence(this.#repo.layout.fence({ kind, modelId }))?.epoch ?? 0;
    return { data: epoch('data'), run: epoch('run') };
  }

  /** What needs no lock: the order, what is only counted, and orphans with nothing to keep. */
  withCounts(snapshot: Snapshot): Snapshot {
    const repo = this.#repo;
    const sum = (of: (model: ListedModel) => number): number => snapshot.models.reduce((total, model) => total + of(model), 0);
    const isEmpty = ({ definition, artifacts, tombstones }: ListedModel): boolean =>
      definition === undefined && artifacts.length === 0 && tombstones.length === 0;
    const models = snapshot.models
      .filter((model) => !isEmpty(model))
      .map((model) => {
        const sorted = <T extends { readonly name: string }>(list: readonly T[]): T[] => list.toSorted((a, b) => byCodePoint(a.name, b.name));
        return { ...model, artifacts: sorted(model.artifacts), tombstones: sorted(model.tombstones) };
      });
    return {
      ...snapshot,
      models: models.sort((a, b) => byCodePoint(a.directory, b.directory)),
      excluded: {
        ...snapshot.excluded,
        olderVersions: sum(({ artifacts }) => artifacts.reduce((total, { older }) => total + older, 0)),
        incompleteUploads: this.#wanted.incompleteUploads ? 0 : sum(({ id }) => uploadsOf(repo, id).length),
        deletedModels: (readDir(repo.layout.deleted) ?? []).filter((name) => name.endsWith('.json')).length,
        keptOutputs: sum(({ id }) => (readDir(repo.layout.modelKept(id)) ?? []).length),
      },
    };
  }
}

function tombstoneAt(path: string, file: string): Tombstone | undefined {
  const tombstone = readTombstone(path);
  if (tombstone !== undefined && `${segmentFor(tombstone.name)}.json` !== file) throw damaged(path, `it belongs to ${JSON.stringify(tombstone.name)}`);
  return tombstone;
}
