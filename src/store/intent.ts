/**
 * An intent: several steps published as one by a rename into the data fence's entry. Whoever holds the fence next finishes
 * what a dead or fenced-off holder began; each step may find itself done.
 */
import { lstatSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { asSwampError, type ErrorCode, isErrno, isSystemError, SwampError } from '../errors.js';
import { makeDirs, removeFile, syncDir, writeFileDurable } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { exists, readDir } from '../fs/tree.js';
import { FAMILIES } from '../layout/families.js';
import { ARTIFACT_RECORD, PARTS } from '../layout/layout.js';
import { FenceLost, readFence } from '../locks/fence.js';
import { newNonce } from '../locks/holder.js';
import { openStaging } from '../locks/session.js';
import { displayPath, type Repo } from '../repo.js';
import { type Fence, itemName, moveToTrash, step, syncCommit } from './commit.js';
import { type DefinitionText, isDefinitionText, isStagedText, publishText, removeDefinition, type StagedText } from './definition-text.js';
import { type Fields, readRecord, serialise } from './metadata.js';

/** Several outputs become visible together. */
export interface OutputsIntent {
  readonly kind: 'outputs';
  readonly items: readonly IntentItem[];
}

export interface IntentItem {
  /** The directory beside intent.json that moves. */
  readonly from: string;
  /** The artifact's name. */
  readonly name: string;
  /** The version it becomes; absent for a whole artifact with its first version. */
  readonly version?: number;
}

/** A completed upload becomes a version; beside intent.json stands that version without its parts. */
export interface UploadIntent {
  readonly kind: 'upload';
  /** The directory in the model's uploads whose parts the version takes. */
  readonly upload: string;
  readonly item: IntentItem;
}

/** An artifact goes on under another name; beside intent.json stand its new record and the forward that the old name leaves. */
export interface RenameIntent {
  readonly kind: 'rename';
  readonly from: string;
  readonly to: string;
}

/** A definition goes on under another name; both texts stand in the intent, the new one beside its place, too; both paths are relative to the repository. */
export interface DefinitionIntent {
  readonly kind: 'definition';
  readonly publish: StagedText;
  readonly remove: DefinitionText;
}

/** A model becomes what a restore brings: beside intent.json stand its families, each under its name. */
export interface RestoreIntent {
  readonly kind: 'restore';
  /** True: each family takes the place of what stands there as a whole; false: what is in it is added, and replaces what has its name. */
  readonly whole: boolean;
  /** Names of the families that were staged. */
  readonly staged: readonly string[];
}

export type Intent = OutputsIntent | UploadIntent | RenameIntent | DefinitionIntent | RestoreIntent;

/** In the directory of an intent. */
export const INTENT = 'intent.json';
const SUFFIX = '.intent';
/** In a rename intent: the artifact on its way, its new record, and the old name's forward. */
export const MOVING = 'artifact';
const FORWARD = 'forward.json';

export function isIntent(itemName: string): boolean {
  return itemName.endsWith(SUFFIX);
}

/** Completes the staged bundle with its intent, synced. */
export async function writeIntent(bundle: string, intent: Intent): Promise<void> {
  await writeFileDurable(join(bundle, INTENT), serialise(intent));
  await syncDir(bundle);
}

/** Takes the intent out of a bundle that was given back. */
export async function eraseIntent(bundle: string): Promise<void> {
  await removeFile(join(bundle, INTENT));
}

/** The commit point: `bundle` becomes the entry's intent, and is carried out. Throws FenceLost; the next holder then carries it out if it was published, which `onPublished` tells. */
export async function publishIntent(fence: Fence, bundle: string, onPublished?: () => void): Promise<void> {
  const published = join(fence.path, itemName(fence.session, 'intent'));
  await step(fence, bundle, published);
  onPublished?.();
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
export async function commitIntent(fence: Fence, intent: Intent, files: Readonly<Record<string, string>>, onPublished?: () => void): Promise<void> {
  const bundle = join(await openStaging(fence.session), `bundle-${newNonce()}`);
  await makeDirs(bundle);
  for (const [name, text] of Object.entries(files)) await writeFileDurable(join(bundle, name), text);
  await writeIntent(bundle, intent);
  await failpoint('intent.before-publish');
  await publishIntent(fence, bundle, onPublished);
}

/** The texts beside a rename intent. */
export function renameFiles(record: object, forward: object): Record<string, string> {
  return { [ARTIFACT_RECORD]: serialise(record), [FORWARD]: serialise(forward) };
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
  if (intent.kind === 'outputs') await publishOutputs(fence, dir, intent);
  else if (intent.kind === 'upload') await publishUpload(fence, dir, intent);
  else if (intent.kind === 'rename') await moveArtifact(fence, dir, intent);
  else if (intent.kind === 'restore') await restoreFamilies(fence, dir, intent);
  else await replaceDefinition(fence, dir, intent);
  await moveToTrash(fence, dir);
}

/** Moves between two turns of the event loop: a heartbeat must go on beside them. */
const MOVES = 200;

/** What stands in the bundle still has to move; so each step tells by itself whether it was done. */
async function restoreFamilies(fence: Fence, dir: string, intent: RestoreIntent): Promise<void> {
  const { layout } = fence.repo;
  const changed: string[] = [];
  for (const family of FAMILIES) {
    const [staged, place] = [join(dir, family.name), family.directory(layout, fence.modelId)];
    changed.push(family.root(layout), place);
    const names = readDir(staged);
    // What was staged and stands there no more is in its place.
    if (names === undefined && (intent.staged.includes(family.name) || !intent.whole)) continue;
    if (intent.whole ? exists(place) : !isDirectoryOrNothing(place)) await moveToTrash(fence, place);
    if (names === undefined) continue;
    await failpoint('restore.family-gone');
    if (!exists(place) && (await takesPlace(fence, staged, place))) continue;
    await makeDirs(place);
    for (const [index, name] of names.entries()) {
      const [from, target] = [join(staged, name), join(place, name)];
      // A record takes the place of a record by the rename itself.
      if (exists(target) && !(isPlainFile(from) && isPlainFile(target))) await moveToTrash(fence, target);
      await step(fence, from, target);
      await failpoint('restore.one-out');
      if (index % MOVES === MOVES - 1) await turn();
    }
  }
  await syncCommit(fence, changed);
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

/** The bytes are moved, not copied: the directory of the parts is renamed into the version, then the version into its place. */
async function publishUpload(fence: Fence, dir: string, { upload, item }: UploadIntent): Promise<void> {
  const aside = fence.repo.layout.upload(fence.modelId, upload);
  const version = versionIn(dir, item);
  if (version !== undefined && !exists(join(version, PARTS))) {
    await step(fence, join(aside, PARTS), join(version, PARTS));
    await syncDir(version);
    await failpoint('upload.parts-moved');
  }
  await publishOutputs(fence, dir, { items: [item] });
  await failpoint('upload.version-out');
  if (!exists(aside)) return;
  await moveToTrash(fence, aside);
  // Before the intent goes: without it, power loss could bring back an upload that has no parts any more.
  await syncCommit(fence, [dirname(aside)]);
}

/** The directory of the version that an item brings; undefined when it has gone out. */
function versionIn(dir: string, { from, version }: IntentItem): string | undefined {
  const names = readDir(join(dir, from));
  if (names === undefined || version !== undefined) return names === undefined ? undefined : join(dir, from);
  // A first version stands in its artifact.
  const number = names.find((name) => name !== ARTIFACT_RECORD);
  return number === undefined ? undefined : join(dir, from, number);
}

async function publishOutputs(fence: Fence, dir: string, { items }: Pick<OutputsIntent, 'items'>): Promise<void> {
  const { layout } = fence.repo;
  const changed = new Set<string>();
  for (const { from, name, version } of items) {
    const artifact = layout.artifact(fence.modelId, name);
    changed.add(version === undefined ? layout.model(fence.modelId) : artifact);
    if (!exists(join(dir, from))) continue;
    await makeDirs(layout.model(fence.modelId));
    await step(fence, join(dir, from), version === undefined ? artifact : join(artifact, String(version)));
    await failpoint('outputs.one-out');
  }
  await syncCommit(fence, [...changed]);
}

/**
 * The forward goes first: until the artifact has moved it outranks it, and from then on a reader of the old name is led on.
 * Each sync is made also when its rename finds itself done: who did it may have died before the sync.
 */
async function moveArtifact(fence: Fence, dir: string, { from, to }: RenameIntent): Promise<void> {
  const { layout } = fence.repo;
  const moving = join(dir, MOVING);
  if (exists(join(dir, FORWARD))) {
    await makeDirs(layout.tombstones(fence.modelId));
    await step(fence, join(dir, FORWARD), layout.tombstone(fence.modelId, from));
  }
  await syncCommit(fence, [layout.tombstones(fence.modelId)]);
  await failpoint('rename.forwarded');
  if (exists(join(dir, ARTIFACT_RECORD))) {
    if (!exists(moving)) await step(fence, layout.artifact(fence.modelId, from), moving);
    await failpoint('rename.moving');
    await step(fence, join(dir, ARTIFACT_RECORD), join(moving, ARTIFACT_RECORD));
  }
  if (exists(moving)) {
    await syncCommit(fence, [moving]);
    await step(fence, moving, layout.artifact(fence.modelId, to));
  }
  await syncCommit(fence, [layout.model(fence.modelId)]);
}

/**
 * The new file gets its name, then the old one goes; the link(2) decides whether the model is renamed. What stands in the
 * way, or what the system refuses, is told and left: a definition that is in two places or in its old one is found, and told
 * by `model validate`, while an intent that could not be carried out would keep everybody from the model's data.
 */
async function replaceDefinition(fence: Fence, dir: string, { publish, remove }: DefinitionIntent): Promise<void> {
  const { repo } = fence;
  try {
    if (!(await publishText(repo, publish))) {
      repo.reporter.warn(`${publish.path} appeared while the model was being renamed; it was left as it is, and so was ${remove.path}.`);
      return;
    }
    await failpoint('model-rename.published');
    if (!(await removeDefinition(repo, remove, `renamed.${basename(dir)}`)))
      repo.reporter.warn(
        `${remove.path} changed while the model was being renamed to ${publish.path}; it was left: take over what is new in it, and remove it.`,
      );
  } catch (error) {
    const { code, message } = asSwampError(error);
    if (!LEFT.includes(code)) throw error;
    repo.reporter.warn(`${remove.path} could not be renamed to ${publish.path} as a whole: ${message} See "swamp model validate".`);
  }
}

/** Errors of the system under models/, where nothing depends on the fence. */
const LEFT: readonly ErrorCode[] = ['io', 'no_space', 'config_invalid'];

/** True when an intent waits in the model's data fence to be carried out. */
export function hasIntent(repo: Repo, modelId: string): boolean {
  const fence = repo.layout.fence({ kind: 'data', modelId });
  const entry = readFence(fence);
  return entry !== undefined && (readDir(join(fence, entry.name)) ?? []).some(isIntent);
}

/** The artifact of that name while a rename carries it, or undefined. Readers look here before they say "not found". */
export function movingTo(repo: Repo, modelId: string, name: string): string | undefined {
  return renamesUnderWay(repo, modelId).find(({ intent }) => intent.to === name)?.dir;
}

/** Every artifact that is between its two names at this moment, also when its renamer died there. */
export function renamesUnderWay(repo: Repo, modelId: string): { readonly intent: RenameIntent; readonly dir: string }[] {
  return intentsUnderWay(repo, modelId, 'rename').flatMap(({ intent, dir }) =>
    intent.kind === 'rename' && exists(join(dir, MOVING)) ? [{ intent, dir: join(dir, MOVING) }] : [],
  );
}

/** The definition that a rename of the model is about to remove, relative to the repository; undefined when none is under way. */
export function definitionGoing(repo: Repo, modelId: string): string | undefined {
  const [first] = intentsUnderWay(repo, modelId, 'definition');
  return first?.intent.kind === 'definition' ? first.intent.remove.path : undefined;
}

/** Each is read once: its holder may finish and throw it away at any moment, which is no damage. */
function intentsUnderWay(repo: Repo, modelId: string, kind: Intent['kind']): { readonly intent: Intent; readonly dir: string }[] {
  const fence = repo.layout.fence({ kind: 'data', modelId });
  const entry = readFence(fence);
  if (entry === undefined) return [];
  return (readDir(join(fence, entry.name)) ?? []).filter(isIntent).flatMap((name) => {
    const dir = join(fence, entry.name, name);
    const path = join(dir, INTENT);
    const fields = readRecord(path);
    return fields?.get('kind') === kind ? [{ intent: parseIntent(fields, path), dir }] : [];
  });
}

/** The intent in `dir`. Throws `corrupt`. */
export function readIntent(dir: string): Intent {
  const path = join(dir, INTENT);
  return parseIntent(readRecord(path), path);
}

function parseIntent(fields: Fields | undefined, path: string): Intent {
  const kind = fields?.get('kind');
  if (kind === 'outputs') {
    const items = fields?.get('items');
    if (Array.isArray(items) && items.every(isItem)) return { kind, items };
  }
  if (kind === 'upload') {
    const [upload, item] = [fields?.get('upload'), fields?.get('item')];
    if (typeof upload === 'string' && isUploadEntry(upload) && isItem(item)) return { kind, upload, item };
  }
  if (kind === 'rename') {
    const [from, to] = [fields?.get('from'), fields?.get('to')];
    if (typeof from === 'string' && typeof to === 'string') return { kind, from, to };
  }
  if (kind === 'definition') {
    const [publish, remove] = [fields?.get('publish'), fields?.get('remove')];
    if (isStagedText(publish) && isDefinitionText(remove)) return { kind, publish, remove };
  }
  if (kind === 'restore') {
    const [whole, staged] = [fields?.get('whole'), fields?.get('staged')];
    if (typeof whole === 'boolean' && Array.isArray(staged)) return { kind, whole, staged: staged.map(String) };
  }
  throw new SwampError('corrupt', `${path} is damaged: it does not say what to move where.`, { hint: 'Run "swamp datastore check".', data: { path } });
}

/** What keeps the intent in `dir` from being carried out, as a clause; undefined when nothing does. Throws `corrupt`, `name_invalid`. */
export function obstacleTo(repo: Repo, modelId: string, dir: string): string | undefined {
  const intent = readIntent(dir);
  const inTheWay = (path: string): string | undefined => (isFree(path) ? undefined : `cannot be finished: ${displayPath(repo, path)} is in the way`);
  if (intent.kind === 'upload') {
    const [version, parts] = [versionIn(dir, intent.item), join(repo.layout.upload(modelId, intent.upload), PARTS)];
    if (version !== undefined && !exists(join(version, PARTS)) && !exists(parts)) return `cannot be finished: ${displayPath(repo, parts)} is gone`;
  }
  if (intent.kind === 'outputs' || intent.kind === 'upload') {
    for (const { from, name, version } of intent.kind === 'upload' ? [intent.item] : intent.items) {
      const target = version === undefined ? repo.layout.artifact(modelId, name) : repo.layout.version(modelId, name, version);
      const obstacle = exists(join(dir, from)) ? inTheWay(target) : undefined;
      if (obstacle !== undefined) return obstacle;
    }
  }
  if (intent.kind === 'rename') {
    const [moving, source] = [join(dir, MOVING), repo.layout.artifact(modelId, intent.from)];
    if (!exists(moving) && exists(join(dir, ARTIFACT_RECORD)) && !exists(source)) return `cannot be finished: ${displayPath(repo, source)} is gone`;
    if (exists(moving)) return inTheWay(repo.layout.artifact(modelId, intent.to));
  }
  return undefined;
}

/** A rename of a directory takes the place of nothing, or of an empty directory. */
function isFree(path: string): boolean {
  try {
    return (readDir(path) ?? []).length === 0;
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}

function isItem(item: unknown): item is IntentItem {
  const { from, name, version } = (item ?? {}) as Record<string, unknown>;
  const known = version === undefined || (Number.isSafeInteger(version) && Number(version) > 0);
  return typeof from === 'string' && /^[a-z0-9-]+$/.test(from) && typeof name === 'string' && known;
}

/** One segment that leads nowhere else: an upload's id and the holder who moved it aside. */
function isUploadEntry(entry: string): boolean {
  return /^[0-9a-f-]+\.[0-9a-fx-]+$/.test(entry);
}
