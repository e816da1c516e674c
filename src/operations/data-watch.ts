/**
 * `data watch`: what commits change, in their order and each once. The change logs alone say what happened; events of the file system say
 * when to look. A look takes no lock.
 */
import { failpoint } from '../fs/failpoints.js';
import { isNetworkDisk } from '../fs/network.js';
import { isModelId } from '../layout/layout.js';
import type { Session } from '../locks/session.js';
import { findModel } from '../models/files.js';
import { drainWriters } from '../protocol/restructure.js';
import { withSession } from '../protocol/session.js';
import { Watches } from '../protocol/watches.js';
import { write } from '../protocol/write.js';
import { type Repo, requireWritable } from '../repo.js';
import { beginEveryLog, beginLog, isEveryLogOpen, loggedModels, logId, placesOfLog, touchLog } from '../store/changes.js';
import { isDeletedModel } from '../store/deleted.js';
import { listDeleted } from '../store/deletion.js';
import { abandonedEntries } from '../store/leftovers.js';
import { cursorOf, type Places, parseCursor } from '../watch/cursor.js';
import { lookAtLogs, placesNow, type WatchEvent } from '../watch/look.js';
import { operation } from './operation.js';

export interface DataWatchInput {
  /** Name or id. Default: every model, also one that is made later. */
  readonly model?: string;
  /** Only artifacts whose name begins so. */
  readonly prefix?: string;
  /** The cursor of an event: what came behind it. `0`: what there is, then what comes. Default: what is committed from now on. */
  readonly since?: string;
  /** Ends when nothing has come for so long. Milliseconds. */
  readonly untilIdle?: number;
}

export interface DataWatchOptions {
  readonly signal: AbortSignal;
  /** Called once: what is committed from now on will come. */
  readonly onReady?: () => void;
}

/** The slow look behind the watches: network disks send no events, and watches run out. Milliseconds. */
const POLL_MS = 1_000;
/** How often a watch says that it goes on: logs that nothing watches are trimmed one day. Milliseconds. */
const TOUCH_MS = 3_600_000;
/** A system has so many watches only; the changes of more models than these are seen by the poll. */
const MOST_WATCHED = 1_000;

/**
 * Ends when the signal fires, when nothing came for `untilIdle`, and with the `model_delete` of its one model. Throws `model_not_found`,
 * `usage`, `corrupt`, `lock_timeout`, and `read_only` where a log must be begun.
 */
export async function* dataWatch(repo: Repo, input: DataWatchInput, { signal, onReady }: DataWatchOptions): AsyncGenerator<WatchEvent> {
  const { prefix, since, untilIdle = Number.POSITIVE_INFINITY } = input;
  const given = since === undefined || since === '0' ? undefined : parseCursor(since);
  const modelId = input.model === undefined ? undefined : await watchedModel(repo, input.model, given);
  const watched = { ...(modelId !== undefined && { model: modelId }), ...(prefix !== undefined && { prefix }) };
  // Also where the log is there: who began it may still wait for those writers, or died while it waited.
  await (repo.readOnly ? begin(repo, modelId, signal) : openLogs(repo, modelId, signal));
  let { places } = given === undefined ? await dataChanges(repo, { ...watched, fromNothing: since === '0' }, { signal }) : { places: given };
  const watches = new Watches();
  let touchedAt = Number.NEGATIVE_INFINITY;
  let idleSince = repo.timing.now();
  let warned = false;
  try {
    onReady?.();
    while (!signal.aborted) {
      if (!repo.readOnly && repo.timing.now() - touchedAt > TOUCH_MS) {
        touchedAt = repo.timing.now();
        touchLog(repo, modelId);
      }
      const { changes } = watches;
      const look = await dataChanges(repo, { ...watched, since: places }, { signal });
      for (const event of look.events) {
        yield event;
        if (event.type === 'model_delete' && modelId !== undefined) return;
      }
      // Not before its events were taken: who stops in between goes on from the cursor of the last one.
      places = look.places;
      if (look.events.length > 0) idleSince = repo.timing.now();
      // New watches miss what happened before they were set: look once more before sleeping.
      if (look.isMore || watches.arm(directoriesOf(repo, modelId)) || watches.changes !== changes) continue;
      if (!warned && (watches.exhausted || isNetworkDisk(repo.layout.root))) {
        warned = true;
        repo.reporter.info('The system does not tell of every change here: swamp looks once a second.', { topic: 'data', path: repo.layout.root });
      }
      const left = untilIdle - (repo.timing.now() - idleSince);
      if (left <= 0) return;
      await watches.sleep(Math.min(POLL_MS, left), signal);
      // Its log may have been set aside by a repair: another one begins, and tells that it does.
      await begin(repo, modelId, signal);
    }
  } finally {
    watches.close();
  }
}

