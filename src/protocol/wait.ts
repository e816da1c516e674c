/**
 * The one waiting loop: arms the watches first and looks then, so that no wake-up is lost; polls slowly behind them
 * (network disks, exhausted watches); one deadline; reports once what it waits for, and once how long it took (L13).
 */
import { SwampError } from '../errors.js';
import type { Repo } from '../repo.js';
import { duration } from '../timing.js';
import { Watches } from './watches.js';

/** What a look found in the way. */
export interface Blocked {
  /** Directories whose change may end the wait. */
  readonly watch: readonly string[];
  /** Whom or what we wait for, for the notice: a clause. */
  readonly on: string;
  /** A sentence for the notice, with a space before it: how the wait may end by itself. */
  readonly outlook?: string;
  /** For `error.data` when the deadline passes. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The next step of the person, when the deadline passes. */
  readonly hint: string;
  /** Look again after this long at the latest, in milliseconds. */
  readonly recheckMs?: number;
}

export type Attempt<T> = { readonly done: T } | { readonly blocked: Blocked };

/** One command's waiting: its deadline counts over everything it waits for in one pass of the protocol. */
export class Waiting {
  readonly #repo: Repo;
  readonly #signal: AbortSignal;
  #started: number;

  constructor(repo: Repo, signal: AbortSignal) {
    this.#repo = repo;
    this.#signal = signal;
    this.#started = repo.timing.now();
  }

  /** What is left of the deadline, in milliseconds, when it counts from `at` at the earliest. */
  leftMs(at = 0): number {
    const { timing } = this.#repo;
    return timing.lockTimeoutMs - (timing.now() - Math.max(this.#started, at));
  }

  /** The deadline counts from `at` at the earliest. */
  countFrom(at: number): void {
    this.#started = Math.max(this.#started, at);
  }

  /**
   * Calls `look` until it is done, at every change of what it watches. `what` names the thing waited for.
   * Throws `lock_timeout` at the deadline, and the signal's reason when it fires.
   */
  async until<T>(what: string, look: () => Promise<Attempt<T>>): Promise<T> {
    const { timing, reporter } = this.#repo;
    const watches = new Watches();
    const since = timing.now();
    let reported: Blocked['data'] | undefined;
    try {
      for (;;) {
        this.#signal.throwIfAborted();
        const changes = watches.changes;
        const seen = await look();
        if ('done' in seen) {
          if (reported !== undefined) {
            const waitedMs = Math.round(timing.now() - since);
            reporter.info(`Waited ${duration(waitedMs)} for ${what}.`, { ...reported, topic: 'lock', waitedMs });
          }
          return seen.done;
        }
        const { blocked } = seen;
        const waited = timing.now() - since;
        if (reported === undefined && waited >= timing.noticeMs) {
          reported = { ...blocked.data, modelName: this.#repo.names.get(String(blocked.data['modelId'])) };
          reporter.info(`Waiting for ${what}: ${blocked.on}.${blocked.outlook ?? ''}`, { ...reported, topic: 'lock', waitedMs: Math.round(waited) });
        }
        const left = this.leftMs();
        if (left <= 0) throw timedOut(what, waited, blocked);
        // New watches miss what happened before they were set: look once more before sleeping.
        if (watches.arm(blocked.watch) || watches.changes !== changes) continue;
        const notice = reported !== undefined ? Number.POSITIVE_INFINITY : Math.max(1, timing.noticeMs - waited);
        await watches.sleep(Math.min(left, timing.pollMs, blocked.recheckMs ?? timing.pollMs, notice), this.#signal);
      }
    } finally {
      watches.close();
    }
  }
}

/** `lock_timeout`, naming the holder and the next step. */
export function timedOut(what: string, waited: number, blocked: Pick<Blocked, 'on' | 'data' | 'hint'>): SwampError {
  return new SwampError('lock_timeout', `Gave up waiting for ${what} after ${duration(waited)}: ${blocked.on}.`, { hint: blocked.hint, data: blocked.data });
}
