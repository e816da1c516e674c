/** `swamp datastore status` */
import { type DatastoreStatusResult, datastoreStatus } from '../../operations/datastore-status.js';
import type { Context, Outcome } from '../context.js';
import { lockTable } from '../render/locks.js';
import { fields, size, table } from '../render/text.js';
import { uploadTable } from '../render/uploads.js';

export async function run({ openRepo }: Context): Promise<Outcome> {
  const result = await datastoreStatus(openRepo());
  const text = (): string => {
    const head = fields([
      ['Healthy', result.healthy ? 'yes' : 'no, see "swamp datastore check"'],
      ['Size', size(result.bytes)],
      ['Locks held', result.locks.length],
      ['Pending sweeps', result.sweeps.length],
      ['Running backups', pinnedBy(result.pins)],
      ['Kept outputs', result.kept.length],
      ['Unfinished uploads', result.uploads.length],
      ['Catalog', `${result.catalog.state}, ${size(result.catalog.bytes)}`],
    ]);
    const pending = [...result.sweeps, ...result.kept.map((item) => ({ ...item, kind: 'kept' }))];
    const rows = pending.map(({ kind, bytes, path }) => [kind, size(bytes), path]);
    const uploads = result.uploads.length === 0 ? '' : uploadTable(result.uploads);
    const blocks = [head, result.locks.length === 0 ? '' : lockTable(result.locks), uploads, rows.length === 0 ? '' : table(['PENDING', 'SIZE', 'PATH'], rows)];
    return blocks.filter((block) => block !== '').join('\n');
  };
  return { result, text };
}

/** Undefined when nothing is running: then there is nothing to tell. */
function pinnedBy(pins: DatastoreStatusResult['pins']): string | undefined {
  if (pins.length === 0) return undefined;
  const who = pins.map(({ command, pid, host }) => `"${command}" (pid ${pid} on ${host})`).join(', ');
  return `${who}; what is removed meanwhile is swept afterwards`;
}
