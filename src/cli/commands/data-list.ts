/** `swamp data list [M]` */
import { dataList } from '../../operations/data-list.js';
import { given, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { size, table } from '../render/text.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const input = given({
    model: args.text('model'),
    type: args.text('type'),
    prefix: args.text('prefix'),
    limit: wholeNumber(args, 'limit', 1),
    after: args.text('after'),
  });
  const result = await dataList(openRepo(), input, { signal });
  const items = result.groups.flatMap((group) => group.items);
  const rows = items.map((item) => [item.modelName, item.name, item.version, item.type, size(item.size), item.createdAt]);
  return { result, text: () => (rows.length === 0 ? 'No data.\n' : table(['MODEL', 'NAME', 'VERSION', 'TYPE', 'SIZE', 'CREATED'], rows)) };
}
