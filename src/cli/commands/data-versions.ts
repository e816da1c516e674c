/** `swamp data versions M NAME` */
import { dataVersions } from '../../operations/data-versions.js';
import type { Context, Outcome } from '../context.js';
import { moment, size, table } from '../render/text.js';

export async function run({ args, openRepo, signal, page }: Context): Promise<Outcome> {
  const result = await dataVersions(openRepo(), { model: args.need('model'), name: args.need('name') }, { signal });
  const rows = result.versions.map((item) => [item.version, size(item.size), moment(item.createdAt, page), item.checksum, item.isLatest ? 'latest' : '']);
  return { result, text: () => table(['VERSION', 'SIZE', 'CREATED', 'SHA-256', ''], rows) };
}
