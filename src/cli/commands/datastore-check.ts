/** `swamp datastore check [--repair]`: prints what it found, or did, and fails when there is damage. */
import { SwampError } from '../../errors.js';
import { type DatastoreCheckResult, datastoreCheck } from '../../operations/datastore-check.js';
import { type DatastoreRepairResult, datastoreRepair, type RepairPlan } from '../../operations/datastore-repair.js';
import { given } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { createProgress } from '../progress.js';
import { checkText, planText } from '../render/check.js';
import { count } from '../render/text.js';

export async function run(context: Context): Promise<Outcome> {
  const { args, silent } = context;
  if (args.has('dry-run') && !args.has('repair')) {
    throw new SwampError('usage', '--dry-run goes with --repair: a check alone changes nothing.', { hint: 'Run "swamp datastore check --repair --dry-run".' });
  }
  const progress = createProgress({ silent });
  const show = progress.phase('Checked');
  const onProgress = ({ versions, artifacts, bytes }: DatastoreCheckResult['checked']): void => show({ versions, artifacts, bytes });
  const result = await (args.has('repair') ? repair(context, onProgress) : check(context, onProgress)).finally(progress.end);
  const outcome = { result, text: () => checkText(result) };
  if (result.findings.length === 0) return outcome;
  const { findings } = result;
  // A person who answered no has seen what there is.
  if (result.cancelled === true) return outcome;
  return {
    ...outcome,
    error: new SwampError('corrupt', `${count(findings.length, 'finding')} in the datastore.`, {
      hint: 'Each finding names the next step.',
      data: { findings },
    }),
  };
}

type OnProgress = (checked: DatastoreCheckResult['checked']) => void;

function check({ openRepo, signal }: Context, onProgress: OnProgress): Promise<DatastoreRepairResult> {
  return datastoreCheck(openRepo(), {}, { signal, onProgress });
}

function repair({ args, openRepo, signal, confirm }: Context, onProgress: OnProgress): Promise<DatastoreRepairResult> {
  const asked = given({ confirm: confirm && ((plan: RepairPlan) => confirm(`Repair ${count(plan.items.length, 'thing')}?`, planText(plan))) });
  return datastoreRepair(openRepo(), { dryRun: args.has('dry-run') }, { signal, onProgress, ...asked });
}
