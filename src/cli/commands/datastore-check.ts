/** `swamp datastore check [--repair]`: prints what it found, or did, and fails when there is damage. */
import { SwampError } from '../../errors.js';
import { type DatastoreCheckResult, datastoreCheck, type RepairedItem } from '../../operations/datastore-check.js';
import { type DatastoreRepairResult, datastoreRepair, type RepairPlan } from '../../operations/datastore-repair.js';
import { given } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { createLive } from '../live.js';
import { count, printable, table } from '../render/text.js';

export async function run(context: Context): Promise<Outcome> {
  const { args, json } = context;
  if (args.has('dry-run') && !args.has('repair')) {
    throw new SwampError('usage', '--dry-run goes with --repair: a check alone changes nothing.', { hint: 'Run "swamp datastore check --repair --dry-run".' });
  }
  const live = createLive({ silent: json || args.has('quiet') });
  const onProgress = (checked: DatastoreCheckResult['checked']): void => live.show(`Checked ${checkedText(checked)}\n`);
  const result = await (args.has('repair') ? repair(context, onProgress, live.end) : check(context, onProgress)).finally(() => live.end());
  const outcome = { result, text: () => text(result) };
  if (result.findings.length === 0) return outcome;
  const { findings } = result;
  // Who answered no has seen what there is.
  if (result.cancelled === true) return outcome;
  return {
    ...outcome,
    error: new SwampError('corrupt', `${count(findings.length, 'finding')} in the datastore.`, {
      hint: 'Each finding tells the next step.',
      data: { findings },
    }),
  };
}

type OnProgress = (checked: DatastoreCheckResult['checked']) => void;

function check({ openRepo, signal }: Context, onProgress: OnProgress): Promise<DatastoreRepairResult> {
  return datastoreCheck(openRepo(), {}, { signal, onProgress });
}

function repair({ args, openRepo, signal, confirm }: Context, onProgress: OnProgress, clear: () => void): Promise<DatastoreRepairResult> {
  const asked = given({
    confirm:
      confirm &&
      ((plan: RepairPlan) => {
        clear();
        return confirm(question(plan));
      }),
  });
  return datastoreRepair(openRepo(), { dryRun: args.has('dry-run') }, { signal, onProgress, ...asked });
}

/** What stands at most above the question. */
const SHOWN = 20;

function question({ items }: RepairPlan): string {
  const lines = items.slice(0, SHOWN).map((item) => `  ${PLANNED[item.action]} ${printable(item.path)} (${item.kind})\n`);
  const more = items.length > SHOWN ? `  and ${items.length - SHOWN} more\n` : '';
  return `${lines.join('')}${more}Repair ${count(items.length, 'thing')}?`;
}

const PLANNED: Readonly<Record<RepairedItem['action'], string>> = {
  quarantined: 'set aside',
  rebuilt: 'write anew',
  mended: 'mend',
  raised: 'raise',
  cleared: 'clear',
};

function text(result: DatastoreRepairResult): string {
  const { findings, pending, checked, repaired, dryRun, cancelled } = result;
  if (cancelled === true) return 'Nothing was changed.\n';
  const rows = repaired.map(({ action, kind, path, to }) => [dryRun === true ? PLANNED[action] : action, kind, path, ...(dryRun === true ? [] : [to ?? ''])]);
  const done = rows.length === 0 ? '' : `${table(dryRun === true ? ['WOULD', 'KIND', 'PATH'] : ['DONE', 'KIND', 'PATH', 'NOW AT'], rows)}\n`;
  const damage = findings.map(({ path, kind, message, hint }) => `${kind}: ${printable(path)} ${printable(message)}\n  ${printable(hint)}\n`);
  const later = pending.map(({ path, kind, message }) => `pending ${kind}: ${printable(path)} ${printable(message)}\n`);
  const verdict = findings.length === 0 ? 'no damage' : count(findings.length, 'finding');
  return `${done}${damage.join('')}${later.join('')}Checked ${checkedText(checked)}: ${verdict}, ${later.length} pending\n`;
}

function checkedText(checked: DatastoreCheckResult['checked']): string {
  return Object.entries(checked)
    .map(([what, n]) => count(n, what.replace(/s$/, '')))
    .join(', ');
}
