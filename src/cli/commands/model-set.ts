/** `swamp model set M KEY=VALUE...` */
import { SwampError } from '../../errors.js';
import { modelSet } from '../../operations/model-set.js';
import { keyValues } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { modelText } from './model-get.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const set = keyValues(args.list('key=value'), (text) => {
    const hint = text === '' ? 'Is a variable of your shell not set?' : `Example: swamp model set ${args.need('model')} tags.env=prod`;
    return new SwampError('usage', `KEY=VALUE is wanted, not ${JSON.stringify(text)}.`, { hint });
  });
  const result = await modelSet(openRepo(), { model: args.need('model'), set, unset: args.list('unset') }, { signal });
  return { result, text: () => modelText(result) };
}
