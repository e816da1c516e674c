/**
 * Looks twice before it reports: first at everything, then again at whatever looked wrong, until it does not change. What
 * changed or went away in between is the work of others, not damage.
 */
import { opendirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { isErrno } from '../../errors.js';
import { identityOf, stateOf, statusOf } from '../../fs/identity.js';
import { isForeign } from '../../fs/tree.js';
import type { Repo } from '../../repo.js';
import type { Issue } from './kinds.js';
import { type Expected, notesOn, typeIssue } from './plain.js';

/** One look at one object. */
export interface Look {
  readonly issues: readonly Issue[];
  /** Which state of the object was seen; undefined when it changed under the look. */
  readonly state: string | undefined;
}

export type Looker = () => Look | Promise<Look>;

export interface CheckCounts {
  models: number;
  artifacts: number;
  versions: number;
  /** Content that was read. */
  bytes: number;
  tombstones: number;
  fences: number;
}

export interface CheckOptions {
  readonly signal: AbortSignal;
  /** What has been looked at so far; called now and then. */
  readonly onProgress?: (counts: Readonly<CheckCounts>) => void;
}

interface Suspect {
  readonly path: string;
  readonly look: Looker;
  readonly before: Look;
  /** What was wrong at every look so far. */
  readonly always: readonly Issue[];
}

const FINE: Look = Object.freeze({ issues: [], state: undefined });
/** Between the looks at what is suspect. A clock of the file system ticks faster than the shortest. */
const PAUSES_MS = [50, 100, 200, 400];
const BREATH_MS = 50;
/** The system ran out of something: that says nothing about the tree. */
const EXHAUSTED = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'];

export class Checker {
  readonly repo: Repo;
  readonly signal: AbortSignal;
  readonly counts: CheckCounts = { models: 0, artifacts: 0, versions: 0, bytes: 0, tombstones: 0, fences: 0 };
  readonly #onProgress: CheckOptions['onProgress'];
  readonly #suspects: Suspect[] = [];
  #breath: number;

  constructor(repo: Repo, options: CheckOptions) {
    this.repo = repo;
    this.signal = options.signal;
    this.#onProgress = options.onProgress;
    this.#breath = repo.timing.now();
  }

  /** The first look; what looks wrong is kept for the second. */
  async look(path: string, look: Looker): Promise<void> {
    const before = await guarded(path, look);
    if (before.issues.length > 0) this.#suspects.push({ path, look, before, always: before.issues });
    await this.breathe();
  }

  /** Gives way to timers and signals now and then. Throws the signal's reason when it fired. */
  async breathe(): Promise<void> {
    this.signal.throwIfAborted();
    const now = this.repo.timing.now();
    if (now - this.#breath < BREATH_MS) return;
    this.#onProgress?.({ ...this.counts });
    await setImmediate();
    this.#breath = this.repo.timing.now();
  }

  /**
   * The names in `dir` that `expected` gives a type and that have it, one at a time: no listing is held in memory. Every
   * other entry, and a directory that cannot be read, becomes a suspect. None where there is no directory: a look at what is
   * there says so.
   */
  async *entries(dir: string, expected: (name: string) => Expected | undefined): AsyncGenerator<string> {
    try {
      if (statusOf(dir)?.isDirectory() !== true) return;
      for (const { name, type } of listed(dir)) {
        if (isForeign(name)) {
          await this.look(join(dir, name), () => lookAtForeign(dir, name));
          continue;
        }
        const wanted = expected(name);
        if (wanted !== undefined && (wanted === 'any' || wanted === type)) yield name;
        else await this.look(join(dir, name), () => lookAtEntry(join(dir, name), wanted));
      }
    } catch (error) {
      // What could not be listed is reported, although it may be readable again by then: its entries were not looked at.
      const unread = await guarded(dir, () => Promise.reject(error));
      if (unread.issues.length > 0) await this.look(dir, () => unread);
    }
  }

  /** The second looks, and more where others are at work: what remains was in one state, or wrong at every look. */
  async settle(): Promise<Issue[]> {
    const standing: Issue[] = [];
    let open: readonly Suspect[] = this.#suspects;
    for (const pause of PAUSES_MS) {
      if (open.length === 0) break;
      await this.#pause(pause);
      const unsettled: Suspect[] = [];
      for (const suspect of open) {
        const now = await guarded(suspect.path, suspect.look);
        const both = common(suspect.before.issues, now.issues);
        const still = now.state !== undefined && now.state === suspect.before.state && both.length === now.issues.length;
        if (still) standing.push(...both);
        else if (now.issues.length > 0) unsettled.push({ ...suspect, before: now, always: common(suspect.always, now.issues) });
        await this.breathe();
      }
      open = unsettled;
    }
    return unique([...standing, ...open.flatMap(({ always }) => always)]).map(identified);
  }

  async #pause(ms: number): Promise<void> {
    try {
      await setTimeout(ms, undefined, { signal: this.signal });
    } catch (error) {
      this.signal.throwIfAborted();
      throw error;
    }
  }
}

/** A look at `path`, which must be of that type and no link; its state is that of `path` itself, when it is the same before and after. */
export async function lookAtObject(path: string, expected: Expected, body: () => readonly Issue[] | Promise<readonly Issue[]>): Promise<Look> {
  const before = stateOf(path);
  if (before === undefined) return FINE;
  const type = typeIssue(path, expected);
  const issues = type === undefined ? await body() : [type];
  const after = stateOf(path);
  return after === undefined ? FINE : { issues, state: before === after ? after : undefined };
}

function lookAtForeign(dir: string, name: string): Look {
  return stateOf(join(dir, name)) === undefined ? FINE : { issues: notesOn(dir, [name]), state: 'foreign' };
}

function lookAtEntry(path: string, expected: Expected | undefined): Look {
  const state = stateOf(path);
  if (state === undefined) return FINE;
  const issue = typeIssue(path, expected) ?? (expected === undefined ? ({ path, kind: 'unknown_entry', message: 'does not belong here' } as const) : undefined);
  return { issues: issue === undefined ? [] : [issue], state };
}

function* listed(dir: string): Generator<{ readonly name: string; readonly type: Expected | undefined }> {
  const listing = opendirSync(dir);
  try {
    for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) {
      yield { name: entry.name, type: entry.isDirectory() ? 'directory' : entry.isFile() ? 'file' : undefined };
    }
  } finally {
    listing.closeSync();
  }
}

