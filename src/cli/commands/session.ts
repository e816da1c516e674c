/** `swamp session`: operations of the library as lines of JSON on stdin, and a reply to each on stdout as it ends. */
import { operationsOf } from '../../library/library.js';
import type { Context } from '../context.js';
import { typedInput } from '../input.js';
import { serve } from '../session.js';

export async function run({ args, openRepo, signal }: Context): Promise<undefined> {
  const repo = openRepo();
  await serve(operationsOf(repo), { source: typedInput(args), signal, spared: repo.datastore });
}
