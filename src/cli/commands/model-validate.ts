/** `swamp model validate [M]`: prints what it found, and fails when there are problems. */
import { modelValidate } from '../../operations/model-validate.js';
import { given } from '../args.js';
import type { Context, Outcome } from '../context.js';

export async function run({ args, openRepo }: Context): Promise<Outcome> {
  const result = await modelValidate(openRepo(), given({ model: args.text('model') }));
  return { result, text: () => '' };
}
