/** `swamp model create TYPE NAME` */
import { modelCreate } from '../../operations/model-create.js';
import { given, pairs } from '../args.js';
import type { Context, Outcome } from '../context.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const input = {
    type: args.need('type'),
    name: args.need('name'),
    ...given({
      run: args.text('run'),
      deleteRun: args.text('delete-run'),
      set: pairs(args, 'set'),
      tags: pairs(args, 'tag'),
      description: args.text('description'),
    }),
  };
  const result = await modelCreate(openRepo(), input, { signal });
  return { result, text: () => `Created ${result.type} ${result.name} in ${result.path}\n` };
}
