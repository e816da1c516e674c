/** `swamp datastore compact` */
import { datastoreCompact } from '../../operations/datastore-compact.js';
import type { Context, Outcome } from '../context.js';
import { count, size } from '../render/text.js';

export async function run({ openRepo, signal }: Context): Promise<Outcome> {
  const result = await datastoreCompact(openRepo(), {}, { signal });
  const { versions, bytes, bytesReclaimed } = result;
  return { result, text: () => `Built the catalog anew: ${count(versions, 'version')}, ${size(bytes)}; ${size(bytesReclaimed)} less than before\n` };
}
