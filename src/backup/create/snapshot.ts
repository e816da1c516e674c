/**
 * One point in time: everything is listed ahead without a lock, and under the closed global fence only what has changed since
 * is listed again (B4). No content, and no metadata.json, is read under the lock.
 */
import { join } from 'node:path';
import { SwampError } from '../../errors.js';
import { yielding } from '../../event-loop.js';
import { statusOf } from '../../fs/identity.js';
import { readDir } from '../../fs/tree.js';
import { GLOBAL } from '../../layout/layout.js';
import { readFence } from '../../locks/fence.js';
import type { Session } from '../../locks/session.js';
import { listLocks } from '../../locks/survey.js';
import { restructure, type Structural } from '../../protocol/restructure.js';
import type { Repo } from '../../repo.js';
import { quietEntry } from '../../store/ahead.js';
import { isIntent } from '../../store/intent.js';
import { modelDirectory, orphanDirectory } from '../paths.js';
import { type Choose, type Chosen, choosing } from './choose.js';
import { type ListedMoment, withoutExcluded } from './leave-out.js';
import { type Listing, listModel, type ModelData, UNLISTED, uploadsNow } from './list.js';
import type { ListedModel, Snapshot, Wanted } from './listed.js';

/** One point in time that is being listed. */
interface Moment extends Listing {
  readonly choose: Choose;
}

/** A model as it was listed ahead. */
interface AheadData extends ModelData {
  /** Name of the data fence's entry while nothing of the model changed; undefined when a process was at work. */
  readonly quiet: string | undefined;
}

type Ahead = ReadonlyMap<string, AheadData>;

/**
 * The point in time, under the global fence of the models in scope. `session` has set its pin before: whatever was listed
 * ahead can be found again. Throws `model_not_found`, `model_invalid`, `corrupt`, `lock_timeout`.
 */
export async function takeSnapshot(
  repo: Repo,
  wanted: Wanted,
  { session, signal }: { readonly session: Session; readonly signal: AbortSignal },
): Promise<Snapshot> {
  const before = readFence(repo.layout.fence(GLOBAL));
  const moment = { repo, wanted, since: changedSince(repo, session), pass: yielding(signal), choose: await choosing(repo, wanted) };
  const first = await moment.choose();
  const scope = { models: wanted.models === null || wanted.orphans ? ('all' as const) : first.models.map(({ id }) => id), runs: false };
  const ahead = await lookAhead(moment, first);
  const body = async (structural: Structural): Promise<ListedMoment> => {
    const began = performance.now();
    // No other process had the global fence in between: no model was created, renamed or deleted.
    const unchanged = before?.state === 'free' && structural.fence.epoch === before.epoch + 1;
    const snapshot = await listNow(moment, structural, { ahead, chosen: unchanged ? first : await moment.choose() });
    structural.stillHeld();
    repo.reporter.debug(`Listed in ${(performance.now() - began).toFixed(1)} ms under the global lock.`, { topic: 'backup' });
    return snapshot;
  };
  return withoutExcluded(repo, wanted, await retried(() => restructure(repo, scope, body, { signal, session })));
}

