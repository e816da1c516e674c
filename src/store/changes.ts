/**
 * The change log of a model that is watched: what each commit changed, in the order of the commits. A record becomes visible as a step
 * of the intent that makes its commit visible, so a crash neither invents one nor loses one; and no reader of it takes a lock.
 */
import { dirname, join } from 'node:path';
import { isErrno, isSystemError } from '../errors.js';
import { makeDir, removeFile, rename, syncDir, touchFile, writeFileDurable } from '../fs/durable.js';
import { reach } from '../fs/reach.js';
import { exists, listStore, modifiedAt } from '../fs/tree.js';
import { CHANGES_TOGETHER, isModelId, type Layout } from '../layout/layout.js';
import { newNonce } from '../locks/holder.js';
import type { Lease } from '../locks/lease.js';
import { makePlace, openStaging, type Session, takingSpace } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { moveThrough, moveToTrash, stageRecord, syncCommit } from './commit.js';
import type { Step } from './intent.js';
import { malformed, parseAs, readAs, serialise } from './metadata.js';
import { artifactName, checksum, type Field, listOf, natural, oneOf, optional, orNull, record, text, time } from './record.js';

/** One thing that a commit changed. */
export interface Change {
  readonly type: 'put' | 'delete' | 'rename';
  readonly name: string;
  /** Of a rename: the name until then. */
  readonly oldName?: string;
  /** The version that was written, or deleted; of a rename the latest one. Null: all of them were deleted. */
  readonly version: number | null;
  readonly generation: number;
  /** Of a put. */
  readonly size: number | null;
  readonly checksum: string | null;
  /** When it was written, deleted or renamed. RFC 3339, UTC. */
  readonly at: string;
}

/** log.json. */
interface Log {
  /** Another log has another id, also one of the same model. */
  readonly log: string;
  /** The data-fence epoch up to which records may be missing: what was changed until then is not told any more. */
  readonly since: number;
}

export const LOG_RECORD = 'log.json';
const LOG: Field<Log> = record({ log: text, since: natural });
const CHANGE: Field<Change> = record({
  type: oneOf('put', 'delete', 'rename'),
  name: artifactName,
  oldName: optional(artifactName),
  version: orNull(natural),
  generation: natural,
  size: orNull(natural),
  checksum: orNull(checksum),
  at: time,
});
const CHANGE_RECORD = record({ changes: listOf(CHANGE) });

/** log.json. Throws `corrupt`. */
export function parseLog(source: string, path: string): Log {
  return parseAs(LOG, source, path);
}

/** One record. Throws `corrupt`. */
export function parseChangeRecord(source: string, path: string): { readonly changes: readonly Change[] } {
  return parseAs(CHANGE_RECORD, source, path);
}

/** So many changes are one record: with the longest names it can still be read. */
const MOST_IN_RECORD = 500;

/** A place in a log: the epoch of a commit, the record under that epoch, and how many of its changes come before the place. */
export interface Position {
  readonly epoch: number;
  readonly index: number;
  readonly taken: number;
}

/** Behind the whole of a record. */
export const WHOLE = MOST_IN_RECORD;

export const LOG_START: Position = Object.freeze({ epoch: 0, index: 0, taken: WHOLE });

