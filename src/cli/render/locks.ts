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

/** What needs a person first; what the next command takes over by itself last. */
const URGENCY = ['damaged', 'unreadable', 'stale', 'live', 'dead'] as const;

/** A damaged lock cannot be taken, whatever is in it. */
function conditionOf({ state, verdict }: LockRecord): (typeof URGENCY)[number] {
  return state === 'damaged' ? state : verdict;
}

export function lockLines(found: readonly LockRecord[], columns: number): Line[] {
  const locks = found.toSorted((a, b) => URGENCY.indexOf(conditionOf(a)) - URGENCY.indexOf(conditionOf(b)));
  const rows = locks.map((lock) => [
    lockTitleOf(lock),
    lock.state,
    lock.verdict,
    lock.command ?? '-',
    whoText(lock),
    age(lock.acquiredAt),
    age(lock.heartbeatAt),
  ]);
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
  const title = { text: `${lockTitleOf(lock)}: ${lock.state}${lock.state === 'damaged' ? '' : `, ${lock.verdict}`}`, alarm };
  const held = lock.acquiredAt === null ? '' : `, for ${age(lock.acquiredAt)}`;
  const facts = [
    lock.command === null ? undefined : `  by "${printable(lock.command)}"`,
    lock.pid === null ? undefined : `  ${whoText(lock)}${held}`,
    lock.heartbeatAt === null ? undefined : `  heartbeat ${age(lock.heartbeatAt)} ago`,
  ];
  return [title, ...facts.flatMap((text) => (text === undefined ? [] : [{ text }]))];
}

/** `run of nightly`, `global`. */
export function lockTitleOf({ lock, modelId, modelName }: Pick<LockRecord, 'lock' | 'modelId' | 'modelName'>): string {
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
  const own = waitsFor(lock, locks).map(({ on, since }) => `  -> its holder waits for ${lockTitleOf(on)}, for ${age(since)}`);
  const next = nextStep(lock);
  return [...own, ...waiters, ...(next === undefined ? [] : [`  next: ${next}`])].map((text) => ({ text }));
}

/** The locks that the holder of this one waits for. */
export function waitsFor({ pid, host }: LockRecord, locks: readonly LockRecord[]): { readonly on: LockRecord; readonly since: string }[] {
  return locks.flatMap((on) => on.waiters.filter((waiter) => waiter.pid === pid && waiter.host === host).map(({ since }) => ({ on, since })));
}

/** Whether its holder is at work, or has ended, cannot be known. */
export function isStuck(lock: LockRecord): boolean {
  return ['damaged', 'unreadable', 'stale'].includes(conditionOf(lock));
}

/** What others wait for a minute is worth a look. Milliseconds. */
const LONG_MS = 60_000;

/** What a person does about it; undefined when there is nothing to do. */
function nextStep(lock: LockRecord): string | undefined {
  const release = `swamp datastore lock release --force${lock.modelId === null ? '' : ` --model ${printable(lock.modelName ?? lock.modelId)}`}`;
  if (lock.state === 'damaged') return `no process can take it (${lock.holder === '' ? 'no entry' : printable(lock.holder)}): swamp datastore check --repair`;
  if (lock.verdict === 'dead') return 'nothing, the next command takes it over';
  if (lock.verdict === 'stale') return `a command that waits for it takes it over by itself; at once: ${release}`;
  if (lock.verdict === 'unreadable') return `its holder cannot be read; if no command is running: ${release}`;
  const longest = Math.max(0, ...lock.waiters.map(({ since }) => Date.now() - Date.parse(since)));
  return longest < LONG_MS ? undefined : `end its holder (${whoText(lock)}), or put it out: ${release}`;
}

/** `3 locks held (1 stale, 2 live); 1 waits`. */
export function lockSummary(locks: readonly LockRecord[]): string {
  if (locks.length === 0) return 'No lock is held.';
  const conditions = URGENCY.map((condition) => ({ condition, n: locks.filter((lock) => conditionOf(lock) === condition).length })).filter(({ n }) => n > 0);
  const waiting = new Set(locks.flatMap(({ waiters }) => waiters.map(({ host, pid }) => `${host} ${pid}`))).size;
  const who = waiting === 0 ? 'no command waits' : `${waiting} wait${waiting === 1 ? 's' : ''}`;
  return `${count(locks.length, 'lock')} held (${conditions.map(({ condition, n }) => `${n} ${condition}`).join(', ')}); ${who}`;
}

/** One line for each fact, without ages: two looks that differ in a line differ in what happens. */
export function lockFacts(locks: readonly LockRecord[]): string[] {
  return locks.flatMap((lock) => [
    `${lockTitleOf(lock)}: ${lock.state} by "${printable(lock.command ?? '-')}" (${whoText(lock)}), ${lock.verdict}`,
    ...lock.waiters.map(
      (waiter) =>
        `${lockTitleOf(lock)}: "${printable(waiter.command)}" (pid ${waiter.pid} on ${printable(waiter.host)}) waits ${WANTS[waiter.kind]} since ${waiter.since}`,
    ),
  ]);
}
