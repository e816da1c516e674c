/**
 * Several steps as one: what an intent says, and which ones are published in the entry of a fence at this moment. The process that
 * holds the fence next carries it out (roll-forward.ts).
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { SwampError } from '../errors.js';
import { exists, readDir } from '../fs/tree.js';
import { PARTS } from '../layout/layout.js';
import { readFence } from '../locks/fence.js';
import { displayPath, type Repo } from '../repo.js';
import { type Fields, readRecord } from './metadata.js';

/** Something of the model that has a path of its own. */
export type StepPlace =
  | { readonly artifact: string; readonly version?: number }
  | { readonly tombstone: string }
  /** An upload that was moved aside, or the directory of its parts. */
  | { readonly upload: string; readonly parts?: true }
  /** In the change log: which record under this epoch. */
  | { readonly change: number; readonly epoch: number };

/**
 * One rename. One end of it is in the entry of the fence, so that a session that lost the fence cannot make it (P1). The text
 * of `out`, `put` and `as` is a path in the directory of the intent. A step is done when its source is gone.
 */
export type Step =
  | { readonly out: string; readonly to: StepPlace }
  | { readonly take: StepPlace; readonly as: string }
  | { readonly put: string; readonly as: string }
  | { readonly trash: StepPlace };

/** Several renames as one. */
export interface StepsIntent {
  readonly kind: 'steps';
  readonly steps: readonly Step[];
}

/** A model becomes what a restore brings: beside intent.json are its families, each under its name. */
export interface RestoreIntent {
  readonly kind: 'restore';
  /** True: each family takes the place of what is there as a whole; false: what is in it is added, and replaces what has its name. */
  readonly whole: boolean;
  /** Names of the families that were staged. */
  readonly staged: readonly string[];
}

export type Intent = StepsIntent | RestoreIntent;

/** So many artifacts become visible by one intent at most. */
export const MOST_TOGETHER = 10_000;
/** Room for a step of each of them: in JSON a byte of a name takes up to six, and the rest of a step some 200. */
const MAX_INTENT_BYTES = MOST_TOGETHER * (6 * 1_024 + 200);

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

/** A step as the rename it is; without `to` it goes into the trash of the entry. */
export interface Move {
  readonly verb: 'out' | 'take' | 'put' | 'trash';
  readonly from: string;
  readonly to?: string;
}

/** The rename that a step of the intent in `dir` is. */
export function moveOf(repo: Repo, modelId: string, dir: string, step: Step): Move {
  if ('out' in step) return { verb: 'out', from: join(dir, step.out), to: pathOf(repo, modelId, step.to) };
  if ('take' in step) return { verb: 'take', from: pathOf(repo, modelId, step.take), to: join(dir, step.as) };
  if ('put' in step) return { verb: 'put', from: join(dir, step.put), to: join(dir, step.as) };
  return { verb: 'trash', from: pathOf(repo, modelId, step.trash) };
}

function pathOf({ layout }: Repo, modelId: string, place: StepPlace): string {
  if ('tombstone' in place) return layout.tombstone(modelId, place.tombstone);
  if ('change' in place) return layout.change(modelId, place.epoch, place.change);
  if ('upload' in place) return join(layout.upload(modelId, place.upload), place.parts === true ? PARTS : '');
  return place.version === undefined ? layout.artifact(modelId, place.artifact) : layout.version(modelId, place.artifact, place.version);
}

/** True when an intent waits in the model's data fence to be carried out. */
export function hasIntent(repo: Repo, modelId: string): boolean {
  const fence = repo.layout.fence({ kind: 'data', modelId });
  const entry = readFence(fence);
  return entry !== undefined && (readDir(join(fence, entry.name)) ?? []).some(isIntent);
}

/** The artifact of that name while a rename carries it, or undefined. Readers look here before they say "not found". */
export function movingTo(repo: Repo, modelId: string, name: string): string | undefined {
  return renamesUnderWay(repo, modelId).find(({ to }) => to === name)?.dir;
}

