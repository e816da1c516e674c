/** `datastore sweep`: finishes what is unfinished, kind by kind, outside every lock but those that it clears. */
import { asSwampError, isErrno, SwampError } from '../errors.js';
import { exists } from '../fs/tree.js';
import { isModelId } from '../layout/layout.js';
import { removeQueues } from '../locks/queue.js';
import type { TeardownOptions } from '../recovery/teardown.js';
import {
  type Finishing,
  isUnfinished,
  itemOf,
  KINDS,
  listed,
  PENDING,
  type PendingItem,
  type Unfinished,
  type WaitingTeardown,
  waitingTeardowns,
  warnOfDamagedRecords,
} from '../recovery/unfinished.js';
import type { Facts, Repo } from '../repo.js';
import { type Owned, silentSessions } from '../store/abandoned.js';
import type { PendingKind } from '../store/check/kinds.js';
import { listDeleted, readDeleted, type Teardown } from '../store/deletion.js';
import { isPinned } from '../store/pins.js';
import { operation } from './operation.js';

export interface DatastoreSweepInput {
  readonly dryRun?: boolean;
  /** Also removes the outputs that methods kept when they could not commit them. */
  readonly kept?: boolean;
  /** Runs the teardown of this deleted model again, although it cannot be known whether an earlier one still runs. */
  readonly retryTeardown?: string;
}

/** The delete method of a deleted model, and its state. */
export interface TeardownItem {
  readonly id: string;
  readonly name: string;
  readonly state: Teardown['state'];
}

/** One that a sweep finishes. */
export type SweptItem = Omit<PendingItem, 'message'>;

export interface DatastoreSweepResult {
  /** Removed, or finished otherwise. */
  readonly removed: readonly SweptItem[];
  /** What could not be finished, or is held by a backup: it stays pending. */
  readonly left: readonly SweptItem[];
  /** Those that were not done, and their state now. */
  readonly teardowns: readonly TeardownItem[];
  /** What only a person can finish; `message` says how. */
  readonly manual: readonly PendingItem[];
  readonly bytesReclaimed: number;
  readonly dryRun: boolean;
}

/**
 * What cannot be finished is warned of, and stays pending (D5). Throws `read_only`, `model_not_found` for an id to retry that is
 * no deleted model's, what keeps a restore from being finished, and `teardown_failed` after everything else is done (O7), with the
 * result as its data.
 */
export const datastoreSweep = operation({ verb: 'datastore sweep', access: 'writes', asItIs: true }, sweep);

async function sweep(plain: Repo, input: DatastoreSweepInput, options: TeardownOptions): Promise<DatastoreSweepResult> {
  const { signal } = options;
  const repo = warningOnce(plain);
  const dryRun = input.dryRun === true;
  requireDeleted(repo, input.retryTeardown);
  warnOfDamagedRecords(repo);
  const all: Unfinished[] = [];
  for (const kind of KINDS) all.push(...(await listedOrWarned(repo, kind, signal)));
  const silent = new Set((await silentSessions(repo, all.filter(isOwned), signal)).map(({ path }) => path));
  const found = all.filter((one) => isUnfinished(repo, one, silent));
  const mine = found.filter(({ kind }) => isSwept(kind, input));
  const pinned = mine.filter(({ kind, path }) => kind === 'trash' && isPinned(repo, path, silent));
  if (pinned.length > 0) {
    const what = pinned.length === 1 ? '1 removal stays' : `${pinned.length} removals stay`;
    repo.reporter.info(`A backup is running: ${what} until it has ended.`, { topic: 'sweep', paths: pinned.map(({ path }) => path) });
  }
  const plan = await sized(
    repo,
    mine.filter((one) => !pinned.includes(one)),
    signal,
  );
  const manual = await sized(
    repo,
    found.filter(({ kind }) => PENDING[kind].by === 'person'),
    signal,
  );
  const waiting = waitingTeardowns(repo);
  const finishing: Finishing = { ...options, silent, retryTeardown: input.retryTeardown };
  const left = dryRun
    ? new Set<string>()
    : await finishAll(
        repo,
        KINDS.filter((kind) => isSwept(kind, input)),
        finishing,
      );
  const removed = plan.filter(({ one }) => !left.has(nameOf(one)));
  const rest = [...plan.filter(({ one }) => left.has(nameOf(one))), ...(dryRun ? [] : await sized(repo, pinned, signal))];
  const { teardowns, failure } = dryRun ? { teardowns: waiting.map(teardownItem) } : await runTeardowns(repo, waiting, finishing);
  const result: DatastoreSweepResult = {
    removed: removed.map(({ item }) => swept(item)),
    left: rest.map(({ item }) => swept(item)),
    teardowns,
    manual: manual.map(({ item }) => item),
    bytesReclaimed: removed.reduce((sum, { item }) => sum + item.bytes, 0),
    dryRun,
  };
  if (failure === undefined) return result;
  const { code, message, hint, data } = failure;
  throw new SwampError(code, message, { ...(hint === undefined ? {} : { hint }), data: { ...data, ...result }, cause: failure });
}

