/** `swamp data upload part UPLOAD N [FILE]` */
import { SwampError } from '../../errors.js';
import { uploadPart } from '../../operations/upload-part.js';
import type { Context, Outcome } from '../context.js';
import { demandsOf, noteEmpty, sourceOf, withFile } from '../input.js';
import { size } from '../render/text.js';

export async function run({ args, openRepo, reporter, signal }: Context): Promise<Outcome> {
  const number = args.need('number');
  if (!/^[0-9]{1,9}$/.test(number))
    throw new SwampError('usage', `A part has a number from 1 up, not ${JSON.stringify(number)}.`, { hint: 'Example: swamp data upload part UPLOAD 1 FILE' });
  const repo = openRepo();
  const part = { upload: args.need('upload'), partNumber: Number(number) };
  const result = await withFile(args, () => uploadPart(repo, { ...part, ...demandsOf(args), source: sourceOf(args) }, { signal }));
  noteEmpty(args, reporter, result);
  return { result, text: () => `part ${result.partNumber}, ${size(result.size)}\n` };
}