/** The same plan without a lock: of what changes meanwhile some is shown, and some is not. */
export async function lookWithoutLock(repo: Repo, wanted: Wanted, { signal }: { readonly signal: AbortSignal }): Promise<Snapshot> {
  const moment = { repo, wanted, since: 0n, pass: yielding(signal), choose: await choosing(repo, wanted) };
  const chosen = await moment.choose();
  const ahead = await lookAhead(moment, chosen);
  return withoutExcluded(repo, wanted, snapshotOf(moment, chosen, { global: readFence(repo.layout.fence(GLOBAL))?.epoch ?? 0, data: ahead }));
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

/** Lists without a lock what changes seldom, so that little is left to do under it. */
async function lookAhead(moment: Moment, chosen: Chosen): Promise<Ahead> {
  const ahead = new Map<string, AheadData>();
  for (const id of idsOf(moment, chosen)) {
    const before = quietEntry(moment.repo, id)?.name;
    const data = await listModel(moment, id, UNLISTED);
    const quiet = before !== undefined && quietEntry(moment.repo, id)?.name === before ? before : undefined;
    // While something changes it may look damaged; it is listed again under the lock.
    ahead.set(id, { ...data, quiet, ...(quiet === undefined ? { damaged: [], uploads: { ...data.uploads, damaged: [] } } : {}) });
  }
  return ahead;
}

/** Those that are listed. */
function idsOf({ wanted }: Moment, { models, orphans }: Chosen): string[] {
  return [...models.map(({ id }) => id), ...(wanted.orphans ? orphans : [])];
}

/** S4: nothing commits in the scope. A model whose data fence has not moved is as it was listed ahead. */
async function listNow(moment: Moment, structural: Structural, { ahead, chosen }: { readonly ahead: Ahead; readonly chosen: Chosen }): Promise<ListedMoment> {
  const rolled = await rollForward(moment, structural, { ahead, chosen });
  const now = rolled ? await moment.choose() : chosen;
  const data = new Map<string, ModelData>();
  for (const id of idsOf(moment, now)) {
    const known = ahead.get(id);
    const entry = readFence(moment.repo.layout.fence({ kind: 'data', modelId: id }));
    const same = known?.quiet !== undefined && known.quiet === entry?.name;
    data.set(id, same ? { ...known, uploads: uploadsNow(moment, id) } : await listModel(moment, id, known ?? UNLISTED));
  }
  return snapshotOf(moment, now, { global: structural.fence.epoch, data });
}

/** What a dead holder had published in a data fence is carried out first: it is what every reader sees next. True when there was something. */
async function rollForward(moment: Moment, structural: Structural, { ahead, chosen }: { readonly ahead: Ahead; readonly chosen: Chosen }): Promise<boolean> {
  let rolled = false;
  for (const id of idsOf(moment, chosen)) {
    const fence = moment.repo.layout.fence({ kind: 'data', modelId: id });
    const entry = readFence(fence);
    if (entry === undefined || entry.name === ahead.get(id)?.quiet || !(readDir(join(fence, entry.name)) ?? []).some(isIntent)) continue;
    await structural.withModel(id, async () => {});
    rolled = true;
  }
  return rolled;
}

function snapshotOf(
  moment: Moment,
  chosen: Chosen,
  { global, data }: { readonly global: number; readonly data: ReadonlyMap<string, ModelData> },
): ListedMoment {
  const { repo, wanted } = moment;
  const all = idsOf(moment, chosen).map((id) => data.get(id) ?? UNLISTED);
  const epoch = (kind: 'data' | 'run', modelId: string): number => readFence(repo.layout.fence({ kind, modelId }))?.epoch ?? 0;
  const list = (id: string, directory: string, definition?: string): ListedModel => {
    const { artifacts, tombstones, uploads } = data.get(id) ?? UNLISTED;
    const epochs = { data: epoch('data', id), run: epoch('run', id) };
    return { id, directory, definition, artifacts: valuesOf(artifacts), tombstones: valuesOf(tombstones), uploads: uploads.listed, epochs };
  };
  return {
    createdAt: new Date().toISOString(),
    global,
    models: [
      ...chosen.models.map(({ id, name, text }) => list(id, modelDirectory(name), text)),
      ...(wanted.orphans ? chosen.orphans.map((id) => list(id, orphanDirectory(id))) : []),
    ],
    excluded: { orphans: wanted.orphans ? 0 : chosen.orphans.length, otherModels: chosen.others },
    damaged: all.flatMap(({ damaged, uploads }) => [...damaged, ...uploads.damaged]),
    strays: all.flatMap(({ strays, uploads, artifacts }) => [...strays, ...uploads.strays, ...valuesOf(artifacts).flatMap((one) => one.strays)]),
  };
}

function valuesOf<T>(known: ReadonlyMap<string, { readonly value: T }>): T[] {
  return [...known.values()].map(({ value }) => value);
}
