/**
 * Makes locks that cannot be taken usable again, with no lock to do it under. Every step is one rename of an exact name,
 * so of several repairs, and of a repair and a holder, each step has one winner; a damaged fence has no taker meanwhile.
 */
import { readdirSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { rename, syncDir } from '../fs/durable.js';
import { statusOf } from '../fs/identity.js';
import { exists, ownNames } from '../fs/tree.js';
import { GLOBAL, isModelId, type Layout, type LockName } from '../layout/layout.js';
import { buildFence, createFence, type Entry, MAX_EPOCH, parseEntry, raiseEntry, readFence } from '../locks/fence.js';
import { newNonce } from '../locks/holder.js';
import { Observer, type Seen } from '../locks/observe.js';
import type { Session } from '../locks/session.js';
import { listLocks } from '../locks/survey.js';
import { displayPath, type Repo } from '../repo.js';
import { lookAtFence } from '../store/check/fence.js';
import { type FindingKind, isFinding } from '../store/check/kinds.js';
import { leftoversIn } from '../store/leftovers.js';
import { type Quarantine, setAside } from '../store/quarantine.js';
import { epochAbove, epochOf, recordedEpoch } from '../store/repair/epochs.js';
import { describeHolder, lockTitle } from './contender.js';
import { Waiting } from './wait.js';

/** One thing that was done. `to`: where it is now, or what came out of a damaged fence. */
export interface Mended {
  readonly path: string;
  readonly kind: FindingKind;
  readonly action: 'mended' | 'quarantined' | 'raised';
  readonly to?: string;
}

export interface Mending {
  readonly session: Session;
  readonly quarantine: Quarantine;
}

interface Mender extends Mending {
  readonly repo: Repo;
  readonly observer: Observer;
  readonly waiting: Waiting;
  readonly done: Mended[];
}

function newMender(repo: Repo, mending: Mending, signal: AbortSignal): Mender {
  return { repo, ...mending, observer: new Observer(repo.layout, repo.timing), waiting: new Waiting(repo, signal), done: [] };
}

/** A fence is looked at again after each step; this many times are more than any has entries. */
const STEPS = 1_000;

/**
 * Mends every lock that cannot be taken: one free entry is left, above every epoch that is known; the others are
 * set aside. Waits while one of them names a holder that may live. Throws `lock_timeout` when it does not let go.
 */
export async function mendLocks(repo: Repo, mending: Mending, { signal }: { readonly signal: AbortSignal }): Promise<Mended[]> {
  const mender = newMender(repo, mending, signal);
  await clearTheWay(mender);
  for (const lock of listLocks(repo.layout)) await mendLock(mender, lock);
  return mender.done;
}

/** Sets aside what is not a directory where one belongs by which every lock is taken. No lock is taken by way of a link, so a link goes like any other file. */
async function clearTheWay(mender: Mender): Promise<void> {
  const { layout } = mender.repo;
  const isUnusable = (path: string): boolean => statusOf(path)?.isDirectory() === false;
  const clear = async (path: string): Promise<void> => {
    if (isUnusable(path)) await aside(mender, path, kindOf(path), 'no directory');
  };
  for (const path of [layout.stagings, layout.trashes, layout.queues]) await clear(path);
  for (const name of list(layout.queues) ?? []) await clear(join(layout.queues, name));
  if (isUnusable(layout.fences)) await replace(mender, layout.fences);
  for (const name of list(layout.fences) ?? []) {
    const path = join(layout.fences, name);
    if ((name === GLOBAL.kind || isModelId(name)) && isUnusable(path)) await replace(mender, path);
    else if (isModelId(name)) for (const kind of ['data', 'run']) if (isUnusable(join(path, kind))) await replace(mender, join(path, kind));
  }
}

/** Sets aside what is at `path`, which is fences/ or below it; the fences that belong there take its place with the next rename, above every known epoch, before any process begins anew. */
async function replace({ repo, session, quarantine, done }: Mender, path: string): Promise<void> {
  const { layout } = repo;
  const below = relative(layout.fences, path)
    .split(sep)
    .filter((part) => part !== '');
  const epochs = new Map(locksAt(layout, below).map((lock) => [lock, epochAbove(repo, lock)]));
  const kind = kindOf(path);
  const by = join(session.staging, `fences-${newNonce()}`);
  for (const [lock, epoch] of epochs) await buildFence(join(by, relative(path, layout.fence(lock))), epoch);
  const to = await setAside(quarantine, path, { onlyIf: 'no directory', by });
  if (to === undefined) return;
  done.push({ path, kind, action: 'mended', to });
  // Another process may have come in between the two renames, and begun at 0.
  for (const [lock, epoch] of epochs) {
    const entry = readFence(layout.fence(lock));
    if (entry?.state === 'free' && entry.epoch < epoch) await raiseEntry(layout.fence(lock), entry.name, epoch);
  }
}

function kindOf(path: string): FindingKind {
  return statusOf(path)?.isSymbolicLink() === true ? 'symlink' : 'wrong_type';
}

/** The locks whose fences are at or below fences/<below>. */
function locksAt(layout: Layout, [owner, kind]: readonly string[]): LockName[] {
  if (owner === GLOBAL.kind) return [GLOBAL];
  if (owner !== undefined)
    return (['data', 'run'] as const).filter((each) => kind === undefined || kind === each).map((each) => ({ kind: each, modelId: owner }));
  const models = new Set([layout.fences, layout.data, layout.tombstoneRoot].flatMap((dir) => list(dir) ?? []).filter(isModelId));
  return [GLOBAL, ...[...models].flatMap((modelId) => locksAt(layout, [modelId]))];
}

/** Leaves the fence with one entry, free or held by a live process, and with nothing in a free one that would stop its next holder. */
async function mendLock(mender: Mender, lock: LockName): Promise<void> {
  const { repo } = mender;
  const dir = repo.layout.fence(lock);
  const out: string[] = [];
  let kind: FindingKind | undefined;
  for (let step = 0; step < STEPS; step++) {
    const damage = damageOf(dir);
    if (damage === undefined) {
      if (kind !== undefined) mender.done.push({ path: dir, kind, action: 'mended', ...(out[0] === undefined ? {} : { to: out[0] }) });
      return clearEntry(mender, lock);
    }
    kind ??= damage.kind;
    await waitForHolders(mender, lock, damage.names);
    // Only what was there before the wait, and is there still, has no live holder.
    if (damageOf(dir)?.names.join('\0') === damage.names.join('\0')) await mendEntries(mender, lock, damage, out);
  }
  throw new SwampError('io', `The lock ${displayPath(repo, dir)} changed faster than it could be mended.`, { hint: 'Run the command again.' });
}

interface Damage {
  readonly kind: FindingKind;
  readonly names: readonly string[];
}

/** Undefined when the fence is in order, or was never there. */
function damageOf(dir: string): Damage | undefined {
  let entry: Entry | undefined;
  try {
    entry = readFence(dir);
  } catch (error) {
    if (!(error instanceof SwampError) || error.code !== 'corrupt') throw error;
    const names = namesIn(dir);
    return { kind: kindOfDamage(dir, names), names };
  }
  return entry === undefined || entry.epoch <= MAX_EPOCH ? undefined : { kind: 'fence_damaged', names: namesIn(dir) };
}

/** A single entry of another type is reported by its type. */
function kindOfDamage(dir: string, names: readonly string[]): FindingKind {
  const [only = '', ...more] = names;
  const status = only === '' || more.length > 0 ? undefined : statusOf(join(dir, only));
  if (status?.isSymbolicLink() === true) return 'symlink';
  return status?.isDirectory() === false ? 'wrong_type' : 'fence_damaged';
}

function namesIn(dir: string): string[] {
  return (ownNames(dir) ?? []).sort();
}

/** Nothing is moved under a holder that may be at work: its commits pass through its entry. */
async function waitForHolders({ repo, observer, waiting }: Mender, lock: LockName, names: readonly string[]): Promise<void> {
  const dir = repo.layout.fence(lock);
  await waiting.until(`${lockTitle(repo, lock)}, which is damaged and cannot be repaired while a process holds it`, async () => {
    const held = names.flatMap((name) => {
      const entry = parseEntry(name);
      return entry?.state !== 'held' || !exists(join(dir, name)) ? [] : [observer.lookAt(lock, entry)];
    });
    const living = held.find(({ verdict }) => verdict === 'live' || verdict === 'unreadable');
    return living === undefined ? { done: undefined } : { blocked: blockedBy(living) };
  });
}

function blockedBy(seen: Seen) {
  const { text, data } = describeHolder(seen);
  return { watch: [seen.dir], on: text, data, hint: 'End the process, or try again when it has ended: a lock is not mended under a living holder.' };
}

/**
 * One step towards one entry. While there is more than one, the lock cannot be taken, and none of them is renamed but
 * out of the fence: a listing that races with it still shows the highest one. That one stays, with what holders left in the
 * others, and goes on above every epoch that was seen.
 */
async function mendEntries(mender: Mender, lock: LockName, { names }: Damage, out: string[]): Promise<void> {
  const { repo, quarantine, session } = mender;
  const dir = repo.layout.fence(lock);
  const epoch = epochAbove(repo, lock);
  const stays = survivor(dir, names);
  for (const name of others(names, stays)) {
    if (stays !== undefined) await moveLeftovers(join(dir, name), join(dir, stays), lock);
    const to = await setAside(quarantine, join(dir, name));
    if (to !== undefined) out.push(to);
  }
  if (stays !== undefined) {
    if (await raiseEntry(dir, stays, epoch)) await syncDir(dir);
  } else if (namesIn(dir).length === 0) await createFence(dir, session, epoch);
}

/** The entry that stays: the directory of the highest epoch, when nothing else there has a higher one; else a directory without an epoch that is alone. */
function survivor(dir: string, names: readonly string[]): string | undefined {
  const isDirectory = (name: string): boolean => statusOf(join(dir, name))?.isDirectory() === true;
  const entries = names.filter((name) => parseEntry(name) !== undefined && epochOf(name) === parseEntry(name)?.epoch);
  const highest = entries.toSorted((a, b) => epochOf(a) - epochOf(b) || a.localeCompare(b)).at(-1);
  if (highest !== undefined) return isDirectory(highest) ? highest : undefined;
  const [only] = names;
  return only !== undefined && names.length === 1 && isDirectory(only) ? only : undefined;
}

/** Those without an epoch first, then upwards: what could be taken if it were alone is the highest to the last. */
function others(names: readonly string[], stays: string | undefined): string[] {
  return names.filter((name) => name !== stays).sort((a, b) => epochOf(a) - epochOf(b));
}

/** A published intent was promised, and staged items have an owner who looks for them: they go over to the entry that stays. */
async function moveLeftovers(from: string, to: string, lock: LockName): Promise<void> {
  if (statusOf(from)?.isDirectory() !== true) return;
  for (const { path, kind } of leftoversIn(from, lock)) {
    if (kind === 'unknown' || exists(join(to, basename(path)))) continue;
    try {
      await rename(path, join(to, basename(path)));
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
}

/** What is in a free entry, and would stop or mislead its next holder, is set aside; the entry's exact name in the path says that it is still free. */
async function clearEntry(mender: Mender, lock: LockName): Promise<void> {
  const dir = mender.repo.layout.fence(lock);
  const { issues } = await lookAtFence(mender.repo, lock);
  for (const { path, kind } of issues) {
    const [entry = '', item] = relative(dir, path).split(sep);
    if (isFinding(kind) && item !== undefined) await aside(mender, join(dir, entry, item), kind);
  }
}

/**
 * The same for these locks, by the holder of the closed global fence: a writer who takes a lock again and again, and fails at
 * what is left in it, may have kept us from finding it free before.
 */
export async function clearEntries(repo: Repo, mending: Mending, locks: readonly LockName[]): Promise<Mended[]> {
  const mender = newMender(repo, mending, new AbortController().signal);
  for (const lock of locks) await clearEntry(mender, lock);
  return mender.done;
}

async function aside(mender: Mender, path: string, kind: FindingKind, onlyIf?: 'no directory'): Promise<void> {
  const to = await setAside(mender.quarantine, path, onlyIf === undefined ? {} : { onlyIf });
  if (to !== undefined) mender.done.push({ path, kind, action: 'quarantined', to });
}

/** True when the data fence of a model is missing, or has not reached what its records say (P6). */
export function isBehind(repo: Repo, modelId: string): boolean {
  const path = repo.layout.fence({ kind: 'data', modelId });
  const status = statusOf(path);
  if (status === undefined) return true;
  // A damaged one is mended above everything.
  return status.isDirectory() && damageOf(path) === undefined && (readFence(path)?.epoch ?? 0) < recordedEpoch(repo, modelId);
}

/**
 * Moves the data fence of a model on, or makes it, when it is behind; undefined when it is not, or another process took it. For the
 * holder of the closed global fence: no other process can be in it.
 */
export async function raiseFence(repo: Repo, session: Session, modelId: string): Promise<Mended | undefined> {
  if (!isBehind(repo, modelId)) return undefined;
  const lock = { kind: 'data', modelId } as const;
  const path = repo.layout.fence(lock);
  const entry = readFence(path);
  if (entry?.state === 'held') return undefined;
  const epoch = epochAbove(repo, lock);
  if (entry === undefined) await createFence(path, session, epoch);
  else if (!(await raiseEntry(path, entry.name, epoch))) return undefined;
  await syncDir(path);
  return { path, kind: entry === undefined ? 'fence_missing' : 'generation_ahead', action: 'raised' };
}

/** The names in a directory, also behind a link; undefined for what is not a directory. */
function list(dir: string): string[] | undefined {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}
