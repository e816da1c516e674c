/** The state of a datastore for people: what is stuck, what is pending, and which command goes on from there. */
import type { DatastoreStatusResult } from '../../operations/datastore-status.js';
import { joined, wrap } from './lines.js';
import { isStuck, lockSummary, lockText, type Page } from './locks.js';
import { count, fields, printable, size, table } from './text.js';
import { uploadTable } from './uploads.js';

/** How many items a list has at most; the rest is counted. */
const SHOWN = 20;

/** What there is first, what waits below, what to do about it last: that is where the prompt leaves the eye. */
export function statusText(result: DatastoreStatusResult, page: Page): string {
  const { bytes, locks, sweeps, pins, teardowns, kept, manual, uploads, changeLogs, catalog } = result;
  const head = fields([
    ['Healthy', healthText(result)],
    ['Size', size(bytes)],
    ['Locks', lockSummary(locks)],
    ['Unfinished', amount(sweeps)],
    ['Running backups', pinnedBy(pins)],
    ['Teardowns pending', teardowns.length === 0 ? 'none' : String(teardowns.length)],
    ['Kept outputs', amount(kept)],
    ['Left to you', manual.length === 0 ? undefined : String(manual.length)],
    ['Unfinished uploads', amount(uploads)],
    [
      'Watched models',
      changeLogs.length === 0 ? undefined : `${changeLogs.length}, ${size(changeLogs.reduce((sum, log) => sum + log.bytes, 0))} of change logs`,
    ],
    ['Catalog', catalog.state === 'absent' ? 'absent' : `${catalog.state === 'present' ? 'present' : 'in use'}, ${size(catalog.bytes)}`],
  ]);
  const blocks = [
    head,
    locks.length === 0 ? '' : lockText(locks, page),
    listed(
      ['TEARDOWN OF', 'STATE', 'ID'],
      teardowns.map(({ name, state, id }) => [name, state, id]),
    ),
    listed(
      ['PENDING', 'SIZE', 'PATH'],
      [...sweeps, ...kept].map((item) => [item.kind, size(item.bytes), item.path]),
    ),
    manual.map(({ kind, path, message }) => `${kind}: ${printable(path)} ${printable(message)}\n`).join(''),
    uploads.length === 0 ? '' : uploadTable(uploads),
    stepsText(nextSteps(result), page),
  ];
  return blocks.filter((block) => block !== '').join('\n');
}

function healthText({ healthy, locks, teardowns, unreadable }: DatastoreStatusResult): string {
  if (healthy) return locks.some(isStuck) ? 'yes, but a lock is stuck' : 'yes';
  const reasons = [
    locks.some(({ state }) => state === 'damaged') ? 'a lock is damaged' : '',
    teardowns.some(({ state }) => state === 'failed') ? 'a teardown failed' : '',
    ...unreadable.map(({ part, message }) => `${part} cannot be read (${message})`),
  ];
  return `no: ${reasons.filter((reason) => reason !== '').join(', ')}`;
}

/** Undefined when nothing is running: then there is nothing to show. */
function pinnedBy(pins: DatastoreStatusResult['pins']): string | undefined {
  if (pins.length === 0) return undefined;
  const who = pins.map(({ command, pid, host }) => `"${command}" (pid ${pid} on ${host})`).join(', ');
  return `${who}; what is removed meanwhile is swept afterwards`;
}

function amount(items: readonly { readonly bytes: number }[]): string {
  return items.length === 0 ? 'none' : `${items.length}, ${size(items.reduce((sum, { bytes }) => sum + bytes, 0))}`;
}

function listed(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const more = rows.length > SHOWN ? `and ${rows.length - SHOWN} more\n` : '';
  return `${table(head, rows.slice(0, SHOWN))}${more}`;
}

interface Step {
  readonly command: string;
  readonly why: string;
}

/** The most urgent first. What a single lock needs is below it. */
function nextSteps({ locks, teardowns, sweeps, kept }: DatastoreStatusResult): Step[] {
  const steps: Step[] = [];
  const damaged = locks.filter(({ state }) => state === 'damaged').length;
  if (damaged > 0) steps.push({ command: 'swamp datastore check --repair', why: `${count(damaged, 'lock')} that no process can take` });
  const failed = teardowns.filter(({ state }) => state === 'failed');
  for (const { id, name } of failed.slice(0, SHOWN)) {
    steps.push({ command: `swamp model delete ${id}`, why: `runs the delete method of ${printable(name)} again; mend first what made it fail` });
  }
  const runnable = teardowns.filter(({ state }) => state === 'pending').length;
  const running = teardowns.filter(({ state }) => state === 'running').length;
  if (sweeps.length + runnable > 0) {
    const what = [sweeps.length === 0 ? '' : count(sweeps.length, 'thing'), runnable === 0 ? '' : count(runnable, 'delete method')];
    steps.push({ command: 'swamp datastore sweep', why: `finishes ${what.filter((part) => part !== '').join(' and ')}` });
  }
  if (running > 0) steps.push({ command: 'swamp datastore sweep', why: `goes on with ${count(running, 'delete method')} whose runner has died` });
  if (kept.length > 0) steps.push({ command: 'swamp datastore sweep --kept', why: 'removes the kept outputs, when you have looked at them' });
  return steps;
}

function stepsText(steps: readonly Step[], { columns = Number.POSITIVE_INFINITY, colour }: Page): string {
  const lines = steps.flatMap(({ command, why }) => [{ text: `  ${command}` }, { text: `      ${why}` }]);
  return lines.length === 0
    ? ''
    : joined(
        [{ text: 'Next:' }, ...lines].flatMap((line) => wrap(line, columns)),
        colour,
      );
}
