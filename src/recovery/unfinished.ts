/**
 * Everything that a command can leave unfinished, each kind once: how it is listed, what is said of it, what comes next, and what
 * finishes it. `datastore check`, `status` and `sweep` read this table and nothing else, so each of them knows every kind (P8).
 */
import { basename } from 'node:path';
import { removeFile } from '../fs/durable.js';
import { pathsIn, treeBytes } from '../fs/tree.js';
import { isModelId, type LockName } from '../layout/layout.js';
import { isProvablyAlive, parseHolder } from '../locks/holder.js';
import { dropTicket, isDeadTicket, queuedLocks, readQueue, type Ticket } from '../locks/queue.js';
import { discard, STAGING } from '../locks/session.js';
import { temporaries } from '../models/files.js';
import { interruptedRenames } from '../models/names.js';
import { findOrphans } from '../models/orphans.js';
import { settle } from '../protocol/restructure.js';
import { displayPath, type Repo } from '../repo.js';
import { hasEnded, looksAbandoned } from '../store/abandoned.js';
import type { PendingKind } from '../store/check/kinds.js';
import { type DeletedModel, leftBehind, listDeleted, type Teardown } from '../store/deletion.js';
import { abandonedEntries, inEntry, type LeftoverKind } from '../store/leftovers.js';
import { pins } from '../store/pins.js';
import { isRestoring } from '../store/restoring.js';
import { stagings, sweepTrash } from '../store/sweep.js';
import { asideUploads, modelsWithUploads } from '../store/uploads/place.js';
import { clearEntry, finishMovingAside } from './finish.js';
import { finishMove, unfinishedMoves } from './move.js';
import { runTeardown, type TeardownOptions } from './teardown.js';
import { reclaimUploads } from './uploads.js';

/** Something that is unfinished, or will be when its session turns out to be abandoned. */
export interface Left {
  /** Absolute. */
  readonly path: string;
  /** Continues the sentence that the path begins. */
  readonly message: string;
  /** Names it at another look, where its path changes with every holder of a lock. */
  readonly same?: string;
  /** The session that works on it; an empty text where the name does not say which. */
  readonly holder?: string;
  /** What is there takes space that a removal gives back. */
  readonly sized?: true;
}

export interface Finishing extends TeardownOptions {
  /** Paths of what sessions that cannot be judged have left: they were watched, and count as abandoned. */
  readonly silent: ReadonlySet<string>;
  /** The id of a deleted model whose teardown is run again, although an earlier run may not have ended. */
  readonly retryTeardown?: string | undefined;
}

interface Kind<T extends Left = Left> {
  /** What becomes of it. Continues the message. */
  readonly next: string;
  /**
   * What finishes it, at the latest: `sweep`; `sweep --kept`, when a person has looked; `teardown`, which a sweep runs after all else;
   * or `person`, since only a person knows what is meant.
   */
  readonly by: 'sweep' | 'sweep --kept' | 'teardown' | 'person';
  list(repo: Repo): readonly T[] | Promise<readonly T[]>;
  /** Answers false when it is not gone. Throws what keeps it from being finished. */
  finish?(repo: Repo, one: T, options: Finishing): Promise<unknown>;
}

/** Fixes the type of what a row lists for its `finish`. */
function kind<T extends Left>(row: Kind<T>): Kind {
  return row;
}

