/** `swamp data delete M NAME | --prefix P | --all` */

import { type ErrorCode, SwampError } from '../../errors.js';
import { type DeleteManyResult, type DeleteOneResult, type DeletePlan, dataDelete } from '../../operations/data-delete.js';
import { given, wholeNumber } from '../args.js';
import { asking, type Context, type Outcome } from '../context.js';
import { createProgress } from '../progress.js';
import { count, printable } from '../render/text.js';

export async function run(context: Context): Promise<Outcome> {
  const { args, openRepo, signal, silent } = context;
  const input = {
    model: args.need('model'),
    all: args.has('all'),
    dryRun: args.has('dry-run'),
    ifExists: args.has('if-exists'),
    ...given({ name: args.text('name'), version: wholeNumber(args, 'version', 1), prefix: args.text('prefix') }),
  };
  const progress = createProgress({ silent });
  const show = progress.phase('Deleted');
  const onProgress = (artifacts: number, total: number): void => show({ artifacts, bytes: 0 }, { artifacts: total });
  const result = await dataDelete(openRepo(), input, { signal, onProgress, ...asking(context, question) }).finally(progress.end);
  const text = (): string => ('dataName' in result ? oneText(result) : manyText(result));
  const error = 'failed' in result ? firstFailure(result) : undefined;
  return error === undefined ? { result, text } : { result, text, error };
}

const HINTS: { readonly [K in ErrorCode]?: string } = {
  conflict: 'Run the command again to see them, or use --force.',
  corrupt: 'Run "swamp datastore check".',
};

/** A batch ends with the code of its first failure, and prints what it did all the same. */
function firstFailure({ failed, modelName }: DeleteManyResult): SwampError | undefined {
  const [first] = failed;
  if (first === undefined) return undefined;
  const message = `${count(failed.length, 'artifact')} of "${modelName}" could not be deleted: ${first.error}`;
  return new SwampError(first.code, message, {
    hint: HINTS[first.code] ?? 'Mend the cause, then run the command again: what is deleted already is left out.',
    data: { failed },
  });
}

function question({ modelName, items }: DeletePlan): string {
  const versions = items.reduce((sum, item) => sum + item.versions.length, 0);
  const [first] = items;
  const what = items.length === 1 && first !== undefined ? `"${first.name}"` : count(items.length, 'artifact');
  return `Delete ${what} of ${modelName}, ${count(versions, 'version')}?`;
}

function oneText(result: DeleteOneResult): string {
  const what = `${printable(result.modelName)} ${printable(result.dataName)}${result.version === null ? '' : ` version ${result.version}`}`;
  if (result.cancelled === true) return 'Nothing was deleted.\n';
  if (result.alreadyDeleted) return `${what}: deleted already\n`;
  return `${result.dryRun === true ? 'Would delete' : 'Deleted'} ${what}: ${count(result.versionsDeleted, 'version')}\n`;
}

function manyText(result: DeleteManyResult): string {
  if (result.cancelled === true) return 'Nothing was deleted.\n';
  const totals = `${count(result.totalDeleted, 'artifact')}, ${count(result.totalVersionsDeleted, 'version')}`;
  const names = (result.items ?? []).map(({ dataName, versions }) => `  ${printable(dataName)}: ${count(versions, 'version')}\n`).join('');
  const failed = result.failed.map(({ dataName, error }) => `${printable(dataName)}: ${printable(error)}\n`).join('');
  return `${result.dryRun ? 'Would delete' : 'Deleted'} ${totals}\n${names}${failed}`;
}
