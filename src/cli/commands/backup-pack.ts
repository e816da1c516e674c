/** `swamp backup pack DIR FILE`; `-` is stdout. */
import { SwampError } from '../../errors.js';
import { backupPack, backupPackTo } from '../../operations/backup-pack.js';
import type { Context, Outcome } from '../context.js';
import { print } from '../output.js';
import { createProgress } from '../progress.js';
import { count, printable, size } from '../render/text.js';

export async function run({ args, json, signal, reporter, silent }: Context): Promise<Outcome | undefined> {
  const progress = createProgress({ silent });
  const input = { dir: args.need('dir'), file: args.need('file') };
  const options = { signal, reporter, onProgress: progress.phase('Packed'), onVerify: progress.phase('Verified') };
  if (input.file === '-') {
    if (json) throw new SwampError('usage', 'The archive and a JSON result cannot both go to stdout.', { hint: 'Name a file, or leave out --json.' });
    await backupPackTo(input, print, options).finally(progress.end);
    return undefined;
  }
  const result = await backupPack(input, options).finally(progress.end);
  return { result, text: () => `Packed ${count(result.files, 'file')}, ${size(result.bytes)}, to ${printable(result.file)}: ${size(result.size)}\n` };
}