/** A model that was deleted since can be watched to its end. */
async function watchedModel(repo: Repo, reference: string, given: Places | undefined): Promise<string> {
  const ended = given === undefined ? undefined : listDeleted(repo).records.findLast(({ id, name }) => given.has(id) && [id, name].includes(reference));
  return ended?.id ?? (await findModel(repo, reference)).id;
}

/** Opens the logs where they are not there. */
async function begin(repo: Repo, modelId: string | undefined, signal: AbortSignal): Promise<void> {
  if (modelId === undefined ? isEveryLogOpen(repo) : logId(repo, modelId) !== undefined || isDeletedModel(repo, modelId)) return;
  requireWritable({ readOnly: repo.readOnly, command: 'data watch' });
  await openLogs(repo, modelId, signal);
}

/** Opens the logs, and waits for those who may have looked before they were there: they commit without a record. */
async function openLogs(repo: Repo, modelId: string | undefined, signal: AbortSignal): Promise<void> {
  if (modelId !== undefined && isDeletedModel(repo, modelId)) return;
  const open = async (session: Session): Promise<void> => {
    await (modelId === undefined ? beginEveryLog(session) : beginLog(session, modelId));
    await failpoint('watch.log-open');
    await drainWriters(repo, modelId === undefined ? 'all' : [modelId], { session, signal });
    // What the dead have published without a record is finished now: later it would be a change that nothing tells of.
    for (const { lock, leftovers } of abandonedEntries(repo.layout)) {
      if (lock.kind !== 'data' || (modelId !== undefined && lock.modelId !== modelId) || leftovers.every(({ kind }) => kind !== 'intent')) continue;
      await write(session.repo, lock.modelId, async () => undefined, { session, signal });
    }
  };
  await withSession(repo, open, { signal });
}

interface ChangesInput {
  /** Name or id. */
  readonly model?: string;
  readonly prefix?: string;
  /** Default: where a watch begins. */
  readonly since?: Places;
  /** Without `since`: a watch that begins with what there is. */
  readonly fromNothing?: boolean;
}

interface Changes {
  readonly events: readonly WatchEvent[];
  readonly places: Places;
  /** There may be more at once: not everything was read, or a part of it is not wanted. */
  readonly isMore: boolean;
}

/** One look: what was committed behind these places. */
export const dataChanges = operation({ verb: 'data watch', access: 'reads' }, changesOf);

async function changesOf(repo: Repo, input: ChangesInput, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Changes> {
  const { model, prefix, since, fromNothing = false } = input;
  const modelId = model === undefined || isModelId(model) ? model : (await findModel(repo, model)).id;
  if (since === undefined) return { events: [], places: await placesNow(repo, { modelId }, fromNothing), isMore: true };
  const { events, places } = await lookAtLogs(repo, { modelId, prefix }, since, signal);
  return { events, places, isMore: cursorOf(places) !== cursorOf(since) };
}

/** Where a change shows. */
function directoriesOf(repo: Repo, modelId: string | undefined): string[] {
  const logs = (modelId === undefined ? loggedModels(repo) : [modelId]).flatMap((id) => placesOfLog(repo, id));
  return [repo.layout.changes, repo.layout.deleted, ...logs].slice(0, MOST_WATCHED);
}
