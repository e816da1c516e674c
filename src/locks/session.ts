/** One operation's identity: its holder text and its staging directory, which needs no lock. */
import { dirname } from 'node:path';
import { isErrno, isSystemError } from '../errors.js';
import { makeDir, makeDirs, removeEmptyDir, rename, touchDir } from '../fs/durable.js';
import { reach } from '../fs/reach.js';
import { fillReserve, spending } from '../fs/reserve.js';
import { exists } from '../fs/tree.js';
import type { Repo } from '../repo.js';
import { currentProcess, formatHolder, newNonce } from './holder.js';

export interface Session {
  readonly repo: Repo;
  /** `<machine>-<boot>-<pid namespace>-<pid>-<start>-<nonce>`: names fence entries, staging and tickets. */
  readonly holder: string;
  readonly nonce: string;
  /** staging/<holder>; exists after openStaging. */
  readonly staging: string;
  /** What this session moved into the trash: swept after its locks are released (S5). */
  readonly trashed: string[];
  /** Its steps may spend the reserve: it removes something, or finishes what is published. */
  readonly removes: boolean;
  /**
   * Of the one intent that it publishes, if any. `begun`: it may be published, and only a holder of the fence knows. `published`:
   * it is, with this outcome, whatever becomes of the fence.
   */
  readonly intent: { begun: boolean; published: object | undefined };
  /** How many records of changes it has made: each gets a number of its own. */
  readonly changes: { count: number };
  readonly pulse: Pulse;
}

/**
 * The heartbeat of a session: its staging's modification time moves while it works. A process that cannot see the session's judges by
 * this everything that carries its name: the staging, a pin, an upload moved aside (store/abandoned.ts).
 */
class Pulse {
  readonly #path: string;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, everyMs: number) {
    this.#path = path;
    this.#everyMs = everyMs;
  }

  /** Again: nothing. */
  start(): void {
    this.#timer ??= setTimeout(() => this.#beat(), this.#everyMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** True once the staging was made: when it is not there any more, it was taken away. */
  get started(): boolean {
    return this.#timer !== undefined;
  }

  #beat(): void {
    try {
      touchDir(this.#path, new Date(), '.beat');
    } catch (error) {
      // One that is gone or cannot be touched is found out by the next step through it, or by the next beat.
      if (!isSystemError(error)) throw error;
    }
    this.stop();
    this.start();
  }
}

export function newSession(repo: Repo, { removes = false }: Partial<Pick<Session, 'removes'>> = {}): Session {
  const nonce = newNonce();
  const holder = formatHolder({ ...currentProcess(), nonce });
  const staging = repo.layout.staging(holder);
  return {
    repo,
    holder,
    nonce,
    staging,
    trashed: [],
    removes,
    intent: { begun: false, published: undefined },
    changes: { count: 0 },
    pulse: new Pulse(staging, repo.timing.heartbeatMs),
  };
}

/**
 * Makes the staging directory, and keeps its heartbeat going until closeStaging; again: nothing. Trash and reserve are made with the
 * first one, so that a full disk does not keep anything from being discarded.
 */
export async function openStaging(session: Session): Promise<string> {
  if (session.pulse.started && exists(session.staging)) return session.staging;
  const { layout } = session.repo;
  const isFirst = !exists(layout.trashes);
  await makePlace(session, layout.trashes);
  if (isFirst) await fillReserve(layout.reserve);
  await makePlace(session, layout.stagings);
  // Not synced: what a power cut takes from here was not acknowledged.
  await takingSpace(session, () => makeDir(session.staging));
  session.pulse.start();
  return session.staging;
}

/** Runs one step that takes space; a session that removes may spend the reserve on it. `step` must be safe to repeat. */
export function takingSpace<T>({ repo, removes }: Session, step: () => Promise<T>): Promise<T> {
  return removes ? spending(repo.layout.reserve, step) : step();
}

/** `makeDirs` of a session. */
export function makePlace(session: Session, path: string): Promise<void> {
  return takingSpace(session, () => makeDirs(path));
}

/** Discards the staging directory with what is left in it. */
export async function closeStaging(session: Session): Promise<void> {
  session.pulse.stop();
  // The look comes first: a read-only file system refuses to remove even what is not there.
  if (!exists(session.staging) || (await removeEmptyDir(session.staging))) return;
  session.trashed.push(...(await discard(session.repo, session.staging, STAGING)));
}

/** Names a discarded staging in the trash: no commit put it there. */
export const STAGING = 'staging';

/** Moves `path` into the trash, where no other process writes to it (P5), for a sweep. Where it is now; nothing when another process had moved it. */
export async function discard({ layout }: Repo, path: string, owner: string): Promise<readonly string[]> {
  const trash = layout.trash(owner, 0, newNonce());
  if (!reach(dirname(path))) return [];
  try {
    await spending(layout.reserve, async () => {
      await makeDirs(layout.trashes);
      await rename(path, trash);
    });
    return [trash];
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
