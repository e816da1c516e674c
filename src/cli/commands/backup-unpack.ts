/** `swamp backup unpack FILE DIR` */
import { backupUnpack } from '../../operations/backup-unpack.js';
import type { Context, Outcome } from '../context.js';
import { createProgress } from '../progress.js';
import { count, printable, size } from '../render/text.js';

export async function run({ args, signal, reporter, silent }: Context): Promise<Outcome> {
  const progress = createProgress({ silent });
  const input = { file: args.need('file'), dir: args.need('dir') };
  const options = { signal, reporter, onProgress: progress.phase('Unpacked'), onVerify: progress.phase('Verified') };
  const result = await backupUnpack(input, options).finally(progress.end);
  return { result, text: () => `Unpacked ${count(result.files, 'file')}, ${size(result.bytes)}, to ${printable(result.dir)}; it is whole\n` };
}
