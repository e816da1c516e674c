/** Publishes an intent by one rename, and carries it out: this holder or the next one; safe to repeat. */
import { lstatSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { asSwampError, type ErrorCode, isErrno, isSystemError, SwampError } from '../errors.js';
import { makeDirs, removeFile, syncDir, writeFileDurable } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { exists, readDir } from '../fs/tree.js';
import { FAMILIES } from '../layout/families.js';
import { FenceLost } from '../locks/fence.js';
import { newNonce } from '../locks/holder.js';
import { openStaging } from '../locks/session.js';
import { type Fence, itemName, moveToTrash, passTrashOn, requireHeld, step, syncCommit, syncDirs } from './commit.js';
import { type DefinitionText, discardStaged, isDefinedAt, linkStaged, removeDefinition, type StagedText } from './definition-text.js';
import { type DefinitionIntent, INTENT, type Intent, type Move, moveOf, type RestoreIntent, readIntent, restOf, type StepsIntent } from './intent.js';
import { serialise } from './metadata.js';

/** Completes the staged bundle with its intent, synced. */
export async function writeIntent(bundle: string, intent: Intent): Promise<void> {
  await writeFileDurable(join(bundle, INTENT), serialise(intent));
  await syncDir(bundle);
}

/** Takes the intent out of a bundle that was given back. */
export async function eraseIntent(bundle: string): Promise<void> {
  await removeFile(join(bundle, INTENT));
}

/**
 * The commit point: `bundle` becomes the entry's intent, and is carried out. Throws FenceLost; the next holder then carries it
 * out if it was published, which `onPublished` tells. Where `onPublished` throws, nothing has taken effect, and the intent goes.
 */
export async function publishIntent(fence: Fence, bundle: string, onPublished?: () => void | Promise<void>): Promise<void> {
  const published = join(fence.path, itemName(fence.session, 'intent'));
  await step(fence, bundle, published);
  try {
    await onPublished?.();
  } catch (error) {
    if (error instanceof FenceLost) throw error;
    await moveToTrash(fence, published);
    await passTrashOn(fence);
    throw error;
  }
  await failpoint('intent.published');
  try {
    await rollForward(fence, published);
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
export async function commitIntent(
  fence: Fence,
  intent: Intent,
  files: Readonly<Record<string, string>>,
  onPublished?: () => void | Promise<void>,
): Promise<void> {
  const bundle = join(await openStaging(fence.session), `bundle-${newNonce()}`);
  await makeDirs(bundle);
  for (const [name, text] of Object.entries(files)) await writeFileDurable(join(bundle, name), text);
  await writeIntent(bundle, intent);
  await failpoint('intent.before-publish');
  await publishIntent(fence, bundle, onPublished);
}

/**
 * Renames a model. The intent is durable before the link(2) that decides: who dies in between has not renamed it, and who
 * dies afterwards leaves a definition with two names, which the intent tells. `stillHeld` looks at the lock that keeps names
 * unique, right before the link, and throws; `onLinked` comes right after it, and takes the link back before it throws.
 * Throws `conflict` when something stands there, the system's error when there was no link, and FenceLost.
 */
export async function commitDefinition(
  fence: Fence,
  { publish, remove }: { readonly publish: Required<Pick<StagedText, 'path' | 'text' | 'staged'>>; readonly remove: DefinitionText },
  { stillHeld, onLinked }: { readonly stillHeld: () => void; readonly onLinked: () => Promise<void> },
): Promise<void> {
  await commitIntent(fence, { kind: 'definition', publish, remove }, {}, async () => {
    await syncCommit(fence, [fence.path]);
    await failpoint('model-rename.before-link');
    requireHeld(fence);
    stillHeld();
    try {
      await linkStaged(fence.repo, publish);
    } catch (error) {
      // What was staged is what the next holder takes away first: without it there is no link.
      if (isErrno(error, 'ENOENT')) requireHeld(fence);
      throw error;
    }
    await onLinked();
  });
}

/**
 * Carries out a published intent, then moves it into the trash. Safe to repeat. Throws FenceLost when the fence is lost
 * on the way; the next holder goes on.
 */
export async function rollForward(fence: Fence, dir: string): Promise<void> {
  // Durable before the first part of it is visible: who published it may have died before its sync, and after a power loss the rest would be gone.
  await syncCommit(fence, [fence.path]);
  if (!exists(join(dir, INTENT)) && !exists(fence.path)) throw new FenceLost(fence.path);
  const intent = readIntent(dir);
  if (intent.kind === 'steps') await makeSteps(fence, dir, intent);
  else if (intent.kind === 'restore') await restoreFamilies(fence, dir, intent);
  else await finishDefinition(fence, dir, intent);
  await moveToTrash(fence, dir);
}

/** Moves between two turns of the event loop: a heartbeat must go on beside them. */
const MOVES = 200;

/** What stands in the bundle still has to move; so each step tells by itself whether it was done. */
async function restoreFamilies(fence: Fence, dir: string, intent: RestoreIntent): Promise<void> {
  const { layout } = fence.repo;
  const changed: string[] = [];
  for (const family of FAMILIES) {
    const [root, place] = [family.root(layout), family.directory(layout, fence.modelId)];
    const [staged, rest] = [join(dir, family.name), join(dir, restOf(family.name))];
    changed.push(root, place);
    if (!exists(rest)) {
      const isStaged = exists(staged);
      // What was staged and stands there no more is in its place.
      if (!isStaged && (intent.staged.includes(family.name) || !intent.whole)) continue;
      if (intent.whole ? exists(place) : !isDirectoryOrNothing(place)) await moveToTrash(fence, place);
      if (!isStaged) continue;
      await failpoint('restore.family-gone');
      if (!exists(place) && (await takesPlace(fence, staged, place))) continue;
      if (intent.whole) {
        // Under its first name whoever goes on would clear the place once more, of what was added to it. Durable after the clearing, and before the first addition.
        await syncCommit(fence, [root]);
        await step(fence, staged, rest);
        await syncCommit(fence, [dir]);
      }
    }
    await addTo(fence, intent.whole ? rest : staged, place);
  }
  await syncCommit(fence, changed);
}

/** Moves what is in `staged` into the place, one by one; each takes the place of what has its name. */
async function addTo(fence: Fence, staged: string, place: string): Promise<void> {
  await makeDirs(place);
  for (const [index, name] of (readDir(staged) ?? []).entries()) {
    const [from, target] = [join(staged, name), join(place, name)];
    // A record takes the place of a record by the rename itself.
    if (exists(target) && !(isPlainFile(from) && isPlainFile(target))) await moveToTrash(fence, target);
    await step(fence, from, target);
    await failpoint('restore.one-out');
    if (index % MOVES === MOVES - 1) await turn();
  }
}

/** One rename where nothing stands. False: an upload, which takes no lock, has begun there meanwhile, and stays. */
async function takesPlace(fence: Fence, staged: string, place: string): Promise<boolean> {
  await makeDirs(dirname(place));
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
async function makeSteps(fence: Fence, dir: string, { steps }: StepsIntent): Promise<void> {
  const changed: string[] = [];
  let last: Move['verb'] | undefined;
  for (const one of steps) {
    const { verb, from, to } = moveOf(fence.repo, fence.modelId, dir, one);
    // Steps of one kind become durable together, and before those of the next kind, which rely on them.
    if (verb !== last) await syncDirs(changed.splice(0));
    last = verb;
    if (exists(from)) {
      // The directory of an artifact comes with its first version, or not at all.
      if ('out' in one && !('version' in one.to)) await makeDirs(dirname(to ?? from));
      await (to === undefined ? moveToTrash(fence, from) : step(fence, from, to));
    }
    changed.push(dirname(to ?? from));
    await failpoint(`steps.${verb}`);
  }
  await syncCommit(fence, changed);
}

/**
 * Once the new name is linked the old file goes; else the model was not renamed, and only what was staged goes: first, for
 * afterwards nobody can link it any more. What the system refuses is told and left: a definition that is in two places is
 * found, and told by `model validate`, while an intent that can never be carried out would keep everybody from the model's
 * data. After an error that passes the intent stays, like any other, for the next holder. Nothing of it passes through the
 * fence: who was put out of it finds that out by a look before each step, and in between by the file that the intent names;
 * else it would remove a definition that has got its old name, and its old text, back.
 */
async function finishDefinition(fence: Fence, dir: string, { publish, remove }: DefinitionIntent): Promise<void> {
  const { repo, modelId } = fence;
  try {
    requireHeld(fence);
    await discardStaged(repo, publish);
    if (!isDefinedAt(repo, publish, modelId)) return;
    // The link is durable before the old file goes.
    await syncDir(dirname(join(repo.root, publish.path)));
    await failpoint('model-rename.published');
    requireHeld(fence);
    if (await removeDefinition(repo, remove, `renamed.${basename(dir)}`)) return;
    // The name is another model's by now.
    if (!isDefinedAt(repo, remove, modelId)) return;
    // Another one may have finished it, and renamed the model again.
    requireHeld(fence);
    repo.reporter.warn(`${remove.path} changed while the model was being renamed to ${publish.path}; it was left: take over what is new in it, and remove it.`);
  } catch (error) {
    const { code, message } = asSwampError(error);
    if (!LEFT.includes(code) || isErrno(error, ...PASSING)) throw error;
    repo.reporter.warn(`${remove.path} could not be renamed to ${publish.path} as a whole: ${message} See "swamp model validate".`);
  }
}

/** Errors of the system under models/, where nothing depends on the fence. */
const LEFT: readonly ErrorCode[] = ['io', 'config_invalid'];
/** Errors that tell of the machine, not of the place, and can be gone at the next attempt. */
const PASSING = ['ENOSPC', 'EDQUOT', 'EIO', 'ENOMEM', 'EMFILE', 'ENFILE'];
