/** `swamp data upload complete UPLOAD` */
import { uploadComplete } from '../../operations/upload-complete.js';
import { given, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { versionText } from '../input.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const input = { upload: args.need('upload'), ...given({ parts: wholeNumber(args, 'parts', 0) }) };
  const result = await uploadComplete(openRepo(), input, { signal });
  return { result, text: () => versionText(result) };
}
