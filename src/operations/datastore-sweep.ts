/** `datastore sweep`: finishes what waits to be removed or cleared, outside every lock but those whose entry it clears. */
import { basename, dirname, join } from 'node:path';
import { asSwampError, isErrno, SwampError } from '../errors.js';
import { removeFile } from '../fs/durable.js';
import { exists, listStore, pathsIn, readDir, treeBytes } from '../fs/tree.js';
import { isModelId } from '../layout/layout.js';
import { dropTicket, isDeadTicket, readQueue, removeQueues } from '../locks/queue.js';
import { discard } from '../locks/session.js';
import { listLocks } from '../locks/survey.js';
import { temporaries } from '../models/files.js';
import { displayPath, type Facts, type Repo } from '../repo.js';
import { type Owned, silentSessions } from '../store/abandoned.js';
import { findOrphans } from '../store/check/orphans.js';
import { isDeletedModel } from '../store/deleted.js';
import { type DeletedModel, leftBehind, listDeleted, readDeleted, type Teardown } from '../store/deletion.js';
import { abandonedEntries } from '../store/leftovers.js';
import { isPinned, pins } from '../store/pins.js';
import { abandonedStagings, pendingRemovals, stagings, sweepOne, sweepTrash } from '../store/sweep.js';
import { abandonedAside, asideUploads, type Standing } from '../store/uploads/place.js';
import { operation } from './operation.js';
import { knownModels } from './orphans.js';
import { runTeardown, type TeardownOptions } from './teardown.js';
import { clearEntry, finishMovingAside } from './unfinished.js';
import { reclaimUploads } from './upload-reclaim.js';

export interface DatastoreSweepInput {
  readonly dryRun?: boolean;
  /** Also removes the outputs that methods kept when they could not commit them. */
  readonly kept?: boolean;
  /** Runs the teardown of this deleted model again, although it cannot be known whether an earlier one still runs. */
  readonly retryTeardown?: string;
}

/**
 * `trash`: committed removals. `staging`: of sessions that have ended. `intent`, `staged`: left in a lock, to be finished
 * and to be given back. `ticket`: the place in a queue of a process that has ended. `deleted`: files of a deleted model.
 * `upload`: moved aside by a completion that died, to be put back. `pin`: of a backup that has ended. `kept`: outputs of a
 * method. `quarantined`: set aside by a repair that did not end, to be moved on to quarantine/. `temporary`: a definition
 * that was not published, a week ago. Where it cannot be known whether a session has ended, it has been silent for a week.
 */
export type SweepKind = 'trash' | 'staging' | 'pin' | 'intent' | 'staged' | 'ticket' | 'deleted' | 'upload' | 'kept' | 'quarantined' | 'temporary';

export interface SweepItem {
  readonly path: string;
  readonly kind: SweepKind;
  readonly bytes: number;
}

/** The delete method of a deleted model, and where it stands. */
export interface TeardownItem {
  readonly id: string;
  readonly name: string;
  readonly state: Teardown['state'];
}

export interface DatastoreSweepResult {
  readonly removed: readonly SweepItem[];
  /** What could not be removed, or is held by a backup: it stays pending. */
  readonly left: readonly SweepItem[];
  /** Those that were not done, and where they stand now. */
  readonly teardowns: readonly TeardownItem[];
  readonly bytesReclaimed: number;
  readonly dryRun: boolean;
}

/**
 * What cannot be removed is told, and stays pending (D5). Throws `read_only`, `model_not_found` for an id to retry that is
 * no deleted model's, `teardown_failed` after everything else is done (O7), with the result as its data.
 */
export const datastoreSweep = operation({ verb: 'datastore sweep', access: 'writes' }, sweep);

