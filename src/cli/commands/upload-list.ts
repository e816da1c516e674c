/** `swamp data upload list [M]` */
import { uploadList } from '../../operations/upload-list.js';
import { given } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { uploadTable } from '../render/uploads.js';

export async function run({ args, openRepo }: Context): Promise<Outcome> {
  const result = await uploadList(openRepo(), given({ model: args.text('model') }));
  const none = result.uploads.length === 0;
  return { result, text: () => (none ? '' : uploadTable(result.uploads)), ...(none && { note: 'No unfinished uploads.' }) };
}
