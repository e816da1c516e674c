/**
 * One point in time: everything is listed ahead without a lock, and under the closed global fence only what has changed since
 * is listed again (B4). No content, and no metadata.json, is read under the lock.
 */
import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { SwampError } from '../../errors.js';
import { identityIn, isSameState, statusOf } from '../../fs/identity.js';
import { listStore, readDir } from '../../fs/tree.js';
import { ARTIFACT_RECORD, GLOBAL } from '../../layout/layout.js';
import { isRecordName, isSegment, nameOf, segmentFor } from '../../layout/names.js';
import { readFence } from '../../locks/fence.js';
import type { Session } from '../../locks/session.js';
import { listLocks } from '../../locks/survey.js';
import { restructure, type Structural } from '../../protocol/restructure.js';
import type { Repo } from '../../repo.js';
import { quietEntry } from '../../store/ahead.js';
import { isIntent } from '../../store/intent.js';
import { floorOf } from '../../store/latest.js';
import { readArtifactRecord, readTombstone, type Tombstone } from '../../store/metadata.js';
import { byCodePoint, straysIn, versionNumbers } from '../../store/read.js';
import { excludes } from '../exclude.js';
import { modelDirectory, orphanDirectory } from '../paths.js';
import { Chooser, type Chosen } from './choose.js';
import { damageOr } from './damage.js';
import { type Damage, damaged, directoryIdentity, type ListedArtifact, type ListedModel, type Snapshot, type Wanted } from './listed.js';
import { NO_UPLOADS, namesIn, standingUploads, type Uploads, uploadsToSave } from './uploads.js';

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
    // No other process had the global fence in between: no model was created, renamed or deleted.
    const unchanged = before?.state === 'free' && structural.fence.epoch === before.epoch + 1;
    const snapshot = await lister.listNow(structural, unchanged ? ahead : await chooser.choose());
    structural.stillHeld();
    repo.reporter.debug(`Listed in ${(performance.now() - began).toFixed(1)} ms under the global lock.`, { topic: 'backup' });
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
  const global = readFence(repo.layout.fence(GLOBAL))?.epoch ?? 0;
  return lister.withCounts(lister.snapshotOf(chosen, global, (id) => lister.aheadOf(id)));
}

/**
 * The point in time where the datastore cannot be written: it can have no pin and no lock there, and no process can commit.
 * Another mount of the same disk may be writable, so all of it must have been still. Throws `io` where it was not.
 */
export async function takeStill(repo: Repo, wanted: Wanted, options: { readonly signal: AbortSignal }): Promise<Snapshot> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const before = fencesNow(repo);
    const snapshot = await lookWithoutLock(repo, wanted, options);
    if (before !== undefined && fencesNow(repo) === before) return snapshot;
  }
  throw new SwampError('io', `${repo.datastore} is on a read-only file system here, and is changed, or was left in the middle of a change, elsewhere.`, {
    hint: 'Run the backup where the datastore can be written.',
    data: { path: repo.datastore, errno: 'EROFS' },
  });
}

