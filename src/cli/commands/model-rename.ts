/** `swamp model rename M NEW` */
import { modelRename } from '../../operations/model-rename.js';
import type { Context, Outcome } from '../context.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const result = await modelRename(openRepo(), { model: args.need('model'), newName: args.need('new-name') }, { signal });
  return { result, text: () => `${result.oldName} is now ${result.newName}, in ${result.path}\n` };
}
