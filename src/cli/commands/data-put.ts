/** `swamp data put M NAME [FILE]` */
import { dataPut } from '../../operations/data-put.js';
import type { Context, Outcome } from '../context.js';
import { sourceOf, versionOf, versionText } from '../input.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const input = versionOf(args);
  const repo = openRepo();
  const result = await dataPut(repo, { ...input, source: sourceOf(args) }, { signal });
  return { result, text: () => versionText(result) };
}
