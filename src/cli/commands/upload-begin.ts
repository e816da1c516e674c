/** `swamp data upload begin M NAME` */
import { uploadBegin } from '../../operations/upload-begin.js';
import type { Context, Outcome } from '../context.js';
import { versionOf } from '../input.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const result = await uploadBegin(openRepo(), versionOf(args), { signal });
  return { result, text: () => `${result.uploadId}\n` };
}