/** In the order in which a sweep finishes them: what one kind leaves behind is of a later one. */
export const PENDING: Readonly<Record<PendingKind, Kind>> = {
  restore: kind({
    next: 'the next command, or "swamp datastore sweep", finishes it',
    by: 'sweep',
    list: (repo) => (isRestoring(repo) ? [{ path: repo.layout.restoring, message: 'is a restore that is being carried out, or was interrupted' }] : []),
    finish: (repo, _, options) => settle(repo, options),
  }),
  move: kind({
    next: '"swamp datastore setup" again, or "swamp datastore sweep", finishes it',
    by: 'sweep',
    list: (repo) => unfinishedMoves(repo),
    finish: (repo, _, { signal }) => finishMove(repo, { signal }),
  }),
  dead_holder: kind({
    next: 'the next command that needs this lock, or "swamp datastore sweep", takes it over',
    by: 'sweep',
    list: (repo) =>
      abandonedEntries(repo.layout).flatMap(({ lock, path, dead }) =>
        dead ? [{ lock, path, same: inEntry(path, path), message: 'is held by a process that has ended' }] : [],
      ),
    finish: clearLock,
  }),
  leftover: kind({
    next: 'the next command that takes this lock, or "swamp datastore sweep", clears it',
    by: 'sweep',
    list: (repo) =>
      abandonedEntries(repo.layout).flatMap(({ lock, path: entry, leftovers }) =>
        leftovers.map(({ path, kind: what }) => ({ lock, path, same: inEntry(entry, path), ...LEFT_IN_LOCK[what] })),
      ),
    finish: clearLock,
  }),
  deleted_model: kind({
    next: 'the next "swamp model delete" of it, or "swamp datastore sweep", removes it',
    by: 'sweep',
    list: (repo) =>
      listDeleted(repo).records.flatMap((record) =>
        leftBehind(repo, record).map((path) => ({ record, path, sized: true, message: `belongs to the model "${record.name}", which was deleted` })),
      ),
    finish: (repo, { record }: Left & { readonly record: DeletedModel }, options) => finishMovingAside(repo, record, options),
  }),
  upload: kind({
    next: 'the next "swamp data upload" that needs it, or "swamp datastore sweep", puts it back',
    by: 'sweep',
    list: (repo) =>
      modelsWithUploads(repo).flatMap((modelId) =>
        asideUploads(repo, modelId).map(({ path, holder }) => ({ modelId, path, holder, message: 'is an upload whose completion was interrupted' })),
      ),
    finish: (repo, { modelId }: Left & { readonly modelId: string }, options) => reclaimUploads(repo, modelId, options),
  }),
  // Before the trash, which it holds up.
  pin: kind({
    next: 'the next sweep removes it',
    by: 'sweep',
    list: (repo) => pins(repo).map((owned) => ({ ...owned, message: 'was left by a backup that has ended' })),
    finish: (_, { path }) => removeFile(path),
  }),
  trash: kind({
    next: '"swamp datastore sweep" removes it',
    by: 'sweep',
    list: (repo) => pathsIn(repo.layout.trashes).map((path) => ({ path, sized: true, message: 'waits to be removed' })),
    finish: (repo, { path }, { signal }) => sweepAll(repo, [path], signal),
  }),
  staging: kind({
    next: '"swamp datastore sweep" removes it',
    by: 'sweep',
    list: (repo) => stagings(repo).map((owned) => ({ ...owned, sized: true, message: 'was left by a process that has ended' })),
    finish: async (repo, { path }, { signal }) => sweepAll(repo, await discard(repo, path, STAGING), signal),
  }),
  dead_ticket: kind({
    next: 'the next command that waits for this lock, or "swamp datastore sweep", removes it',
    by: 'sweep',
    list: ({ layout }) =>
      queuedLocks(layout).flatMap((lock) =>
        readQueue(layout, lock)
          .filter(isDeadTicket)
          .map((ticket) => ({ lock, ticket, path: ticket.path, message: 'is the place in the queue of a process that has ended' })),
      ),
    finish: ({ layout }, { lock, ticket }: Left & { readonly lock: LockName; readonly ticket: Ticket }) => dropTicket(layout, lock, ticket),
  }),
  temporary: kind({
    next: '"swamp datastore sweep" removes it',
    by: 'sweep',
    list: (repo) => temporaries(repo).map((path) => ({ path, holder: '', sized: true, message: 'is a definition that was never published' })),
    finish: (_, { path }) => removeFile(path),
  }),
  kept: kind({
    next: '"swamp datastore sweep --kept" removes it',
    by: 'sweep --kept',
    list: (repo) =>
      pathsIn(repo.layout.kept)
        .filter((dir) => isModelId(basename(dir)))
        .flatMap(pathsIn)
        .map((path) => ({ path, sized: true, message: 'holds the outputs of a method that could not be committed' })),
    finish: async (repo, { path }, { signal }) => sweepAll(repo, await discard(repo, path, 'kept'), signal),
  }),
  teardown: kind({
    next: 'the next "swamp model delete" of it, or "swamp datastore sweep", runs it',
    by: 'teardown',
    list: (repo) => waitingTeardowns(repo),
    finish: (repo, { id }: WaitingTeardown, options) => runTeardown(repo, id, { ...options, patient: false, retry: id === options.retryTeardown }),
  }),
  second_name: kind({
    next: 'run the rename again, or remove one of the two names',
    by: 'person',
    list: async (repo) =>
      (await interruptedRenames(repo)).map(({ path, first }) => ({
        path,
        message: `is the same file as ${displayPath(repo, first)}: a rename was interrupted`,
      })),
  }),
  orphan_model: kind({
    next: 'bring its definition back, with this id, or remove it with "swamp data prune"',
    by: 'person',
    list: async (repo) => (await findOrphans(repo)).map(({ path }) => ({ path, sized: true, message: 'belongs to a model that has no definition' })),
  }),
};

