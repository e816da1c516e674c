/** `swamp data put M NAME [FILE]` */
import { dataPut } from '../../operations/data-put.js';
import type { Context, Outcome } from '../context.js';
import { noteEmpty, sizeAhead, sourceOf, versionOf, versionText, withFile } from '../input.js';
import { createProgress } from '../progress.js';

export async function run({ args, json, openRepo, reporter, signal }: Context): Promise<Outcome> {
  const input = versionOf(args);
  const repo = openRepo();
  const progress = createProgress({ silent: json || args.has('quiet') });
  const show = progress.phase('Stored');
  const result = await withFile(args, () => {
    const source = sourceOf(args);
    const total = sizeAhead(args);
    return dataPut(repo, { ...input, ...source }, { signal, onProgress: (bytes) => show({ bytes }, total) });
  }).finally(progress.end);
  noteEmpty(args, reporter, result);
  return { result, text: () => versionText(result) };
}