/**
 * Every artifact that is between its two names at this moment, also when its renamer died there. Each intent is read once: its
 * holder may finish it and throw it away at any moment, which is not damage.
 */
export function renamesUnderWay(repo: Repo, modelId: string): { readonly to: string; readonly dir: string }[] {
  const fence = repo.layout.fence({ kind: 'data', modelId });
  const entry = readFence(fence);
  const intents = entry === undefined ? [] : (readDir(join(fence, entry.name)) ?? []).filter(isIntent);
  return intents.flatMap((name) => {
    const dir = join(fence, entry?.name ?? '', name);
    const fields = readRecord(join(dir, INTENT), MAX_INTENT_BYTES);
    if (fields === undefined || !exists(join(dir, MOVING))) return [];
    const intent = parseIntent(fields, join(dir, INTENT));
    const steps = intent.kind === 'steps' ? intent.steps : [];
    return steps.flatMap((step) => ('out' in step && step.out === MOVING && 'artifact' in step.to ? [{ to: step.to.artifact, dir: join(dir, MOVING) }] : []));
  });
}

/** The intent in `dir`. Throws `corrupt`. */
export function readIntent(dir: string): Intent {
  const path = join(dir, INTENT);
  return parseIntent(readRecord(path, MAX_INTENT_BYTES), path);
}

function parseIntent(fields: Fields | undefined, path: string): Intent {
  const kind = fields?.get('kind');
  if (kind === 'steps') {
    const steps = fields?.get('steps');
    if (Array.isArray(steps) && steps.length > 0 && steps.every(isStep)) return { kind, steps };
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
  const moves = intent.kind === 'steps' ? intent.steps.map((one) => moveOf(repo, modelId, dir, one)) : [];
  const isLeft = (move: Move | undefined): boolean => move !== undefined && exists(move.from);
  for (const [i, move] of moves.entries()) {
    const { verb, from, to = '' } = move;
    if (verb === 'out' && isLeft(move) && !takesPlace(from, to)) return `cannot be finished: ${displayPath(repo, to)} is in the way`;
    // What the next step needs was never taken.
    if (verb === 'take' && !isLeft(move) && !exists(to) && isLeft(moves[i + 1])) return `cannot be finished: ${displayPath(repo, from)} is gone`;
  }
  return undefined;
}

/** A record takes the place of a record; a directory that of nothing, or of an empty directory. */
function takesPlace(from: string, to: string): boolean {
  const there = lstatSync(to, { throwIfNoEntry: false });
  if (there === undefined) return true;
  return lstatSync(from, { throwIfNoEntry: false })?.isFile() === true ? !there.isDirectory() : there.isDirectory() && (readDir(to) ?? []).length === 0;
}

function isStep(value: unknown): value is Step {
  const { out, to, take, as, put, trash } = (value ?? {}) as Record<string, unknown>;
  if (out !== undefined) return isSlot(out) && isPlace(to);
  if (take !== undefined) return isPlace(take) && isSlot(as);
  return put !== undefined ? isSlot(put) && isSlot(as) : isPlace(trash);
}

/** Leads nowhere out of the intent. */
function isSlot(text: unknown): text is string {
  return typeof text === 'string' && /^[a-z0-9-][a-z0-9.-]*(\/[a-z0-9-][a-z0-9.-]*)*$/.test(text);
}

function isPlace(value: unknown): value is StepPlace {
  const { artifact, version, tombstone, upload, change, epoch } = (value ?? {}) as Record<string, unknown>;
  if (change !== undefined) return [change, epoch].every((number) => Number.isSafeInteger(number) && Number(number) >= 0);
  if (typeof artifact === 'string') return version === undefined || (Number.isSafeInteger(version) && Number(version) > 0);
  return typeof tombstone === 'string' || (typeof upload === 'string' && isUploadEntry(upload));
}

/** One segment that leads nowhere else: an upload's id and the holder who moved it aside. */
function isUploadEntry(entry: string): boolean {
  return /^[0-9a-f-]+\.[0-9a-fx-]+$/.test(entry);
}
