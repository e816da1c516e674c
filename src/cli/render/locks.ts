/** Locks as a table, with those who wait for each below it. */
import type { LockRecord } from '../../operations/lock-status.js';
import { printable, table } from './text.js';

/** One line a lock; `-` where nothing can be read. */
export function lockTable(locks: readonly LockRecord[]): string {
  const rows = locks.map((lock) => [
    title(lock),
    lock.state,
    lock.verdict,
    lock.command ?? '-',
    lock.host ?? '-',
    lock.pid ?? '-',
    lock.acquiredAt ?? '-',
    lock.heartbeatAt ?? '-',
  ]);
  const [head = '', ...lines] = table(['LOCK', 'STATE', 'VERDICT', 'COMMAND', 'HOST', 'PID', 'SINCE', 'HEARTBEAT'], rows).split('\n');
  return [head, ...lines.flatMap((line, i) => [line, ...waiters(locks[i])])].join('\n');
}

function title({ lock, modelId, modelName }: LockRecord): string {
  return modelId === null ? lock : `${lock} of ${modelName ?? modelId}`;
}

function waiters(lock: LockRecord | undefined): string[] {
  return (lock?.waiters ?? []).map(
    ({ kind, command, host, pid, since }) => `  waits (${kind}): ${printable(command)}, pid ${pid} on ${printable(host)}, since ${since}`,
  );
}
