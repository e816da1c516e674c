/** `swamp data put M NAME [FILE]` */
import { dataPut } from '../../operations/data-put.js';
import type { Context, Outcome } from '../context.js';
import { noteEmpty, sourceOf, versionOf, versionText } from '../input.js';

export async function run({ args, openRepo, reporter, signal }: Context): Promise<Outcome> {
  const input = versionOf(args);
  const repo = openRepo();
  const result = await dataPut(repo, { ...input, ...sourceOf(args) }, { signal });
  noteEmpty(args, reporter, result);
  return { result, text: () => versionText(result) };
}
