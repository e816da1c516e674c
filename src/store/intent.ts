/**
 * Several steps as one: what an intent says, and which ones stand published in the entry of a fence at this moment. Whoever
 * holds the fence next carries it out (roll-forward.ts).
 */
import { join } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { exists, readDir } from '../fs/tree.js';
import { ARTIFACT_RECORD, PARTS } from '../layout/layout.js';
import { readFence } from '../locks/fence.js';
import { displayPath, type Repo } from '../repo.js';
import { type DefinitionText, isDefinedAt, isDefinitionText, isStagedText, type StagedText } from './definition-text.js';
import { type Fields, MAX_TEXTS_BYTES, readRecord } from './metadata.js';

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

/** A definition goes on under another name; both texts stand in the intent, the new one beside its place, too. `remove` tells which file it is. */
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
export const FORWARD = 'forward.json';
/** In a restore intent: what is left to be added to a family whose place was cleared already. */
export function restOf(family: string): string {
  return `${family}.rest`;
}

export function isIntent(itemName: string): boolean {
  return itemName.endsWith(SUFFIX);
}

/** The directory of the version that an item brings; undefined when it has gone out. */
export function versionIn(dir: string, { from, version }: IntentItem): string | undefined {
  const names = readDir(join(dir, from));
  if (names === undefined || version !== undefined) return names === undefined ? undefined : join(dir, from);
  // A first version stands in its artifact.
  const number = names.find((name) => name !== ARTIFACT_RECORD);
  return number === undefined ? undefined : join(dir, from, number);
}
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

/** The definition that a rename of the model is about to remove, relative to the repository; undefined when none is under way, or it has not got its new name yet. */
export function definitionGoing(repo: Repo, modelId: string): string | undefined {
  const intent = modelRenaming(repo, modelId);
  return intent !== undefined && isDefinedAt(repo, intent.publish, modelId) ? intent.remove.path : undefined;
}

/** The rename of the model that is under way, or whose renamer died. Throws `corrupt`. */
export function modelRenaming(repo: Repo, modelId: string): DefinitionIntent | undefined {
  const [first] = intentsUnderWay(repo, modelId, 'definition');
  return first?.intent.kind === 'definition' ? first.intent : undefined;
}

/** Each is read once: its holder may finish and throw it away at any moment, which is no damage. */
function intentsUnderWay(repo: Repo, modelId: string, kind: Intent['kind']): { readonly intent: Intent; readonly dir: string }[] {
  const fence = repo.layout.fence({ kind: 'data', modelId });
  const entry = readFence(fence);
  if (entry === undefined) return [];
  return (readDir(join(fence, entry.name)) ?? []).filter(isIntent).flatMap((name) => {
    const dir = join(fence, entry.name, name);
    const path = join(dir, INTENT);
    const fields = readRecord(path, MAX_TEXTS_BYTES);
    return fields?.get('kind') === kind ? [{ intent: parseIntent(fields, path), dir }] : [];
  });
}

/** The intent in `dir`. Throws `corrupt`. */
export function readIntent(dir: string): Intent {
  const path = join(dir, INTENT);
  return parseIntent(readRecord(path, MAX_TEXTS_BYTES), path);
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
