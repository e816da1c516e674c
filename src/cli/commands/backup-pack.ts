/** `swamp backup pack DIR FILE` */
import { backupPack } from '../../operations/backup-pack.js';
import type { Context, Outcome } from '../context.js';
import { createProgress } from '../progress.js';
import { count, printable, size } from '../render/text.js';

export async function run({ args, json, signal, reporter }: Context): Promise<Outcome> {
  const progress = createProgress({ silent: json || args.has('quiet') });
  const input = { dir: args.need('dir'), file: args.need('file') };
  const options = { signal, reporter, onProgress: progress.phase('Packed'), onVerify: progress.phase('Verified') };
  const result = await backupPack(input, options).finally(progress.end);
  return { result, text: () => `Packed ${count(result.files, 'file')}, ${size(result.bytes)}, to ${printable(result.file)}: ${size(result.size)}\n` };
}