async function guarded(path: string, look: Looker): Promise<Look> {
  try {
    return await look();
  } catch (error) {
    if (!isSystemError(error) || isErrno(error, ...EXHAUSTED)) throw error;
    // It went, or became something else, between two calls.
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return FINE;
    const { code = 'unknown', path: where = path } = error;
    return { issues: [{ path: where, kind: 'unreadable', message: `cannot be read (${code}${ownership(where)})` }], state: code };
  }
}

/** Which account may read it: so a person sees at once whether it is the permissions or the disk. */
function ownership(path: string): string {
  const status = readable(() => statusOf(path));
  return status === undefined ? '' : `; owner ${status.uid}, mode ${(status.mode & 0o7777n).toString(8).padStart(3, '0')}`;
}

/** Undefined also where a directory above may not be searched. */
function readable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

function common(before: readonly Issue[], now: readonly Issue[]): Issue[] {
  const keys = new Set(before.map(keyOf));
  return now.filter((issue) => keys.has(keyOf(issue)));
}

/** Two looks can meet in one file. */
function unique(issues: readonly Issue[]): Issue[] {
  return [...new Map(issues.map((issue) => [keyOf(issue), issue])).values()];
}

function identified(issue: Issue): Issue {
  const identity = readable(() => identityOf(issue.path));
  return identity === undefined ? issue : { ...issue, identity };
}

function keyOf({ path, kind, message, same }: Issue): string {
  return same === undefined ? `${kind}\0${path}\0${message}` : `${kind}\0${same}`;
}
