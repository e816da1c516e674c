/** `swamp data upload complete UPLOAD` */
import { uploadComplete } from '../../operations/upload-complete.js';
import { given, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { versionText } from '../input.js';
import { createProgress } from '../progress.js';

export async function run({ args, openRepo, signal, silent }: Context): Promise<Outcome> {
  const input = { upload: args.need('upload'), ...given({ parts: wholeNumber(args, 'parts', 0) }) };
  const progress = createProgress({ silent });
  const show = progress.phase('Read');
  const onProgress = (read: number, bytes: number): void => show({ bytes: read }, { bytes });
  const result = await uploadComplete(openRepo(), input, { signal, onProgress }).finally(progress.end);
  return { result, text: () => versionText(result) };
}