function isSwept(kind: PendingKind, { kept }: DatastoreSweepInput): boolean {
  const { by } = PENDING[kind];
  return by === 'sweep' || (by === 'sweep --kept' && kept === true);
}

function isOwned(one: Unfinished): one is Unfinished & Owned {
  return one.holder !== undefined;
}

/** Names it at every look. */
function nameOf({ kind, path, same = path }: Unfinished): string {
  return `${kind} ${same}`;
}

async function sized(repo: Repo, some: readonly Unfinished[], signal: AbortSignal): Promise<{ readonly one: Unfinished; readonly item: PendingItem }[]> {
  const items: { one: Unfinished; item: PendingItem }[] = [];
  for (const one of some) items.push({ one, item: await itemOf(repo, one, signal) });
  return items;
}

function swept({ path, kind, bytes }: PendingItem): SweptItem {
  return { path, kind, bytes };
}

function teardownItem({ id, name, state }: WaitingTeardown): TeardownItem {
  return { id, name, state };
}

/** A kind that cannot be listed does not keep the others from being finished. */
async function listedOrWarned(repo: Repo, kind: PendingKind, signal: AbortSignal): Promise<Unfinished[]> {
  const found: Unfinished[] = [];
  await attempt(repo, signal, async () => void found.push(...(await listed(repo, kind))), 'What belongs there could not be listed.');
  return found;
}

/** Finishes these kinds in their order, each as it is listed at its turn: one kind may leave another behind. The names of what is not gone. */
async function finishAll(repo: Repo, kinds: readonly PendingKind[], finishing: Finishing): Promise<ReadonlySet<string>> {
  const { signal, silent } = finishing;
  const left = new Set<string>();
  const waiting = async (kind: PendingKind): Promise<Unfinished[]> =>
    (await listedOrWarned(repo, kind, signal)).filter((one) => isUnfinished(repo, one, silent));
  for (const kind of kinds) {
    for (const one of await waiting(kind)) {
      const finish = async (): Promise<void> => {
        // What is gone by now was finished with one before it, or by another command.
        if (exists(one.path) && (await PENDING[kind].finish?.(repo, one, finishing)) === false) left.add(nameOf(one));
      };
      // While a restore waits, nothing else can be finished.
      await (kind === 'restore' ? finish() : attempt(repo, signal, finish));
    }
  }
  for (const { id } of listDeleted(repo).records) await removeQueues(repo.layout, id);
  for (const kind of kinds) for (const one of await waiting(kind)) left.add(nameOf(one));
  return left;
}

/** One that fails stays pending, and the others are finished all the same. */
async function attempt(repo: Repo, signal: AbortSignal, act: () => Promise<void>, consequence = 'It stays pending.'): Promise<void> {
  signal.throwIfAborted();
  try {
    await act();
  } catch (error) {
    signal.throwIfAborted();
    // Another command finished it first.
    if (isErrno(error, 'ENOENT')) return;
    const { code, message, data } = asSwampError(error);
    if (code === 'internal') throw error;
    repo.reporter.warn(`${message} ${consequence}`, { topic: 'sweep', ...data });
  }
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

function requireDeleted(repo: Repo, id: string | undefined): void {
  if (id === undefined || (isModelId(id) && readDeleted(repo, id) !== undefined)) return;
  throw new SwampError('model_not_found', `No deleted model has the id ${JSON.stringify(id)}.`, {
    hint: '"swamp datastore status" lists the teardowns.',
    data: { modelId: id },
  });
}

interface TornDown {
  readonly teardowns: readonly TeardownItem[];
  /** The first one, thrown when all have had their turn. */
  readonly failure?: SwampError;
}

async function runTeardowns(repo: Repo, waiting: readonly WaitingTeardown[], finishing: Finishing): Promise<TornDown> {
  const teardowns: TeardownItem[] = [];
  const failures: SwampError[] = [];
  for (const one of waiting) {
    try {
      await PENDING.teardown.finish?.(repo, one, finishing);
    } catch (error) {
      finishing.signal.throwIfAborted();
      if (!(error instanceof SwampError) || error.code === 'internal') throw error;
      failures.push(error);
    }
    teardowns.push({ id: one.id, name: one.name, state: readDeleted(repo, one.id)?.teardown?.state ?? 'done' });
  }
  const [failure] = failures;
  return failure === undefined ? { teardowns } : { teardowns, failure };
}
