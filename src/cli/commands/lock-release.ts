/** `swamp datastore lock release --force` */
import { lockRelease } from '../../operations/lock-release.js';
import { given } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { lockText } from '../render/locks.js';

export async function run({ args, openRepo, signal, page }: Context): Promise<Outcome> {
  const result = await lockRelease(openRepo(), { force: args.has('force'), ...given({ model: args.text('model') }) }, { signal });
  return { result, text: () => (result.released.length === 0 ? 'No lock was held.\n' : `Released:\n${lockText(result.released, page)}`) };
}
