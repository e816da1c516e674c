/** One look at the change logs: what was committed behind a place, and where the next look goes on. Takes no lock. */

import { yielding } from '../event-loop.js';
import { listModels } from '../models/files.js';
import type { Repo } from '../repo.js';
import { type Change, endOfLog, LOG_START, loggedModels, logId, type Position, type ReadChange, readChanges } from '../store/changes.js';
import { type DeletedModel, listDeleted, readDeleted } from '../store/deletion.js';
import { artifactNames, changesTooFast, findVersion, LOOKS } from '../store/read.js';
import { cursorOf, NOWHERE, type Place, type Places } from './cursor.js';

export interface WatchEvent {
  /**
   * `reset`: what came before does not lead to what there is; what the model holds follows, each artifact as a `put` of its latest version.
   * The model is one that is watched from the beginning, or its history is gone: trimmed, or replaced by a restore or a repair.
   */
  readonly type: 'put' | 'delete' | 'rename' | 'model_delete' | 'reset';
  readonly modelId: string;
  /** Null when its definition cannot be read, or is gone. */
  readonly modelName: string | null;
  /** Null for what concerns the whole model. */
  readonly name: string | null;
  /** Of a rename: the name until then. */
  readonly oldName?: string;
  /** Of a delete, null: all of them. */
  readonly version: number | null;
  readonly generation: number | null;
  readonly size: number | null;
  readonly checksum: string | null;
  /** When it happened; of a `reset`, when it was seen. RFC 3339, UTC. */
  readonly at: string;
  /** The place behind this event: `--since`. */
  readonly cursor: string;
}

export interface Looked {
  readonly events: readonly WatchEvent[];
  readonly places: Places;
}

export interface Watched {
  /** Every model that has a log, without it. */
  readonly modelId?: string | undefined;
  readonly prefix?: string | undefined;
}

/** Throws `corrupt`. */
export async function lookAtLogs(repo: Repo, { modelId, prefix }: Watched, since: Places, signal?: AbortSignal): Promise<Looked> {
  const places = new Map(since);
  const events: WatchEvent[] = [];
  let names: ReadonlyMap<string, string> | undefined;
  const pass = yielding(signal);
  const ids = modelId === undefined ? [...new Set([...loggedModels(repo), ...since.keys()])] : [modelId];
  for (const id of ids) {
    await pass();
    for (const { place, ...event } of await happened(repo, id, since.get(id), pass)) {
      if (place === undefined) places.delete(id);
      else places.set(id, place);
      if (!isWanted(event, prefix)) continue;
      names ??= await modelNames(repo);
      const cursor = cursorOf(places);
      const { type, ...rest } = event;
      events.push({ type, modelId: id, modelName: names.get(id) ?? null, ...rest, cursor });
    }
  }
  return { events, places };
}

/** By id: as they are called now. */
async function modelNames(repo: Repo): Promise<ReadonlyMap<string, string>> {
  const deleted = listDeleted(repo).records.map(({ id, name }) => [id, name] as const);
  return new Map([...deleted, ...(await listModels(repo)).models.map(({ id, name }) => [id, name] as const)]);
}

/** Where a watch begins: behind what is logged, so that only what is committed from now on comes; or, `fromNothing`, with what each model holds. */
export async function placesNow(repo: Repo, { modelId }: Watched, fromNothing: boolean): Promise<Places> {
  const defined = fromNothing && modelId === undefined ? (await listModels(repo)).models.map(({ id }) => id) : [];
  const places = new Map<string, Place>();
  for (const id of modelId === undefined ? [...new Set([...loggedModels(repo), ...defined])] : [modelId]) {
    const log = logId(repo, id);
    const deleted = readDeleted(repo, id);
    if (deleted !== undefined) places.set(id, { log: log ?? NOWHERE.log, position: positionOf(deleted) });
    else if (fromNothing) places.set(id, NOWHERE);
    else if (log !== undefined) places.set(id, { log, position: endOfLog(repo, id) });
  }
  return places;
}

type Happening = Omit<WatchEvent, 'modelId' | 'modelName' | 'cursor'> & {
  /** Behind it. Undefined: the model has no log yet. */
  readonly place: Place | undefined;
};

