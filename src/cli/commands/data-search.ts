/** `swamp data search [TEXT]` */
import { dataSearch } from '../../operations/data-search.js';
import { given, pairs, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { unreadError } from '../render/listed.js';
import { moment, size, table } from '../render/text.js';

export async function run({ args, openRepo, signal, page }: Context): Promise<Outcome> {
  const input = given({
    text: args.text('text'),
    model: args.text('model'),
    tags: pairs(args, 'tag'),
    type: args.text('type'),
    contentType: args.text('content-type'),
    lifetime: args.text('lifetime'),
    since: args.text('since'),
    ownerType: args.text('owner-type'),
    limit: wholeNumber(args, 'limit', 1),
  });
  const result = await dataSearch(openRepo(), input, { signal });
  const rows = result.results.map((item) => [item.modelName, item.name, item.version, item.type, size(item.size), moment(item.createdAt, page)]);
  const error = unreadError(result.failed);
  return {
    result,
    text: () => (rows.length === 0 ? '' : table(['MODEL', 'NAME', 'VERSION', 'TYPE', 'SIZE', 'CREATED'], rows)),
    ...(rows.length === 0 && error === undefined && { note: 'Nothing was found.' }),
    ...(result.limited && { note: 'There is more: raise --limit, or say more of what you look for.' }),
    ...(error !== undefined && { error }),
  };
}
