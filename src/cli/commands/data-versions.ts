/** `swamp data versions M NAME` */
import { dataVersions } from '../../operations/data-versions.js';
import { given, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { moment, size, table } from '../render/text.js';

export async function run({ args, openRepo, signal, page }: Context): Promise<Outcome> {
  const slice = given({ limit: wholeNumber(args, 'limit', 1), before: wholeNumber(args, 'before', 1) });
  const result = await dataVersions(openRepo(), { model: args.need('model'), name: args.need('name'), ...slice }, { signal });
  const rows = result.versions.map((item) => [item.version, size(item.size), moment(item.createdAt, page), item.checksum, item.isLatest ? 'latest' : '']);
  const last = result.versions.at(-1)?.version;
  const note = result.more ? { note: `There are older ones; go on with --before ${last}.` } : {};
  return { result, text: () => table(['VERSION', 'SIZE', 'CREATED', 'SHA-256', ''], rows), ...note };
}
