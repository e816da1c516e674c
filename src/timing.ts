/** Every duration the program waits by, as one value, read from the environment once. */
import { SwampError } from './errors.js';

export interface Timing {
  /** A holder whose heartbeat has not moved for this long, by the waiter's own clock, is stale. Milliseconds. */
  readonly ttlMs: number;
  /** How often a holder moves its heartbeat. Milliseconds. */
  readonly heartbeatMs: number;
  /** The slow look behind the file-system events: network disks send none. Milliseconds. */
  readonly pollMs: number;
  /** How long the head of a queue may leave a free lock untaken before the next waiter passes it. Milliseconds. */
  readonly graceMs: number;
  /** How long a wait lasts before it is reported (L13). Milliseconds. */
  readonly noticeMs: number;
  /** How long a command waits for locks in all; 0: it tries once. Milliseconds. */
  readonly lockTimeoutMs: number;
  /** A clock that never goes back. Milliseconds. */
  readonly now: () => number;
}

const DEFAULT_LOCK_TIMEOUT_MS = 60_000;
const DEFAULT_TTL_MS = 30_000;
/** A person who looks on wants to know sooner than a log does. */
const NOTICE_MS = { terminal: 1_000, log: 2_000 } as const;
/** proper-lockfile accepts no smaller ttl. */
const MIN_TTL_MS = 2_000;

/** A clock that never goes back, in milliseconds. Node loads `performance` when it is first used, which takes longer than reading a definition. */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** A whole number of milliseconds, at least `least`, or a usage error naming where it came from (L5). */
export function parseMilliseconds(text: string, source: string, least = 1): number {
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least))
    throw new SwampError('usage', `${source} must be a whole number of milliseconds from ${least} up, not "${text}".`, { hint: `Example: ${source} 5000` });
  return value;
}

/** A duration as people read it: `0.3 s`, `12 s`, `5 min`, `7 h`, `3 d`. */
export function duration(ms: number): string {
  if (ms < 120_000) return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
  const minutes = ms / 60_000;
  if (minutes < 120) return `${Math.round(minutes)} min`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 60 / 24)} d`;
}

/**
 * The durations of this process. `lockTimeout` (the flag's text) goes before SWAMP_LOCK_TIMEOUT_MS.
 * SWAMP_LOCK_TTL_MS (at least 2000) changes the ttl: every process of one repository must agree on it.
 * SWAMP_NOTICE_MS changes when a wait is reported; without it, that depends on who reads: `terminal` or `log`.
 * 0 for the lock timeout: try once. Throws `usage` for a value that is not a whole number.
 */
export function timingFrom(env: NodeJS.ProcessEnv, lockTimeout?: string, reader: keyof typeof NOTICE_MS = 'log'): Timing {
  const wait =
    lockTimeout !== undefined
      ? parseMilliseconds(lockTimeout, '--lock-timeout', 0)
      : fromEnv(env, 'SWAMP_LOCK_TIMEOUT_MS', { fallback: DEFAULT_LOCK_TIMEOUT_MS, least: 0 });
  const ttlMs = Math.max(MIN_TTL_MS, fromEnv(env, 'SWAMP_LOCK_TTL_MS', { fallback: DEFAULT_TTL_MS, least: 1 }));
  const noticeMs = fromEnv(env, 'SWAMP_NOTICE_MS', { fallback: NOTICE_MS[reader], least: 1 });
  return Object.freeze({ ttlMs, heartbeatMs: Math.floor(ttlMs / 3), pollMs: 250, graceMs: 200, noticeMs, lockTimeoutMs: wait, now });
}

function fromEnv(env: NodeJS.ProcessEnv, name: string, { fallback, least }: { readonly fallback: number; readonly least: number }): number {
  const text = env[name];
  return text === undefined || text === '' ? fallback : parseMilliseconds(text, name, least);
}
