/** `swamp data upload abort UPLOAD` */
import { uploadAbort } from '../../operations/upload-abort.js';
import type { Context, Outcome } from '../context.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const result = await uploadAbort(openRepo(), { upload: args.need('upload') }, { signal });
  return { result, text: () => 'Aborted.\n' };
}