async function sweep(plain: Repo, input: DatastoreSweepInput, options: TeardownOptions): Promise<DatastoreSweepResult> {
  const { signal } = options;
  const repo = warningOnce(plain);
  const dryRun = input.dryRun === true;
  requireDeleted(repo, input.retryTeardown);
  tellDamaged(repo);
  const waiting = pendingTeardowns(repo);
  const kept = input.kept === true ? await keptOutputs(repo, signal) : [];
  const silent = await silentOnes(repo, signal);
  const pending = await sweepPlan(repo, { silent, signal });
  const pinned = pending.filter(({ kind, path }) => kind === 'trash' && isPinned(repo, path, silent));
  if (pinned.length > 0) {
    const what = pinned.length === 1 ? '1 removal stays' : `${pinned.length} removals stay`;
    repo.reporter.info(`A backup is running: ${what} until it has ended.`, { topic: 'sweep', paths: pinned.map(({ path }) => path) });
  }
  const plan = [...pending.filter((item) => !pinned.includes(item)), ...kept];
  const failed = dryRun ? [] : await execute(repo, plan, { silent, signal });
  const removed = dryRun ? plan : plan.filter((item) => !failed.includes(item) && !isLeft(repo, item));
  const left = dryRun ? [] : [...plan.filter((item) => !removed.includes(item)), ...pinned];
  await attempt(repo, signal, () => tellOrphans(repo, signal), 'Data without a model could not be listed.');
  const { teardowns, failure } = dryRun ? { teardowns: waiting } : await runTeardowns(repo, waiting, input, options);
  const result: DatastoreSweepResult = {
    removed: removed.map((item) => displayed(repo, item)),
    left: left.map((item) => displayed(repo, item)),
    teardowns,
    bytesReclaimed: removed.reduce((sum, { bytes }) => sum + bytes, 0),
    dryRun,
  };
  if (failure === undefined) return result;
  const { code, message, hint, data } = failure;
  throw new SwampError(code, message, { ...(hint === undefined ? {} : { hint }), data: { ...data, ...result }, cause: failure });
}

function displayed(repo: Repo, { path, kind, bytes }: SweepItem): SweepItem {
  return { path: displayPath(repo, path), kind, bytes };
}

/** What a sweep meets again on its way, as trash that it tried already, is warned of once. */
function warningOnce(repo: Repo): Repo {
  const told = new Set<string>();
  const warn = (message: string, facts: Facts): void => {
    if (!told.has(message)) repo.reporter.warn(message, facts);
    told.add(message);
  };
  const { info, debug } = repo.reporter;
  return Object.freeze({ ...repo, reporter: { info: info.bind(repo.reporter), debug: debug.bind(repo.reporter), warn } });
}

/** Whoever takes a lock renames its entry: what could not be cleared then stands in an entry of another name. */
function isLeft({ layout }: Repo, { path }: SweepItem): boolean {
  if (exists(path)) return true;
  const fence = dirname(dirname(path));
  return path.startsWith(`${layout.fences}/`) && (readDir(fence) ?? []).some((entry) => exists(join(fence, entry, basename(path))));
}

/** Delete methods of deleted models that are not known to be done, those that run now included. */
export function pendingTeardowns(repo: Repo): TeardownItem[] {
  return listDeleted(repo).records.flatMap(({ id, name, teardown }) =>
    teardown === null || teardown.state === 'done' ? [] : [{ id, name, state: teardown.state }],
  );
}

/** Tells of each record of a deleted model that cannot be read; how many there are. What it names is neither swept nor torn down. */
export function tellDamaged(repo: Repo): number {
  const { damaged } = listDeleted(repo);
  for (const { message, hint, data } of damaged) repo.reporter.warn(`${message} ${hint}`, { topic: 'store', ...data });
  return damaged.length;
}

function requireDeleted(repo: Repo, id: string | undefined): void {
  if (id === undefined || (isModelId(id) && readDeleted(repo, id) !== undefined)) return;
  throw new SwampError('model_not_found', `No deleted model has the id ${JSON.stringify(id)}.`, {
    hint: '"swamp datastore status" lists the teardowns.',
    data: { modelId: id },
  });
}

