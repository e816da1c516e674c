/** `swamp data gc [M]` */
import { type ErrorCode, SwampError } from '../../errors.js';
import { type DataGcResult, dataGc, type GcPlan } from '../../operations/data-gc.js';
import { given } from '../args.js';
import { asking, type Context, type Outcome } from '../context.js';
import { createProgress } from '../progress.js';
import { age, count, printable, size } from '../render/text.js';

export async function run(context: Context): Promise<Outcome> {
  const { args, openRepo, signal, silent } = context;
  const input = { dryRun: args.has('dry-run'), ...given({ model: args.text('model'), uploadsOlderThan: args.text('uploads-older-than') }) };
  const progress = createProgress({ silent });
  const show = progress.phase('Collected');
  const onProgress = (versions: number, total: number): void => show({ versions, bytes: 0 }, { versions: total });
  const result = await dataGc(openRepo(), input, { signal, onProgress, ...asking(context, question) }).finally(progress.end);
  const error = firstFailure(result);
  return { result, text: () => gcText(result), ...(error === undefined ? {} : { error }) };
}

const HINTS: { readonly [K in ErrorCode]?: string } = { corrupt: 'Run "swamp datastore check".' };

/** What can be read is collected all the same. */
function firstFailure({ failed }: DataGcResult): SwampError | undefined {
  const [first] = failed;
  if (first === undefined) return undefined;
  const more = failed.length > 1 ? ` (and ${failed.length - 1} more)` : '';
  return new SwampError(first.code, `${JSON.stringify(first.dataName)} of "${first.modelName}"${more} cannot be read and was kept: ${first.error}`, {
    hint: HINTS[first.code] ?? 'Mend the cause, then run the command again.',
    data: { failed },
  });
}

function question(plan: GcPlan): string {
  return `Collect ${sumText(plan)}?`;
}

/** `2 expired artifacts and 30 superseded versions, 1.2 MB` */
function sumText({ expiredEntries, prunedEntries, abortedUploads, bytes }: GcPlan): string {
  const superseded = prunedEntries.reduce((sum, { versionCount }) => sum + versionCount, 0);
  const parts = [
    ...(expiredEntries.length === 0 ? [] : [count(expiredEntries.length, 'expired artifact')]),
    ...(superseded === 0 ? [] : [count(superseded, 'superseded version')]),
    ...(abortedUploads.length === 0 ? [] : [count(abortedUploads.length, 'old upload')]),
  ];
  return `${parts.join(', ')}; ${size(bytes)}`;
}

function gcText(result: DataGcResult): string {
  if (result.cancelled === true) return 'Nothing was collected.\n';
  const { expiredEntries, prunedEntries, abortedUploads, dryRun } = result;
  const lines = [
    ...expiredEntries.map(({ modelName, dataName, versionCount, reason }) => {
      const why = reason === 'ephemeral' ? 'ephemeral' : 'expired';
      return `  ${printable(modelName)} ${printable(dataName)}: ${why}, ${count(versionCount, 'version')}\n`;
    }),
    ...prunedEntries.map(
      ({ modelName, dataName, versionCount, keeps }) => `  ${printable(modelName)} ${printable(dataName)}: keeps ${keeps}, ${count(versionCount, 'version')}\n`,
    ),
    ...abortedUploads.map(({ modelName, name, lastUsedAt }) => `  ${printable(modelName)} ${printable(name)}: an upload unused for ${age(lastUsedAt)}\n`),
  ];
  if (lines.length === 0) return 'Nothing to collect.\n';
  const sum = sumText({ ...result, versions: result.versionsDeleted, bytes: result.bytesReclaimed });
  return `${dryRun ? 'Would collect' : 'Collected'} ${sum}\n${lines.join('')}`;
}
