/** Whether a published restore waits to be carried out: the one look that every command pays for it; and whether one was published during a read. */
import { lstatSync } from 'node:fs';
import { isErrno, SwampError } from '../errors.js';
import { exists, readText } from '../fs/tree.js';
import type { Repo } from '../repo.js';

export function isRestoring({ layout }: Repo): boolean {
  try {
    return exists(layout.restoring);
  } catch (error) {
    // Something else is where the datastore belongs: the command that needs it says so.
    if (isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}

/** A move of a datastore, as its records have it. Paths are absolute. */
export interface Relocation {
  readonly from: string;
  readonly to: string;
  /** The repository whose marker is changed. */
  readonly root: string;
  readonly repoId: string;
  readonly at: string;
  /** The session that moves it. */
  readonly holder: string;
}

/** Thrown where a datastore was, before anything is done: the command goes on where it is now. */
export class Moved extends SwampError {
  constructor(readonly move: Relocation) {
    const { from, to, at } = move;
    super('config_invalid', `The datastore was moved from ${from} to ${to} (${at.slice(0, 10)}), and the .swamp.yaml of this repository does not say so.`, {
      hint: `Get the .swamp.yaml that does ("git pull"), or run: swamp datastore setup filesystem --path ${to} --skip-migration --force`,
      data: { ...move },
    });
  }
}

/** Throws Moved where the datastore was moved away: that is a restore which brings it all elsewhere, and so every command looks for it. Throws `corrupt` when the record cannot be read. */
export function requireHere({ layout }: Repo): void {
  const move = readMove(layout.moved);
  if (move !== undefined) throw new Moved(move);
}

/** The record of a move; undefined when there is none. Throws `corrupt`. */
export function readMove(path: string): Relocation | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const move = parsed(text);
  if (isRelocation(move)) return move;
  throw new SwampError('corrupt', `${path} does not say where the datastore was moved to.`, {
    hint: 'Set datastore.path in .swamp.yaml by hand.',
    data: { path },
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isRelocation(value: unknown): value is Relocation {
  const record = (value ?? {}) as Record<string, unknown>;
  return ['from', 'to', 'root', 'repoId', 'at', 'holder'].every((name) => typeof record[name] === 'string');
}

/** Thrown where a restore waits to be carried out, or was published meanwhile: that is done first, and the command, which has done nothing yet, begins anew. */
export class Unsettled extends SwampError {
  constructor(readonly repo: Repo) {
    super('conflict', 'A restore was published while the repository was read.', { hint: 'Run the command again.' });
  }
}

/**
 * What `read` finds or does not find is of one side of every restore (B16): it may have looked at one thing before a restore
 * was published and at another one after it. `discard` is given what was found and does not count. Throws Unsettled, and what `read` throws.
 */
export async function readWhole<T>(repo: Repo, read: () => Promise<T>, discard?: (found: T) => void): Promise<T> {
  const before = stampOf(repo);
  // One that goes within the tick of the clock in which it came leaves the stamp as it is.
  if (isRestoring(repo)) throw new Unsettled(repo);
  const isWhole = (): boolean => stampOf(repo) === before && !isRestoring(repo);
  let found: T;
  try {
    found = await read();
  } catch (error) {
    throw isWhole() ? error : new Unsettled(repo);
  }
  if (isWhole()) return found;
  discard?.(found);
  throw new Unsettled(repo);
}

/** Changes whenever restoring/ appears or goes: both are renames in this directory, in which there are hardly any others. */
function stampOf({ layout }: Repo): bigint | undefined {
  return lstatSync(layout.root, { bigint: true, throwIfNoEntry: false })?.mtimeNs;
}