/** What an intent moves becomes data, and what is quarantined is kept: neither frees anything. */
const LEFT_IN_LOCK: Readonly<Record<LeftoverKind, Pick<Left, 'message' | 'sized'>>> = {
  trash: { message: 'waits to be removed', sized: true },
  staged: { message: 'waits to be given back', sized: true },
  intent: { message: 'waits to be finished' },
  quarantined: { message: 'waits to be set aside' },
  unknown: { message: 'waits for its owner' },
};

function clearLock(repo: Repo, { lock }: Left & { readonly lock: LockName }, options: Finishing): Promise<void> {
  return clearEntry(repo, lock, options);
}

async function sweepAll(repo: Repo, trashed: readonly string[], signal: AbortSignal): Promise<boolean> {
  return (await sweepTrash(repo, trashed, signal)).length === trashed.length;
}

/** The delete method of a deleted model, and how far it has come. */
export interface WaitingTeardown extends Left {
  readonly id: string;
  readonly name: string;
  readonly state: Teardown['state'];
}

/** Not those whose runner can be seen to live: that one finishes its own. */
export function waitingTeardowns(repo: Repo): WaitingTeardown[] {
  return listDeleted(repo).records.flatMap(({ id, name, teardown }) =>
    teardown !== null && isWaiting(teardown)
      ? [{ id, name, state: teardown.state, path: repo.layout.deletedModel(id), message: `has a delete method that is ${teardown.state}` }]
      : [],
  );
}

function isWaiting(teardown: Teardown): boolean {
  const runner = teardown.state === 'running' ? parseHolder(teardown.runner) : undefined;
  return teardown.state !== 'done' && (runner === undefined || !isProvablyAlive(runner));
}

/** One that is unfinished, with its kind. */
export interface Unfinished extends Left {
  readonly kind: PendingKind;
}

/** Every kind, in the order in which a sweep finishes them. */
export const KINDS = Object.keys(PENDING) as readonly PendingKind[];

export function isPending(text: string): text is PendingKind {
  return Object.hasOwn(PENDING, text);
}

/** What there is of a kind, also what a session may still work on. */
export async function listed(repo: Repo, which: PendingKind): Promise<Unfinished[]> {
  return (await PENDING[which].list(repo)).map((one) => ({ ...one, kind: which }));
}

/** Without `silent`, also what looks abandoned to one look: a sweep watches it before it touches it. */
export function isUnfinished(repo: Repo, { path, holder }: Left, silent?: ReadonlySet<string>): boolean {
  if (holder === undefined) return true;
  return silent === undefined ? looksAbandoned(repo, { path, holder }) : silent.has(path) || hasEnded(repo, { path, holder });
}

/** What of a kind is unfinished, as one look without a lock shows it. */
export async function unfinished(repo: Repo, which: PendingKind): Promise<Unfinished[]> {
  return (await listed(repo, which)).filter((one) => isUnfinished(repo, one));
}

/** One as the results of all three commands show it. */
export interface PendingItem {
  readonly path: string;
  readonly kind: PendingKind;
  readonly bytes: number;
  /** Continues the sentence that the path begins, and says what comes next. */
  readonly message: string;
}

/** `bytes`: what its removal gives back. */
export async function itemOf(repo: Repo, one: Unfinished, signal?: AbortSignal): Promise<PendingItem> {
  const { path, kind: which, sized } = one;
  return { path: displayPath(repo, path), kind: which, bytes: sized === true ? await treeBytes(path, signal) : 0, message: messageOf(which, one.message) };
}

export function messageOf(which: PendingKind, message: string): string {
  return `${message}; ${PENDING[which].next}`;
}

/** Warns of each record of a deleted model that cannot be read: what it names is neither listed nor finished. How many there are. */
export function warnOfDamagedRecords(repo: Repo): number {
  const { damaged } = listDeleted(repo);
  for (const { message, hint, data } of damaged) repo.reporter.warn(`${message} ${hint}`, { topic: 'store', ...data });
  return damaged.length;
}
