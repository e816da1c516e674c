/** `swamp data put M NAME [FILE]` and `swamp data put M NAME --command -- CMD ARG...` */

import { SwampError } from '../../errors.js';
import { dataPut } from '../../operations/data-put.js';
import { workingDir } from '../../repo.js';
import type { SourceInput } from '../../store/source.js';
import type { Context, Outcome } from '../context.js';
import { demandsOf, noteEmpty, sizeAhead, sourceOf, versionOf, versionText, withFile } from '../input.js';
import { withOutputOf } from '../output-of.js';
import { createProgress } from '../progress.js';

export async function run({ args, openRepo, reporter, signal, silent }: Context): Promise<Outcome> {
  if (args.has('atomic')) throw new SwampError('usage', '--atomic is of a batch.', { hint: 'Add --batch.' });
  const input = { ...versionOf(args), ...demandsOf(args) };
  const repo = openRepo();
  const runs = args.has('command');
  // What a command prints on stderr is shown: a line that is erased would take some of it away.
  const progress = createProgress({ silent: silent || runs });
  const show = progress.phase('Stored');
  const store = (source: SourceInput) => {
    const total = runs ? undefined : sizeAhead(args);
    return dataPut(repo, { ...input, source }, { signal, onProgress: (bytes) => show({ bytes }, total) });
  };
  const result = runs
    ? await withOutputOf(args.list('command-line'), { cwd: workingDir(), signal }, store)
    : await withFile(args, () => store(sourceOf(args))).finally(progress.end);
  noteEmpty(args, reporter, result);
  return { result, text: () => versionText(result) };
}
