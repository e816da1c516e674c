/** Locks for people: who holds which, since when, who waits for whom, and what to do about the one that is stuck. */
import type { LockRecord, LockWaiter } from '../../operations/lock-status.js';
import { duration } from '../../timing.js';
import { joined, type Line, wrap } from './lines.js';
import { count, printable, table } from './text.js';

export interface Page {
  /** Of the window; undefined where lines may be as long as they want. */
  readonly columns?: number | undefined;
  readonly colour: boolean;
}

/** A table where it fits, else a block a lock; below each lock who waits for it, for whom its holder waits, and the next step. */
export function lockText(locks: readonly LockRecord[], { columns = Number.POSITIVE_INFINITY, colour }: Page): string {
  return joined(lockLines(locks, columns), colour);
}

export function lockLines(locks: readonly LockRecord[], columns: number): Line[] {
  const rows = locks.map((lock) => [titleOf(lock), lock.state, lock.verdict, lock.command ?? '-', whoText(lock), age(lock.acquiredAt), age(lock.heartbeatAt)]);
  const [head = '', ...lines] = table(['LOCK', 'STATE', 'VERDICT', 'COMMAND', 'HOLDER', 'AGE', 'HEARTBEAT'], rows).trimEnd().split('\n');
  const fits = [head, ...lines].every((line) => [...line].length <= columns);
  const shown = locks.flatMap((lock, i) => {
    const alarm = isStuck(lock);
    const title: Line[] = fits ? [{ text: lines[i] ?? '', alarm }] : block(lock, alarm);
    return [...title, ...notes(lock, locks)].flatMap((line) => wrap(line, columns));
  });
  return fits ? [{ text: head }, ...shown] : shown;
}

function block(lock: LockRecord, alarm: boolean): Line[] {
  const held = lock.acquiredAt === null ? '' : `, for ${age(lock.acquiredAt)}`;
  const beat = lock.heartbeatAt === null ? [] : [{ text: `  heartbeat ${age(lock.heartbeatAt)} ago` }];
  return [
    { text: `${titleOf(lock)}: ${lock.state}, ${lock.verdict}`, alarm },
    { text: `  by "${printable(lock.command ?? '-')}"` },
    { text: `  ${whoText(lock)}${held}` },
    ...beat,
  ];
}

/** `run of nightly`, `global`. */
export function titleOf({ lock, modelId, modelName }: Pick<LockRecord, 'lock' | 'modelId' | 'modelName'>): string {
  return modelId === null ? lock : `${lock} of ${modelName ?? modelId}`;
}

function whoText({ host, pid }: Pick<LockRecord, 'host' | 'pid'>): string {
  return `${pid === null ? '-' : `pid ${pid}`}${host === null ? '' : ` on ${printable(host)}`}`;
}

function age(since: string | null): string {
  const at = since === null ? Number.NaN : Date.parse(since);
  return Number.isNaN(at) ? '-' : duration(Math.max(0, Date.now() - at));
}

const WANTS: Readonly<Record<LockWaiter['kind'], string>> = { acquire: 'to take it', writer: 'until it is free', drain: 'for its holder to end' };

function notes(lock: LockRecord, locks: readonly LockRecord[]): Line[] {
  const waiters = lock.waiters.map(
    (waiter) => `  <- "${printable(waiter.command)}" (pid ${waiter.pid} on ${printable(waiter.host)}) waits ${WANTS[waiter.kind]}, for ${age(waiter.since)}`,
  );
  const own = waitsFor(lock, locks).map(({ on, since }) => `  -> its holder waits for ${titleOf(on)}, for ${age(since)}`);
  const next = nextStep(lock);
  return [...own, ...waiters, ...(next === undefined ? [] : [`  next: ${next}`])].map((text) => ({ text }));
}

/** The locks that the holder of this one waits for. */
export function waitsFor({ pid, host }: LockRecord, locks: readonly LockRecord[]): { readonly on: LockRecord; readonly since: string }[] {
  return locks.flatMap((on) => on.waiters.filter((waiter) => waiter.pid === pid && waiter.host === host).map(({ since }) => ({ on, since })));
}

/** A holder that shows no life, or a lock that nobody can take. */
export function isStuck({ state, verdict }: LockRecord): boolean {
  return state === 'damaged' || verdict !== 'live';
}

/** What others wait for a minute is worth a look. Milliseconds. */
const LONG_MS = 60_000;

/** What a person does about it; undefined when there is nothing to do. */
function nextStep(lock: LockRecord): string | undefined {
  const release = `swamp datastore lock release --force${lock.modelId === null ? '' : ` --model ${printable(lock.modelName ?? lock.modelId)}`}`;
  if (lock.state === 'damaged') return 'nobody can take it: swamp datastore check --repair';
  if (lock.verdict === 'dead') return 'nothing, the next command takes it over';
  if (lock.verdict === 'stale') return `a command that waits for it takes it over by itself; at once: ${release}`;
  if (lock.verdict === 'unreadable') return `its holder cannot be told; if nobody is at work: ${release}`;
  const longest = Math.max(0, ...lock.waiters.map(({ since }) => Date.now() - Date.parse(since)));
  return longest < LONG_MS ? undefined : `end its holder (${whoText(lock)}), or put it out: ${release}`;
}

/** `2 locks held, 1 of them stuck; 3 wait`. */
export function lockSummary(locks: readonly LockRecord[]): string {
  if (locks.length === 0) return 'No lock is held.';
  const stuck = locks.filter(isStuck).length;
  const waiting = new Set(locks.flatMap(({ waiters }) => waiters.map(({ host, pid }) => `${host} ${pid}`))).size;
  return `${count(locks.length, 'lock')} held${stuck === 0 ? '' : `, ${stuck} stuck`}; ${waiting === 0 ? 'nobody waits' : `${waiting} wait${waiting === 1 ? 's' : ''}`}`;
}

/** One line for each fact, without ages: two looks that differ in a line differ in what happens. */
export function lockFacts(locks: readonly LockRecord[]): string[] {
  return locks.flatMap((lock) => [
    `${titleOf(lock)}: ${lock.state} by "${printable(lock.command ?? '-')}" (${whoText(lock)}), ${lock.verdict}`,
    ...lock.waiters.map(
      (waiter) =>
        `${titleOf(lock)}: "${printable(waiter.command)}" (pid ${waiter.pid} on ${printable(waiter.host)}) waits ${WANTS[waiter.kind]} since ${waiter.since}`,
    ),
  ]);
}