/** The entries of all fences; undefined when one of them holds something that waits to be carried out. */
function fencesNow({ layout }: Repo): string | undefined {
  const entries = listLocks(layout).map((lock) => {
    const entry = readFence(layout.fence(lock));
    return entry === undefined ? '' : join(layout.fence(lock), entry.name);
  });
  return entries.some((entry) => entry !== '' && (readDir(entry) ?? []).some(isIntent)) ? undefined : entries.sort().join('\n');
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

interface ModelData {
  /** What could not be listed, but for uploads. */
  readonly damaged: readonly Damage[];
  readonly strays: readonly string[];
  readonly artifacts: ReadonlyMap<string, Known<ListedArtifact>>;
  readonly tombstones: ReadonlyMap<string, Known<Tombstone>>;
  readonly uploads: Uploads;
}

interface AheadData extends ModelData {
  /** Name of the data fence's entry while nothing of the model changed; undefined when a process was at work. */
  readonly quiet: string | undefined;
}

const NOTHING: ModelData = Object.freeze({
  damaged: [],
  strays: [],
  artifacts: new Map(),
  tombstones: new Map(),
  uploads: NO_UPLOADS,
});
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
      const data = await this.#list(id, NOTHING);
      const quiet = before !== undefined && quietEntry(this.#repo, id)?.name === before ? before : undefined;
      // While something changes it may look damaged; it is listed again under the lock.
      this.#ahead.set(id, { ...data, quiet, ...(quiet === undefined ? { damaged: [], uploads: { ...data.uploads, damaged: [] } } : {}) });
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
      now.set(id, same ? { ...ahead, uploads: this.#uploads(id) } : await this.#list(id, ahead ?? NOTHING));
    }
    return this.snapshotOf(models, structural.fence.epoch, (id) => now.get(id) ?? NOTHING);
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

  async #list(modelId: string, known: ModelData): Promise<ModelData> {
    const { layout } = this.#repo;
    const artifacts = new Map<string, Known<ListedArtifact>>();
    const damaged: Damage[] = [];
    const strays: string[] = [];
    const tell = (name: string | null, error: unknown): undefined => {
      damaged.push({ modelId, name, version: null, error: damageOr(this.#repo, error) });
    };
    const root = layout.model(modelId);
    for (const segment of namesIn(root, (error) => tell(null, error))) {
      const list = (dir: string, status: BigIntStats): ListedArtifact | 'stray' | undefined => this.#artifact(dir, segment, status);
      const one = this.#once<ListedArtifact | 'stray'>(`${root}/${segment}`, known.artifacts.get(segment), list, (error) =>
        tell(nameOf(segment) ?? null, error),
      );
      if (one?.value === 'stray') strays.push(`${root}/${segment}`);
      else if (one !== undefined) artifacts.set(segment, one as Known<ListedArtifact>);
      if (++this.#listed % BATCH === 0) await this.#breathe();
    }
    const tombstones = new Map<string, Known<Tombstone>>();
    const buried = layout.tombstones(modelId);
    for (const file of namesIn(buried, (error) => tell(null, error))) {
      const one = this.#once(
        `${buried}/${file}`,
        known.tombstones.get(file),
        (path) => tombstoneAt(path, file),
        (error) => tell(null, error),
      );
      if (one?.value === 'stray') strays.push(`${buried}/${file}`);
      else if (one !== undefined) tombstones.set(file, one as Known<Tombstone>);
      if (++this.#listed % BATCH === 0) await this.#breathe();
    }
    return { damaged, strays, artifacts, tombstones, uploads: this.#uploads(modelId) };
  }

  async #breathe(): Promise<void> {
    await turn();
    this.#signal.throwIfAborted();
  }

  /** As it was listed before, when it looks as it did then; else listed now. */
  #once<T>(
    path: string,
    known: Known<T> | undefined,
    list: (path: string, status: BigIntStats) => T | undefined,
    tell: (error: unknown) => undefined,
  ): Known<T> | undefined {
    const status = statusOf(path);
    if (status === undefined) return undefined;
    if (known?.state !== undefined && isSameState(known.state, status)) return known;
    if (status.isSymbolicLink()) return tell(damaged(path, 'it is a symbolic link'));
    const lasting = status.mtimeNs < this.#since && status.ctimeNs < this.#since;
    try {
      const value = list(path, status);
      return value === undefined ? undefined : { state: lasting ? status : undefined, value };
    } catch (error) {
      return tell(error);
    }
  }

  #artifact(dir: string, segment: string, status: BigIntStats): ListedArtifact | 'stray' | undefined {
    if (!status.isDirectory() || !isSegment(segment)) return 'stray';
    const identity = identityIn(status);
    const names = readDir(dir);
    if (names === undefined) return undefined;
    const numbers = versionNumbers(names);
    const record = readArtifactRecord(join(dir, ARTIFACT_RECORD));
    if (record === undefined) throw damaged(dir, `${ARTIFACT_RECORD} is missing`);
    if (segmentFor(record.name) !== segment) throw damaged(dir, `it belongs to ${JSON.stringify(record.name)}`);
    const wanted = this.#wanted.allVersions ? numbers : numbers.slice(-1);
    const versions = wanted.map((version) => ({ version, identity: directoryIdentity(join(dir, String(version))) ?? '' }));
    if (versions.length === 0 || versions.some((one) => one.identity === '')) throw damaged(dir, 'it holds no version');
    const floor = floorOf(record.floor, wanted);
    return { ...record, floor, dir, identity, versions, older: numbers.length - wanted.length, strays: straysIn(dir, names) };
  }

  #uploads(modelId: string): Uploads {
    return this.#wanted.incompleteUploads ? uploadsToSave(this.#repo, modelId) : NO_UPLOADS;
  }

  snapshotOf(chosen: Chosen, global: number, dataOf: (modelId: string) => ModelData): Snapshot {
    const damaged: Damage[] = [];
    const strays: string[] = [];
    const list = (id: string, directory: string, definition: string | undefined): ListedModel => {
      const { artifacts, tombstones, uploads, ...rest } = dataOf(id);
      damaged.push(...rest.damaged, ...uploads.damaged);
      strays.push(...rest.strays, ...uploads.strays, ...[...artifacts.values()].flatMap(({ value }) => value.strays));
      const byName = <T extends { readonly name: string }>(known: ReadonlyMap<string, Known<T>>): T[] => [...known.values()].map(({ value }) => value);
      return { id, directory, definition, artifacts: byName(artifacts), tombstones: byName(tombstones), uploads: uploads.listed, epochs: this.#epochs(id) };
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
      excludedArtifacts: 0,
    };
    return { createdAt: new Date().toISOString(), global, models, excluded, damaged, strays };
  }

  #epochs(modelId: string): ListedModel['epochs'] {
    const epoch = (kind: 'data' | 'run'): number => readFence(this.#repo.layout.fence({ kind, modelId }))?.epoch ?? 0;
    return { data: epoch('data'), run: epoch('run') };
  }

  /** What needs no lock: the order, what a pattern leaves out, and what is only counted. */
  withCounts(snapshot: Snapshot): Snapshot {
    const repo = this.#repo;
    const { orphans } = snapshot.excluded;
    if (this.#wanted.models === null && snapshot.models.length === 0 && orphans > 0) throw noDefinition(repo, orphans);
    const sum = (of: (model: ListedModel) => number): number => snapshot.models.reduce((total, model) => total + of(model), 0);
    const leaves = excludes(this.#wanted.exclude ?? []);
    const titles = new Map(snapshot.models.map(({ id, directory }) => [id, directory.slice(directory.indexOf('/') + 1)]));
    const titleOf = ({ id }: Pick<ListedModel, 'id'>): string => titles.get(id) ?? id;
    const wholly = snapshot.models.filter((model) => leaves(titleOf(model)));
    const models = snapshot.models
      .filter((model) => !leaves(titleOf(model)))
      .map((model) => {
        const wanted = <T extends { readonly name: string }>(list: readonly T[]): T[] =>
          list.filter(({ name }) => !leaves(titleOf(model), name)).sort((a, b) => byCodePoint(a.name, b.name));
        const uploads = model.uploads.filter(({ record }) => !leaves(titleOf(model), record.name));
        return { ...model, artifacts: wanted(model.artifacts), tombstones: wanted(model.tombstones), uploads };
      });
    const listed = [...models, ...wholly].reduce((total, { artifacts }) => total + artifacts.length, 0);
    const isWanted = ({ modelId: id, name }: Damage): boolean => !leaves(titleOf({ id }), ...(name === null ? [] : [name]));
    return {
      ...snapshot,
      models: models.sort((a, b) => byCodePoint(a.directory, b.directory)),
      damaged: snapshot.damaged.filter(isWanted),
      excluded: {
        ...snapshot.excluded,
        otherModels: snapshot.excluded.otherModels + wholly.length,
        excludedArtifacts: sum(({ artifacts }) => artifacts.length) - listed,
        olderVersions: sum(({ artifacts }) => artifacts.reduce((total, { older }) => total + older, 0)),
        incompleteUploads: this.#wanted.incompleteUploads ? 0 : sum(({ id }) => standingUploads(repo, id, () => undefined).length),
        deletedModels: (listStore(repo.layout.deleted) ?? []).filter((name) => name.endsWith('.json')).length,
        keptOutputs: sum(({ id }) => namesIn(repo.layout.modelKept(id), () => undefined).length),
      },
    };
  }
}

function noDefinition({ root }: Repo, models: number): SwampError {
  return new SwampError('model_invalid', `No model in ${root} has a definition, but there is data of ${models}: the backup would hold nothing.`, {
    hint: 'Bring the files under models/ back, as with "git checkout models"; or write the data without them: --include-orphans.',
    data: { orphans: models },
  });
}

function tombstoneAt(path: string, file: string): Tombstone | 'stray' | undefined {
  if (!isRecordName(file)) return 'stray';
  const tombstone = readTombstone(path);
  if (tombstone !== undefined && `${segmentFor(tombstone.name)}.json` !== file) throw damaged(path, `it belongs to ${JSON.stringify(tombstone.name)}`);
  return tombstone;
}