/** What happened to one model behind a place in its log; not all where there is much. Without a place: since the log began. */
async function happened(repo: Repo, modelId: string, known: Place | undefined, pass: () => Promise<void> | undefined): Promise<readonly Happening[]> {
  // Before the log is read: what comes before the delete is in it by then.
  const deleted = readDeleted(repo, modelId);
  if (deleted !== undefined && known !== undefined && known.position.epoch >= deleted.epoch) return [];
  const log = logId(repo, modelId);
  const end = deleted === undefined ? [] : [modelDelete(log ?? NOWHERE.log, deleted)];
  // Whoever commits next begins a new one.
  if (log === undefined) return known === NOWHERE && deleted === undefined ? reset(repo, modelId, pass) : known === undefined ? [] : end;
  const from = known ?? { log, position: LOG_START };
  const changes = readChanges(repo, modelId, from.log, from.position);
  if (changes === undefined) return deleted === undefined ? reset(repo, modelId, pass) : end;
  return changes.length > 0 ? changes.map((one) => happening(log, one)) : end;
}

function happening(log: string, { change, position }: ReadChange): Happening {
  return { ...change, place: { log, position } };
}

const NO_VERSION = { version: null, generation: null, size: null, checksum: null } as const;

/** Nothing is committed to a model under the epoch of its delete, or behind it. */
function positionOf({ epoch }: DeletedModel): Position {
  return { ...LOG_START, epoch };
}

function modelDelete(log: string, deleted: DeletedModel): Happening {
  return { type: 'model_delete', name: null, ...NO_VERSION, at: deleted.deletedAt, place: { log, position: positionOf(deleted) } };
}

/**
 * What the model holds, as it is at a place in its log: the changes that are logged while it is listed follow, but for those that the
 * listing shows.
 */
async function reset(repo: Repo, modelId: string, pass: () => Promise<void> | undefined): Promise<readonly Happening[]> {
  for (let look = 0; look < LOOKS; look++) {
    const log = logId(repo, modelId);
    const from = endOfLog(repo, modelId);
    const listed = await listing(repo, modelId, pass);
    const since = log === undefined ? none(logId(repo, modelId) === undefined) : changesUpTo(repo, modelId, { log, position: from }, endOfLog(repo, modelId));
    // A name that went on as another one while it was listed may be missing under both.
    if (since === undefined || since.some(({ change }) => change.type === 'rename')) continue;
    const place = log === undefined ? undefined : { log, position: from };
    const begin: Happening = { type: 'reset', name: null, ...NO_VERSION, at: new Date().toISOString(), place };
    const after = since.filter(({ change }) => !isShown(listed, change)).map((one) => happening(log ?? '', one));
    return [begin, ...[...listed.values()].map((change) => ({ ...change, place })), ...after];
  }
  throw changesTooFast(repo.layout.changeLog(modelId));
}

function none(is: boolean): readonly ReadChange[] | undefined {
  return is ? [] : undefined;
}

async function listing(
  repo: Repo,
  modelId: string,
  pass: () => Promise<void> | undefined,
): Promise<ReadonlyMap<string, Change & { readonly version: number }>> {
  const listed = new Map<string, Change & { readonly version: number }>();
  for (const name of artifactNames(repo, modelId)) {
    await pass();
    const found = findVersion(repo, modelId, name);
    if (found === undefined) continue;
    const { version, generation, metadata } = found;
    listed.set(name, { type: 'put', name, version, generation, size: metadata.size, checksum: metadata.checksum, at: metadata.createdAt });
  }
  return listed;
}

function changesUpTo(repo: Repo, modelId: string, from: Place, end: Position): readonly ReadChange[] | undefined {
  const found: ReadChange[] = [];
  for (let position = from.position; isBefore(position, end); ) {
    const changes = readChanges(repo, modelId, from.log, position);
    if (changes === undefined) return undefined;
    found.push(...changes);
    position = changes.at(-1)?.position ?? end;
  }
  return found;
}

function isBefore(a: Position, b: Position): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && (a.index < b.index || (a.index === b.index && a.taken < b.taken)));
}

/** Generations and versions of a name only grow (P4): the listing came after the change. */
function isShown(listed: Awaited<ReturnType<typeof listing>>, { type, name, version, generation }: Change): boolean {
  const shown = listed.get(name);
  if (shown === undefined || shown.generation < generation) return false;
  return shown.generation > generation || (type === 'put' && shown.version >= (version ?? 0));
}

function isWanted({ name, oldName }: Pick<WatchEvent, 'name' | 'oldName'>, prefix: string | undefined): boolean {
  return prefix === undefined || name === null || [name, oldName].some((one) => one?.startsWith(prefix));
}
