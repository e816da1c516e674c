/** Publishes an intent by one rename, and carries it out: this holder or the next; safe to repeat. */
import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { asSwampError, isErrno, isSystemError, SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { makeDirs, removeFile, syncDir, writeFileDurable } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { exists, isDirectory, readDir } from '../fs/tree.js';
import { FAMILIES } from '../layout/families.js';
import { FenceLost } from '../locks/fence.js';
import { newNonce } from '../locks/holder.js';
import type { Lease } from '../locks/lease.js';
import { makePlace, openStaging, takingSpace } from '../locks/session.js';
import { forgetChanges } from './changes.js';
import { itemName, moveToTrash, step, syncCommit, syncDirs } from './commit.js';
import { INTENT, type Intent, type Move, moveOf, type RestoreIntent, readIntent, restOf, type StepsIntent } from './intent.js';
import { serialise } from './metadata.js';
import type { Syncs } from './stage.js';

/** Completes the staged bundle with its intent, synced. */
export async function writeIntent(bundle: string, intent: Intent): Promise<void> {
  await writeFileDurable(join(bundle, INTENT), serialise(intent));
  await syncDir(bundle);
}

/** Takes the intent out of a bundle that was given back. */
export async function eraseIntent(bundle: string): Promise<void> {
  await removeFile(join(bundle, INTENT));
}

interface PublishOptions {
  readonly outcome?: object;
  /** `later`: the next command can see from another record that it is not durable. */
  readonly syncs?: Syncs;
}

/**
 * The commit point: `bundle` becomes the entry's intent, and is carried out. Throws FenceLost; the next holder then carries it
 * out if it was published, and the session knows of `outcome`.
 */
export async function publishIntent(fence: Lease, bundle: string, { outcome, syncs = 'now' }: PublishOptions): Promise<void> {
  const { intent } = fence.session;
  const published = join(fence.path, itemName(fence.session, 'intent'));
  intent.begun = true;
  await step(fence, bundle, published);
  intent.published = outcome;
  await failpoint('intent.published');
  try {
    await rollForward(fence, published, syncs);
  } catch (error) {
    throw isSystemError(error) ? unfinished(error) : error;
  }
}

/** The system's error, and that it does not undo what was published. */
function unfinished(cause: NodeJS.ErrnoException): SwampError {
  const { code, message, hint, data } = asSwampError(cause);
  const mend = code === 'config_invalid' ? `${hint} Then` : 'Mend the cause, then';
  return new SwampError(code, `This took effect, but could not be finished: ${message}`, {
    hint: `${mend} do not repeat it: the next command for this model finishes it.`,
    data: { ...data, published: true },
    cause,
  });
}

/** Publishes an intent that consists of texts alone: `files` beside intent.json. */
export async function commitIntent(fence: Lease, intent: Intent, files: Readonly<Record<string, string>>, outcome?: object): Promise<void> {
  const bundle = await takingSpace(fence.session, async () => {
    const dir = join(await openStaging(fence.session), `bundle-${newNonce()}`);
    await makeDirs(dir);
    await writeFiles(dir, files);
    await writeIntent(dir, intent);
    return dir;
  });
  await failpoint('intent.before-publish');
  await publishIntent(fence, bundle, outcome === undefined ? {} : { outcome });
}

/** Texts in the directory of an intent, each synced. */
export async function writeFiles(bundle: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFileDurable(join(bundle, name), text);
}

/**
 * Carries out a published intent, then moves it into the trash. Safe to repeat. Throws FenceLost when the fence is lost
 * on the way; the next holder goes on.
 */
export async function rollForward(fence: Lease, dir: string, syncs: Syncs = 'now'): Promise<void> {
  // Durable before the first part of it is visible: who published it may have died before its sync, and after a power loss the rest would be gone.
  if (syncs === 'now') await syncCommit(fence, [fence.path]);
  if (!exists(join(dir, INTENT)) && !exists(fence.path)) throw new FenceLost(fence.path);
  const intent = readIntent(dir);
  if (intent.kind === 'steps') await makeSteps(fence, dir, intent);
  else await restoreFamilies(fence, dir, intent, syncs);
  await moveToTrash(fence, dir);
}

/** Moves between two turns of the event loop: a heartbeat must go on beside them. */
const MOVES = 200;

/** What is in the bundle still has to move; so each step shows by itself whether it was done. */
async function restoreFamilies(fence: Lease, dir: string, intent: RestoreIntent, syncs: Syncs): Promise<void> {
  const { layout } = fence.repo;
  const changed: string[] = [];
  for (const family of FAMILIES) {
    const [root, place] = [family.root(layout), family.directory(layout, fence.modelId)];
    const [staged, rest] = [join(dir, family.name), join(dir, restOf(family.name))];
    changed.push(root, place);
    if (!exists(rest)) {
      const isStaged = exists(staged);
      // What was staged and is there no more is in its place.
      if (!isStaged && (intent.staged.includes(family.name) || !intent.whole)) continue;
      if (intent.whole ? exists(place) : !isDirectoryOrNothing(place)) await moveToTrash(fence, place);
      if (!isStaged) continue;
      await failpoint('restore.family-gone');
      if (!exists(place) && (await takesPlace(fence, staged, place))) continue;
    }
    // What is added becomes durable step by step, so the epoch and the intent do first.
    if (syncs === 'later') await syncCommit(fence, [fence.path]);
    if (intent.whole && !exists(rest)) {
      // Under its first name the next holder would clear the place once more, of what was added to it. Durable after the clearing, and before the first addition.
      await syncCommit(fence, [root]);
      await step(fence, staged, rest);
      await syncCommit(fence, [dir]);
    }
    await addTo(fence, intent.whole ? rest : staged, place);
  }
  if (syncs === 'now') await syncCommit(fence, changed);
  await forgetChanges(fence);
}

/**
 * Moves what is in `staged` into the place, one by one. An artifact that is there already is added to (B16: a merge takes
 * nothing away); a record replaces a record by the rename itself; anything else that is in the way is damage, and is moved away.
 */
async function addTo(fence: Lease, staged: string, place: string): Promise<void> {
  await makePlace(fence.session, place);
  for (const [index, name] of (readDir(staged) ?? []).entries()) {
    const [from, target] = [join(staged, name), join(place, name)];
    if (isDirectory(from) && isDirectory(target)) {
      await addInside(fence, from, target);
      continue;
    }
    if (exists(target) && !(isPlainFile(from) && isPlainFile(target))) await moveToTrash(fence, target);
    await step(fence, from, target);
    await failpoint('restore.one-out');
    if (index % MOVES === MOVES - 1) await turn();
  }
}

/** A directory in it that is there already stays: a version never changes (P3). Durable when this resolves: the intent is thrown away next. */
async function addInside(fence: Lease, staged: string, place: string): Promise<void> {
  // The record comes first: its floor says which numbers may be missing.
  for (const name of (readDir(staged) ?? []).sort().reverse()) {
    const target = join(place, name);
    if (isDirectory(target)) continue;
    await step(fence, join(staged, name), target);
    await failpoint('restore.one-out');
  }
  await syncCommit(fence, [place]);
}

/** One rename where nothing is. False: an upload, which takes no lock, has begun there meanwhile, and stays. */
async function takesPlace(fence: Lease, staged: string, place: string): Promise<boolean> {
  await makePlace(fence.session, dirname(place));
  try {
    await step(fence, staged, place);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}

function isPlainFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function isDirectoryOrNothing(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== false;
}

/**
 * Makes the steps in their order. A step whose source is gone was made before; its directory is synced all the same, for the
 * holder that made it may have died before the sync.
 */
async function makeSteps(fence: Lease, dir: string, { steps }: StepsIntent): Promise<void> {
  const changed: string[] = [];
  let last: Move['verb'] | undefined;
  const pass = yielding();
  for (const one of steps) {
    await pass();
    const { verb, from, to } = moveOf(fence.repo, fence.modelId, dir, one);
    // Steps of one kind become durable together, and before those of the next kind, which rely on them.
    if (verb !== last) await syncDirs(changed.splice(0));
    last = verb;
    if (exists(from)) {
      // The directory of an artifact comes with its first version, or not at all.
      if ('out' in one && !('version' in one.to)) await makePlace(fence.session, dirname(to ?? from));
      await (to === undefined ? moveToTrash(fence, from) : step(fence, from, to));
    }
    changed.push(dirname(to ?? from));
    await failpoint(`steps.${verb}`);
  }
  await syncCommit(fence, changed);
}
