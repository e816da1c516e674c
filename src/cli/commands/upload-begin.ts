/** `swamp data upload begin M NAME` */
import { uploadBegin } from '../../operations/upload-begin.js';
import type { Context, Outcome } from '../context.js';
import { noteUnused, versionOf } from '../input.js';

export async function run({ args, openRepo, reporter, signal }: Context): Promise<Outcome> {
  const input = versionOf(args);
  const result = await uploadBegin(openRepo(), input, { signal });
  noteUnused(args, reporter);
  return { result, text: () => `${result.uploadId}\n` };
}