interface TornDown {
  readonly teardowns: readonly TeardownItem[];
  /** The first one, told when all have had their turn. */
  readonly failure?: SwampError;
}

async function runTeardowns(repo: Repo, waiting: readonly TeardownItem[], { retryTeardown }: DatastoreSweepInput, options: TeardownOptions): Promise<TornDown> {
  const teardowns: TeardownItem[] = [];
  const failures: SwampError[] = [];
  for (const item of waiting) {
    const { id } = item;
    try {
      const state = await runTeardown(repo, id, { ...options, patient: false, retry: id === retryTeardown });
      teardowns.push({ ...item, state: state ?? 'done' });
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof SwampError) || error.code === 'internal') throw error;
      failures.push(error);
      teardowns.push({ ...item, state: readDeleted(repo, id)?.teardown?.state ?? item.state });
    }
  }
  const [failure] = failures;
  return failure === undefined ? { teardowns } : { teardowns, failure };
}

/** The leftovers of sessions that cannot be judged and are silent, however long that takes to see. */
async function silentOnes(repo: Repo, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const unnamed = temporaries(repo).map((path): Owned => ({ path, holder: '' }));
  const uploads = modelsWithUploads(repo).flatMap((modelId) => asideUploads(repo, modelId));
  const silent = await silentSessions(repo, [...pins(repo), ...stagings(repo), ...uploads, ...unnamed], signal);
  return new Set(silent.map(({ path }) => path));
}

/** What a sweep would clear now, with absolute paths; kept outputs are not part of it. `silent`: what was watched, and counts as abandoned. */
export async function sweepPlan(
  repo: Repo,
  { silent = new Set(), signal }: { readonly silent?: ReadonlySet<string>; readonly signal?: AbortSignal | undefined } = {},
): Promise<SweepItem[]> {
  const plan: SweepItem[] = [];
  for (const { path, kind } of abandonedEntries(repo.layout).flatMap(({ leftovers }) => leftovers)) {
    // What an intent moves becomes data: nothing is reclaimed.
    if (kind !== 'unknown') plan.push({ path, kind, bytes: kind === 'intent' || kind === 'quarantined' ? 0 : await treeBytes(path, signal) });
  }
  for (const path of unfinishedDeletions(repo).flatMap(({ left }) => left)) plan.push({ path, kind: 'deleted', bytes: await treeBytes(path, signal) });
  for (const { dir } of abandonedUploads(repo, silent)) plan.push({ path: dir, kind: 'upload', bytes: 0 });
  plan.push(...(await pendingRemovals(repo, silent, signal)));
  for (const { lock, ticket } of deadTickets(repo)) plan.push({ path: join(repo.layout.queue(lock), ticket.name), kind: 'ticket', bytes: 0 });
  for (const path of temporaries(repo).filter((one) => silent.has(one))) plan.push({ path, kind: 'temporary', bytes: await treeBytes(path, signal) });
  return plan;
}

/** Deleted models of which something still stands outside the trash: their deleter died on the way. */
function unfinishedDeletions(repo: Repo): { readonly record: DeletedModel; readonly left: readonly string[] }[] {
  return listDeleted(repo)
    .records.map((record) => ({ record, left: leftBehind(repo, record) }))
    .filter(({ left }) => left.length > 0);
}

/** Uploads that abandoned completions have moved aside. */
function abandonedUploads(repo: Repo, silent: ReadonlySet<string>): (Standing & { readonly modelId: string })[] {
  return modelsWithUploads(repo).flatMap((modelId) => abandonedAside(repo, modelId, silent).map((standing) => ({ ...standing, modelId })));
}

/** Without deleted ones: their uploads are swept with them. */
function modelsWithUploads(repo: Repo): string[] {
  return (listStore(repo.layout.uploads) ?? []).filter((id) => isModelId(id) && !isDeletedModel(repo, id)).sort();
}

