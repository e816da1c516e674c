/**
 * A held fence with a heartbeat: proper-lockfile drives it (heartbeat by mtime, compromise, release on exit) through its
 * `fs` option, whose mkdir, rmdir, stat and utimes are the fence's renames. Its one weak spot, removing a lock by path,
 * becomes compare-and-swap: each call names the exact entry that was read.
 */
import { join } from 'node:path';
import { errnoOf, isErrno, isSystemError, reasonOf, SwampError } from '../errors.js';
import { touchDir, writeAdvisory } from '../fs/durable.js';
import { exists } from '../fs/tree.js';
import type { Repo } from '../repo.js';
import { type Entry, freeEntry, freeEntrySync, takeEntry } from './fence.js';
import { forsake, hostName } from './holder.js';
import { isBreakable, type Seen } from './observe.js';
import type { Session } from './session.js';

export const HOLDER_DETAILS = 'holder.json';

/**
 * A held fence: what every function of the store that changes something needs, and only protocol/ hands out. Everything
 * committed under the lock passes through `path`, which is gone once the lock is.
 */
export interface Lease {
  readonly repo: Repo;
  readonly session: Session;
  /** `global` for the global fence: what it names in the trash belongs to no model. */
  readonly modelId: string;
  /** The fence, synced before anything committed under the epoch is acknowledged (P6). */
  readonly dir: string;
  readonly epoch: number;
  /** Of the entry: `<epoch>.<holder>`. */
  readonly name: string;
  /** The entry's directory. */
  readonly path: string;
  /** True when this session lost the fence before and took it again: what it was about to commit may have been. */
  readonly retaken: boolean;
  /** Fires with `lock_lost` when the entry was taken away; it saves work, the fence saves data. */
  readonly signal: AbortSignal;
  /**
   * Gives the lock back; does nothing when it was lost. An error of the system is warned of and changes nothing (P8): the
   * entry counts as a dead holder's, in this process at once, for others when it ends.
   */
  release(): Promise<void>;
}

const goOn = (): void => undefined;

/**
 * Its exit handler listens to every signal that ends a process by default, and ends the process by it where no other listener does
 * anything. SIGXFSZ is among them, which Node ignores: a write past "ulimit -f" would end the process in place of failing as EFBIG,
 * with the lock given back and the command of a method still running. A listener of ours keeps the process going.
 */
async function loadLockfile(): Promise<typeof import('proper-lockfile')> {
  if (!process.listeners('SIGXFSZ').includes(goOn)) process.on('SIGXFSZ', goOn);
  return (await import('proper-lockfile')).default;
}

type Callback<T = void> = (error: unknown, value?: T) => void;

/**
 * One attempt to take a fence that is free, or whose holder is dead or stale, as `seen`. Undefined when another process was
 * first. The epoch goes up by one, or to `atLeast`. Throws only for errors of the system.
 */
export async function tryLease(seen: Seen, session: Session, atLeast = 0): Promise<Lease | undefined> {
  const lockfile = await loadLockfile();
  const { dir, lock } = seen;
  const { repo, holder } = session;
  const { timing, command, reporter } = repo;
  const grip = new Grip(seen, holder, atLeast);
  const aborter = new AbortController();
  let releaseLock: () => Promise<void>;
  try {
    releaseLock = await lockfile.lock(`${dir}#${holder}#${seen.entry.name}`, {
      fs: grip.adapter,
      realpath: false,
      retries: 0,
      stale: timing.ttlMs,
      update: timing.heartbeatMs,
      onCompromised: (cause: Error) => {
        if (!grip.released)
          aborter.abort(new SwampError('lock_lost', `The lock ${dir} was taken away from this process.`, { hint: 'Run the command again.', cause }));
      },
    });
  } catch (error) {
    // ENOENT: taken, and taken away again before the first heartbeat.
    if (isErrno(error, 'ELOCKED', 'ENOENT')) return undefined;
    throw error;
  }
  const name = grip.held;
  const path = join(dir, name);
  const release = async (): Promise<void> => {
    if (grip.released) return;
    try {
      await releaseLock().catch((error: unknown) => {
        // Its registry forgets a lock it holds for compromised; the entry decides, not the registry.
        if (!isErrno(error, 'ERELEASED', 'ENOTACQUIRED')) throw error;
      });
      await grip.giveBack();
    } catch (error) {
      if (!isSystemError(error) && !(error instanceof SwampError)) throw error;
      forsake(holder);
      reporter.warn(`The lock ${dir} could not be given back: ${reasonOf(error)}. It is free when this process has ended.`, {
        topic: 'lock',
        lock: seen.lock.kind,
        path: dir,
        holder,
        ...errnoOf(error),
      });
    }
  };
  try {
    // For people; nothing is decided by it.
    const details = { holder, command, host: hostName(), pid: process.pid, since: new Date().toISOString() };
    writeAdvisory(join(path, HOLDER_DETAILS), `${JSON.stringify(details)}\n`);
  } catch (error) {
    // It informs people only, so nothing that is in its way costs the lock; an entry that is gone is found out by the next step through it.
    if (!isSystemError(error)) {
      await release();
      throw error;
    }
  }
  const modelId = lock.kind === 'global' ? 'global' : lock.modelId;
  return { repo, session, modelId, dir, name, epoch: grip.epoch, path, retaken: false, signal: aborter.signal, release };
}

