/** What a check found, and what a repair did or would do, for people. */
import type { DatastoreCheckResult, RepairedItem } from '../../operations/datastore-check.js';
import type { DatastoreRepairResult, RepairPlan } from '../../operations/datastore-repair.js';
import { count, printable, size, table } from './text.js';

/** How many lines are above the question at most. */
const SHOWN = 20;

/** What would be done, a line each. */
export function planText({ items }: RepairPlan): string {
  const lines = items.slice(0, SHOWN).map((item) => `  ${PLANNED[item.action]} ${printable(item.path)} (${item.kind})\n`);
  return `${lines.join('')}${items.length > SHOWN ? `  and ${items.length - SHOWN} more\n` : ''}`;
}

const PLANNED: Readonly<Record<RepairedItem['action'], string>> = {
  quarantined: 'set aside',
  rebuilt: 'write anew',
  mended: 'mend',
  raised: 'raise',
  cleared: 'clear',
};

export function checkText(result: DatastoreRepairResult): string {
  const { findings, pending, checked, repaired, dryRun, cancelled } = result;
  if (cancelled === true) return 'Nothing was changed.\n';
  const rows = repaired.map(({ action, kind, path, to }) => [dryRun === true ? PLANNED[action] : action, kind, path, ...(dryRun === true ? [] : [to ?? ''])]);
  const done = rows.length === 0 ? '' : `${table(dryRun === true ? ['WOULD', 'KIND', 'PATH'] : ['DONE', 'KIND', 'PATH', 'NOW AT'], rows)}\n`;
  const damage = findings.map(({ path, kind, message, hint }) => `${kind}: ${printable(path)} ${printable(message)}\n  ${printable(hint)}\n`);
  const later = pending.map(({ path, kind, message }) => `pending ${kind}: ${printable(path)} ${printable(message)}\n`);
  const notes = result.notes.map(({ path, message }) => `note: ${printable(path)} ${printable(message)}\n`);
  const verdict = findings.length === 0 ? 'no damage' : count(findings.length, 'finding');
  return `${done}${damage.join('')}${later.join('')}${notes.join('')}Checked ${checkedText(checked)}: ${verdict}, ${later.length} pending\n`;
}

/** `2 models, 3 artifacts, ...` */
function checkedText(checked: DatastoreCheckResult['checked']): string {
  return Object.entries(checked)
    .map(([what, n]) => (what === 'bytes' ? size(n) : count(n, what.replace(/s$/, ''))))
    .join(', ');
}
