/** `swamp data rename M OLD NEW` */
import { dataRename } from '../../operations/data-rename.js';
import type { Context, Outcome } from '../context.js';
import { printable } from '../render/text.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const input = { model: args.need('model'), oldName: args.need('name'), newName: args.need('new-name') };
  const result = await dataRename(openRepo(), input, { signal });
  return {
    result,
    text: () => `${printable(result.modelName)} ${printable(result.oldName)} is now ${printable(result.newName)}, latest version ${result.newVersion}\n`,
  };
}
