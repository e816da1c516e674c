/** `swamp datastore status` */
import { datastoreStatus } from '../../operations/datastore-status.js';
import type { Context, Outcome } from '../context.js';
import { statusText } from '../render/status.js';

export async function run(context: Context): Promise<Outcome> {
  const result = await datastoreStatus(context.openRepo(), {}, context);
  return { result, text: () => statusText(result, context.page) };
}