/** Outputs that methods kept, with absolute paths. */
export async function keptOutputs(repo: Repo, signal?: AbortSignal): Promise<(SweepItem & { readonly kind: 'kept'; readonly modelId: string })[]> {
  const kept: (SweepItem & { readonly kind: 'kept'; readonly modelId: string })[] = [];
  for (const model of pathsIn(repo.layout.kept).filter((path) => isModelId(basename(path)))) {
    for (const path of pathsIn(model)) kept.push({ modelId: basename(model), path, kind: 'kept', bytes: await treeBytes(path, signal) });
  }
  return kept;
}

const REMOVED: readonly SweepKind[] = ['trash', 'staging', 'pin', 'kept', 'temporary'];

/** Entries first: what they held goes to the trash, and to the staging of those who put it there. Which items are not gone, perhaps only moved. */
async function execute(
  repo: Repo,
  plan: readonly SweepItem[],
  { silent, signal }: { readonly silent: ReadonlySet<string>; readonly signal: AbortSignal },
): Promise<readonly SweepItem[]> {
  for (const { lock } of abandonedEntries(repo.layout)) await attempt(repo, signal, () => clearEntry(repo, lock, { signal }));
  for (const { record } of unfinishedDeletions(repo)) await attempt(repo, signal, () => finishMovingAside(repo, record, { signal }));
  for (const modelId of new Set(abandonedUploads(repo, silent).map((upload) => upload.modelId)))
    await attempt(repo, signal, () => reclaimUploads(repo, modelId, { signal, silent }));
  const failed: SweepItem[] = [];
  const remove = async (item: SweepItem): Promise<void> => {
    if (!(await removeItem(repo, item, signal))) failed.push(item);
  };
  for (const item of plan.filter(({ kind }) => REMOVED.includes(kind))) await attempt(repo, signal, () => remove(item));
  for (const path of abandonedStagings(repo)) await attempt(repo, signal, () => remove({ path, kind: 'staging', bytes: 0 }));
  for (const { lock, ticket } of deadTickets(repo)) await attempt(repo, signal, () => dropTicket(repo.layout, lock, ticket));
  for (const { id } of listDeleted(repo).records) await removeQueues(repo.layout, id);
  return failed;
}

/** One item that fails stays pending, and the others are swept all the same. */
async function attempt(repo: Repo, signal: AbortSignal, act: () => Promise<void>, consequence = 'It stays pending.'): Promise<void> {
  signal.throwIfAborted();
  try {
    await act();
  } catch (error) {
    signal.throwIfAborted();
    // Somebody else swept it first.
    if (isErrno(error, 'ENOENT')) return;
    const { code, message, data } = asSwampError(error);
    if (code === 'internal') throw error;
    repo.reporter.warn(`${message} ${consequence}`, { topic: 'sweep', ...data });
  }
}

/** True when it is gone. */
async function removeItem(repo: Repo, { path, kind, bytes }: SweepItem, signal: AbortSignal): Promise<boolean> {
  if (!exists(path)) return true;
  if (kind === 'kept') {
    const trashed = await discard(repo, path, 'kept');
    return (await sweepTrash(repo, trashed, signal)).length === trashed.length;
  }
  if (kind !== 'temporary') return sweepOne(repo, { path, kind: kind === 'staging' || kind === 'pin' ? kind : 'trash', bytes }, signal);
  await removeFile(path);
  return true;
}

function deadTickets(repo: Repo) {
  return listLocks(repo.layout).flatMap((lock) =>
    readQueue(repo.layout, lock)
      .filter(isDeadTicket)
      .map((ticket) => ({ lock, ticket })),
  );
}

async function tellOrphans(repo: Repo, signal: AbortSignal): Promise<void> {
  for (const { path, modelId } of await findOrphans(repo, () => knownModels(repo))) {
    repo.reporter.info(
      `${displayPath(repo, path)} (${await treeBytes(path, signal)} bytes) belongs to a model that has no definition. Restore the definition, with this id; "swamp model delete ${modelId} --with-data" then removes both.`,
      { topic: 'sweep', modelId, path },
    );
  }
}
