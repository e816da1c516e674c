/** `swamp datastore sweep` */
import { datastoreSweep } from '../../operations/datastore-sweep.js';
import { given } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { relay } from '../output.js';
import { count, printable, size, table } from '../render/text.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const result = await datastoreSweep(
    openRepo(),
    { dryRun: args.has('dry-run'), kept: args.has('kept'), ...given({ retryTeardown: args.text('retry-teardown') }) },
    { signal, onOutput: relay },
  );
  const text = (): string => {
    const rows = result.removed.map(({ kind, bytes, path }) => [kind, size(bytes), path]);
    const total = `${result.dryRun ? 'Would clear' : 'Cleared'} ${count(rows.length, 'leftover')}, ${size(result.bytesReclaimed)}\n`;
    const teardowns = result.teardowns.map(({ name, state, id }) => `teardown of ${name}: ${state} (${id})\n`).join('');
    const { left, manual } = result;
    const byHand = manual.map(({ kind, path, bytes, message }) => `${kind}: ${printable(path)} (${size(bytes)}) ${printable(message)}\n`).join('');
    const pending = `Still pending: ${count(left.length, 'leftover')}, ${size(left.reduce((sum, { bytes }) => sum + bytes, 0))}\n`;
    const cleared = rows.length > 0 ? `${table(['KIND', 'SIZE', 'PATH'], rows)}${total}` : left.length > 0 ? '' : 'Nothing to sweep.\n';
    return `${cleared}${left.length > 0 ? pending : ''}${teardowns}${byHand}`;
  };
  return { result, text };
}