/** What an intent takes along to log its commit: texts for its directory, and the steps that publish them. */
export interface Logged {
  readonly files: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

/**
 * True when what the held fence commits must be logged. Where nothing was ever watched this is one look. Looked at under the fence: who
 * watches waits for every holder that may have looked before the log was there.
 */
export async function isLogged(fence: Lease): Promise<boolean> {
  const { layout } = fence.repo;
  if (!exists(layout.changes)) return false;
  // A link is damage: what it leads to says nothing of who watches.
  if (reach(layout.changeLog(fence.modelId))) return true;
  if (!exists(layout.everyModelWatched)) return false;
  await beginLog(fence.session, fence.modelId);
  return true;
}

/** The records of `changes`, one commit's; their directory is made, durably. */
export async function logged(fence: Lease, changes: readonly Change[]): Promise<Logged> {
  const files: Record<string, string> = {};
  const steps: Step[] = [];
  const { layout } = fence.repo;
  for (let i = 0; i < changes.length; i += MOST_IN_RECORD) {
    const file = `change-${newNonce()}.json`;
    files[file] = serialise({ changes: changes.slice(i, i + MOST_IN_RECORD) });
    steps.push({ out: file, to: { change: fence.session.changes.count++, epoch: fence.epoch } });
  }
  await makePlace(fence.session, dirname(layout.change(fence.modelId, fence.epoch, 0)));
  return { files, steps };
}

/** Begins the log of a model; again, or when another process was first: nothing. Takes no lock: its one rename has one winner. */
export async function beginLog(session: Session, modelId: string): Promise<void> {
  const { layout } = session.repo;
  const place = layout.changeLog(modelId);
  if (exists(place)) return;
  await makePlace(session, layout.changes);
  const staged = join(await openStaging(session), `log-${newNonce()}`);
  try {
    await takingSpace(session, async () => {
      await makeDir(staged);
      if (!exists(join(staged, LOG_RECORD))) await writeFileDurable(join(staged, LOG_RECORD), serialise({ log: newNonce(), since: 0 } satisfies Log));
    });
    await syncDir(staged);
    await rename(staged, place);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
  await syncDir(layout.changes);
}

/** From now on each model has a log from its next commit on. */
export async function beginEveryLog(session: Session): Promise<void> {
  const { layout } = session.repo;
  if (exists(layout.everyModelWatched)) return;
  await makePlace(session, layout.changes);
  try {
    await takingSpace(session, () => writeFileDurable(layout.everyModelWatched, ''));
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  await syncDir(layout.changes);
}

export function isEveryLogOpen({ layout }: Repo): boolean {
  return exists(layout.everyModelWatched);
}

/** Where a new record of a log shows: its directory, and that of its newest records. */
export function placesOfLog({ layout }: Repo, modelId: string): string[] {
  const dir = layout.changeLog(modelId);
  return [
    dir,
    ...bucketsIn(layout, modelId)
      .slice(-1)
      .map((bucket) => join(dir, String(bucket))),
  ];
}

/** The models that have a log. */
export function loggedModels({ layout }: Repo): string[] {
  return (listStore(layout.changes) ?? []).filter(isModelId);
}

/** The id of a model's log; undefined when it has none. Throws `corrupt`. */
export function logId({ layout }: Repo, modelId: string): string | undefined {
  return readLog(layout, modelId)?.log;
}

function readLog(layout: Layout, modelId: string): Log | undefined {
  return readAs(LOG, join(layout.changeLog(modelId), LOG_RECORD));
}

/** A change, and the place behind it. */
export interface ReadChange {
  readonly change: Change;
  readonly position: Position;
}

/** So many records are read at once. */
const MOST_AT_ONCE = 1_000;

/**
 * The changes behind a place, in their order, the oldest ones first; not all where there are many. Undefined when the log does not tell
 * any more what came next: it was trimmed, its model restored or repaired, or it is another one than `log`. Throws `corrupt`.
 */
export function readChanges({ layout }: Repo, modelId: string, log: string, after: Position): readonly ReadChange[] | undefined {
  const isWhole = (): boolean => {
    const now = readLog(layout, modelId);
    return now?.log === log && now.since <= after.epoch;
  };
  if (!isWhole()) return undefined;
  const found: ReadChange[] = [];
  for (const { epoch, index } of recordsAfter(layout, modelId, after)) {
    const path = layout.change(modelId, epoch, index);
    const changes = readAs(CHANGE_RECORD, path)?.changes;
    if (changes === undefined) {
      if (!isWhole()) return undefined;
      throw malformed(path, 'it went away');
    }
    const from = epoch === after.epoch && index === after.index ? after.taken : 0;
    for (const [i, change] of changes.entries())
      if (i >= from) found.push({ change, position: { epoch, index, taken: i === changes.length - 1 ? WHOLE : i + 1 } });
  }
  return isWhole() ? found : undefined;
}

/** The place behind everything that is logged. Throws `corrupt`. */
export function endOfLog({ layout }: Repo, modelId: string): Position {
  const since = readLog(layout, modelId)?.since ?? 0;
  for (const bucket of bucketsIn(layout, modelId).reverse()) {
    const last = recordsIn(layout, modelId, bucket).at(-1);
    if (last !== undefined && last.epoch > since) return { ...last, taken: WHOLE };
  }
  return { ...LOG_START, epoch: since };
}

interface RecordKey {
  readonly epoch: number;
  readonly index: number;
}

/**
 * Commits are serial (P1), so no record comes up before one that is there. A listing is no snapshot: it may show the second of two
 * records that come while it is read, and not the first. A second listing has every record that comes before one which the first had.
 */
function recordsAfter(layout: Layout, modelId: string, { epoch, index, taken }: Position): RecordKey[] {
  // Of the record that the place is in there may be more to read.
  const first = { epoch, index: taken === WHOLE ? index + 1 : index };
  const isBehind = (key: RecordKey): boolean => !isLater(first, key);
  const found: RecordKey[] = [];
  for (const bucket of bucketsIn(layout, modelId)) {
    if (bucket < Math.floor(epoch / CHANGES_TOGETHER)) continue;
    const last = recordsIn(layout, modelId, bucket).at(-1);
    if (last === undefined || !isBehind(last)) continue;
    const settled = recordsIn(layout, modelId, bucket).filter((key) => !isLater(key, last));
    found.push(...settled.filter(isBehind));
    if (found.length >= MOST_AT_ONCE) break;
  }
  return found.slice(0, MOST_AT_ONCE);
}

function isLater(a: RecordKey, b: RecordKey): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.index > b.index);
}

const BUCKET = /^(0|[1-9][0-9]*)$/;
const RECORD = /^([1-9][0-9]*)-(0|[1-9][0-9]*)\.json$/;

export function isBucketName(name: string): boolean {
  return BUCKET.test(name);
}

export function isChangeName(name: string): boolean {
  return RECORD.test(name);
}

/** Directories of records, the oldest first. */
function bucketsIn(layout: Layout, modelId: string): number[] {
  return (listStore(layout.changeLog(modelId)) ?? [])
    .filter(isBucketName)
    .map(Number)
    .sort((a, b) => a - b);
}

function recordsIn(layout: Layout, modelId: string, bucket: number): RecordKey[] {
  return (listStore(join(layout.changeLog(modelId), String(bucket))) ?? [])
    .flatMap((name) => {
      const [, epoch, index] = RECORD.exec(name) ?? [];
      return epoch === undefined ? [] : [{ epoch: Number(epoch), index: Number(index) }];
    })
    .sort((a, b) => (isLater(a, b) ? 1 : -1));
}

/**
 * What was logged until now does not lead to what the model is: it was restored, or repaired. Its readers begin anew. Durable when this
 * resolves. Throws FenceLost.
 */
export async function forgetChanges(fence: Lease): Promise<void> {
  await raiseSince(fence, fence.epoch);
}

/** `since` is durable before a record up to it goes: a reader that misses one finds out why. */
async function raiseSince(fence: Lease, since: number): Promise<void> {
  const { layout } = fence.repo;
  const log = readLog(layout, fence.modelId);
  if (log === undefined || log.since >= since) return;
  const slot = await stageRecord(fence, 'log', { ...log, since });
  await moveThrough(fence, slot, join(layout.changeLog(fence.modelId), LOG_RECORD));
  await syncCommit(fence, [layout.changeLog(fence.modelId)]);
}

/** Records older than this are trimmed, and with them what an old cursor would need. Milliseconds: a week. */
const RECORDS_KEPT_MS = 7 * 86_400_000;
/** A log that no process has watched for so long ends: writers do without it again. Milliseconds: a month. */
const UNWATCHED_MS = 30 * 86_400_000;

/** Says that a model, or each of them, is still watched. */
export function touchLog({ layout }: Repo, modelId: string | undefined): void {
  const path = modelId === undefined ? layout.everyModelWatched : join(layout.changeLog(modelId), LOG_RECORD);
  try {
    touchFile(path, new Date());
  } catch (error) {
    // Gone meanwhile, another user's, or on a disk that cannot be written to: it only ends earlier.
    if (!isSystemError(error)) throw error;
  }
}

/** True when there is something in the log to be trimmed, or all of it. */
export function isTrimmable(repo: Repo, modelId: string, now: number): boolean {
  return exists(repo.layout.changeLog(modelId)) && (isUnwatched(repo, modelId, now) || oldBuckets(repo, modelId, now).length > 0);
}

/** Moves what is old in a log into the trash, whole directories of records; all of it when nothing watches the model. Throws FenceLost. */
export async function trimLog(fence: Lease, now: number): Promise<void> {
  const { repo, modelId } = fence;
  if (isUnwatched(repo, modelId, now)) {
    await moveToTrash(fence, repo.layout.changeLog(modelId));
    await syncCommit(fence, [repo.layout.changes]);
    return;
  }
  const old = oldBuckets(repo, modelId, now);
  const last = old.at(-1);
  if (last === undefined) return;
  await raiseSince(fence, recordsIn(repo.layout, modelId, last).at(-1)?.epoch ?? 0);
  for (const bucket of old) await moveToTrash(fence, join(repo.layout.changeLog(modelId), String(bucket)));
  await syncCommit(fence, [repo.layout.changeLog(modelId)]);
}

/** No new model gets a log when nothing watches every model. */
export async function endEveryLog({ layout }: Repo, now: number): Promise<void> {
  const touched = modifiedAt(layout.everyModelWatched);
  if (touched !== undefined && now - touched > UNWATCHED_MS && (await removeFile(layout.everyModelWatched))) await syncDir(layout.changes);
}

function isUnwatched({ layout }: Repo, modelId: string, now: number): boolean {
  const touched = [layout.everyModelWatched, join(layout.changeLog(modelId), LOG_RECORD)].map((path) => modifiedAt(path) ?? 0);
  return now - Math.max(...touched) > UNWATCHED_MS;
}

/** Those of which each record is old; the newest directory stays, for a reader that is up to date is in it. */
function oldBuckets({ layout }: Repo, modelId: string, now: number): number[] {
  const isOld = (bucket: number): boolean => {
    const last = recordsIn(layout, modelId, bucket).at(-1);
    return last !== undefined && now - (modifiedAt(layout.change(modelId, last.epoch, last.index)) ?? now) > RECORDS_KEPT_MS;
  };
  return bucketsIn(layout, modelId).slice(0, -1).filter(isOld);
}
