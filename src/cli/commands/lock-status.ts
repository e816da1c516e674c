/** `swamp datastore lock status` */
import { lockStatus } from '../../operations/lock-status.js';
import type { Context, Outcome } from '../context.js';
import { lockTable } from '../render/locks.js';

export async function run({ openRepo }: Context): Promise<Outcome> {
  const result = await lockStatus(openRepo());
  return { result, text: () => (result.locks.length === 0 ? 'No lock is held.\n' : lockTable(result.locks)) };
}
