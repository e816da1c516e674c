/** `swamp datastore sweep` */
import { datastoreSweep } from '../../operations/datastore-sweep.js';
import type { Context, Outcome } from '../context.js';
import { count, size, table } from '../render/text.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const result = await datastoreSweep(openRepo(), { dryRun: args.has('dry-run'), kept: args.has('kept') }, { signal });
  const text = (): string => {
    const rows = result.removed.map(({ kind, bytes, path }) => [kind, size(bytes), path]);
    const total = `${result.dryRun ? 'Would clear' : 'Cleared'} ${count(rows.length, 'leftover')}, ${size(result.bytesReclaimed)}\n`;
    return rows.length === 0 ? 'Nothing to sweep.\n' : `${table(['KIND', 'SIZE', 'PATH'], rows)}${total}`;
  };
  return { result, text };
}
