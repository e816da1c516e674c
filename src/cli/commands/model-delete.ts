/** `swamp model delete M`: the output of its teardown goes to stderr as it comes. */
import { type ModelDeletePlan, type ModelDeleteResult, modelDelete } from '../../operations/model-delete.js';
import { asking, type Context, type Outcome } from '../context.js';
import { relay } from '../output.js';
import { count } from '../render/text.js';

export async function run(context: Context): Promise<Outcome> {
  const { args, openRepo, signal } = context;
  const input = { model: args.need('model'), withData: args.has('with-data'), dryRun: args.has('dry-run'), ifExists: args.has('if-exists') };
  const result = await modelDelete(openRepo(), input, { signal, onOutput: relay, ...asking(context, question) });
  return { result, text: () => text(result) };
}

function question({ modelName, artifacts, versions, teardown }: ModelDeletePlan): string {
  const data = artifacts === 0 ? '' : ` with ${count(artifacts, 'artifact')}, ${count(versions, 'version')}`;
  return `Delete the model ${modelName}${data}${teardown === undefined ? '' : ', and run its method "delete"'}?`;
}

function text({ name, versionsDeleted, alreadyDeleted, teardown, dryRun, cancelled }: ModelDeleteResult): string {
  const after = teardown === null ? '' : `; teardown: ${teardown}`;
  if (cancelled === true) return 'Nothing was deleted.\n';
  if (alreadyDeleted) return `${name}: deleted already${after}\n`;
  return `${dryRun === true ? 'Would delete' : 'Deleted'} ${name}: ${count(versionsDeleted, 'version')}${after}\n`;
}