/** The file system that proper-lockfile sees: one lock file, which is one fence entry. */
class Grip {
  released = false;
  #dir: string;
  #current: Entry;
  #breakable: boolean;
  #holder: string;
  #atLeast: number;
  #mine: string | undefined;
  /** Renames into the entry move its mtime, so stat answers with what the owner last set. */
  #beat = new Date();

  constructor(seen: Seen, holder: string, atLeast: number) {
    this.#dir = seen.dir;
    this.#current = seen.entry;
    this.#breakable = isBreakable(seen);
    this.#holder = holder;
    this.#atLeast = atLeast;
  }

  /** Of our entry. */
  get epoch(): number {
    return Math.max(this.#current.epoch + 1, this.#atLeast);
  }

  get held(): string {
    if (this.#mine === undefined) throw new TypeError('no entry is held');
    return this.#mine;
  }

  readonly adapter = {
    mkdir: (_path: string, done: Callback): void => answer(done, this.#take()),
    rmdir: (_path: string, done: Callback): void => answer(done, this.#mine === undefined ? this.#break() : this.giveBack()),
    rmdirSync: (): void => this.#giveBackSync(),
    stat: (_path: string, done: Callback<{ mtime: Date }>): void => answer(done, this.#stat()),
    utimes: (_path: string, _access: Date, modified: Date, done: Callback): void => answer(done, this.#utimes(modified)),
  };

  async giveBack(): Promise<void> {
    if (this.#mine === undefined || this.released) return;
    this.released = true;
    await freeEntry(this.#dir, { name: this.#mine, epoch: this.epoch });
  }

  #giveBackSync(): void {
    if (this.#mine === undefined || this.released) return;
    this.released = true;
    freeEntrySync(this.#dir, { name: this.#mine, epoch: this.epoch });
  }

  async #take(): Promise<void> {
    if (this.#current.state !== 'free') throw systemError('EEXIST');
    this.#mine = await takeEntry(this.#dir, this.#current, this.#holder, this.epoch);
    if (this.#mine === undefined) throw systemError('EEXIST');
  }

  async #break(): Promise<void> {
    const freed = await freeEntry(this.#dir, this.#current);
    if (freed !== undefined) this.#current = freed;
  }

  /** For a waiter: our own verdict as an age. For the owner: whether its entry is still there. */
  async #stat(): Promise<{ mtime: Date }> {
    if (this.#mine === undefined) return { mtime: this.#breakable && this.#current.state === 'held' ? new Date(0) : new Date() };
    if (!exists(join(this.#dir, this.#mine))) throw systemError('ENOENT');
    return { mtime: this.#beat };
  }

  async #utimes(at: Date): Promise<void> {
    // What is left of it belongs to this holder's staging, like everything of that name.
    touchDir(join(this.#dir, this.held), at, `${this.#holder}.beat`);
    this.#beat = at;
  }
}

function answer<T>(done: Callback<T>, work: Promise<T>): void {
  work.then(
    (value) => done(null, value),
    (error: unknown) => done(error),
  );
}

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}
