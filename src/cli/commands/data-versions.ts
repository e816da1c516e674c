/** `swamp data versions M NAME` */
import { dataVersions } from '../../operations/data-versions.js';
import type { Context, Outcome } from '../context.js';
import { size, table } from '../render/text.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const result = await dataVersions(openRepo(), { model: args.need('model'), name: args.need('name') }, { signal });
  const rows = result.versions.map((item) => [item.version, size(item.size), item.createdAt, item.checksum, item.isLatest ? 'latest' : '']);
  return { result, text: () => table(['VERSION', 'SIZE', 'CREATED', 'SHA-256', ''], rows) };
}
