/**
 * The one waiting loop: arms the watches first and looks then, so that no wake-up is lost; polls slowly behind them
 * (network disks, exhausted watches); one deadline; tells once whom it waits for, and once how long it took (L13).
 */
import { type FSWatcher, watch } from 'node:fs';
import { isErrno, SwampError } from '../errors.js';
import type { Repo } from '../repo.js';

/** What a look found in the way. */
export interface Blocked {
  /** Directories whose change may end the wait. */
  readonly watch: readonly string[];
  /** Whom or what we wait for, for the notice: a clause. */
  readonly on: string;
  /** For `error.data` when the deadline passes. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The next step of the person, when the deadline passes. */
  readonly hint: string;
  /** Look again after this long at the latest, in milliseconds. */
  readonly recheckMs?: number;
}

export type Look<T> = { readonly done: T } | { readonly blocked: Blocked };

/** One command's waiting: its deadline counts over everything it waits for in one pass of the protocol. */
export class Waiting {
  readonly #repo: Repo;
  readonly #signal: AbortSignal;
  readonly #started: number;

  constructor(repo: Repo, signal: AbortSignal) {
    this.#repo = repo;
    this.#signal = signal;
    this.#started = repo.timing.now();
  }

  /**
   * Calls `look` until it is done, at every change of what it watches. `what` names the thing waited for.
   * Throws `lock_timeout` at the deadline, and the signal's reason when it fires.
   */
  async until<T>(what: string, look: () => Promise<Look<T>>): Promise<T> {
    const { timing, reporter } = this.#repo;
    const watches = new Watches();
    const since = timing.now();
    let told = false;
    try {
      for (;;) {
        this.#signal.throwIfAborted();
        const changes = watches.changes;
        const seen = await look();
        if ('done' in seen) {
          if (told) reporter.info(`Waited ${seconds(timing.now() - since)} for ${what}.`);
          return seen.done;
        }
        const { blocked } = seen;
        const waited = timing.now() - since;
        if (!told && waited >= NOTICE_AFTER_MS) {
          told = true;
          reporter.info(`Waiting for ${what}: ${blocked.on}.`);
        }
        const left = timing.lockTimeoutMs - (timing.now() - this.#started);
        if (left <= 0) throw timedOut(what, waited, blocked);
        // New watches miss what happened before they stood: look once more before sleeping.
        if (watches.arm(blocked.watch) || watches.changes !== changes) continue;
        const notice = told ? Number.POSITIVE_INFINITY : Math.max(1, NOTICE_AFTER_MS - waited);
        await watches.sleep(Math.min(left, timing.pollMs, blocked.recheckMs ?? timing.pollMs, notice), this.#signal);
      }
    } finally {
      watches.close();
    }
  }
}

/** Waits shorter than this are not told: in a busy repository they are the ordinary hand-off. */
const NOTICE_AFTER_MS = 100;

function timedOut(what: string, waited: number, blocked: Blocked): SwampError {
  return new SwampError('lock_timeout', `Gave up waiting for ${what} after ${seconds(waited)}: ${blocked.on}.`, { hint: blocked.hint, data: blocked.data });
}

/** `0.3 s`, `12 s`, `5 min`. */
export function seconds(ms: number): string {
  if (ms >= 120_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}

class Watches {
  /** Counts events, so that one between look and sleep is not lost. */
  changes = 0;
  readonly #armed = new Map<string, FSWatcher | undefined>();
  #wake: (() => void) | undefined;

  /** Watches exactly `dirs`; true when one was new. A directory that cannot be watched is left to the poll. */
  arm(dirs: readonly string[]): boolean {
    for (const [dir, watcher] of this.#armed) {
      if (dirs.includes(dir)) continue;
      watcher?.close();
      this.#armed.delete(dir);
    }
    let fresh = false;
    for (const dir of dirs) {
      if (this.#armed.has(dir)) continue;
      const watcher = this.#open(dir);
      this.#armed.set(dir, watcher);
      fresh ||= watcher !== undefined;
    }
    return fresh;
  }

  #open(dir: string): FSWatcher | undefined {
    const changed = (): void => {
      this.changes++;
      this.#wake?.();
    };
    try {
      // A watch that breaks later (its directory went) also means: look again.
      return watch(dir, { persistent: false }, changed).on('error', changed);
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOSPC', 'EMFILE', 'ENOTDIR', 'EACCES', 'ENOSYS')) return undefined;
      throw error;
    }
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }

  close(): void {
    for (const watcher of this.#armed.values()) watcher?.close();
    this.#armed.clear();
  }
}
