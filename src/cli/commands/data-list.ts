/** `swamp data list [M]` */
import { SwampError } from '../../errors.js';
import { type DataListResult, dataList } from '../../operations/data-list.js';
import { given, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { unreadError } from '../render/listed.js';
import { moment, printable, size, table } from '../render/text.js';

export async function run({ args, openRepo, signal, page }: Context): Promise<Outcome> {
  if (args.has('null') && !args.has('names'))
    throw new SwampError('usage', '-0 goes with --names.', { hint: 'Example: swamp data list M --names -0 | xargs -0 -n 1 echo' });
  const input = given({
    model: args.text('model'),
    type: args.text('type'),
    prefix: args.text('prefix'),
    limit: wholeNumber(args, 'limit', 1),
    after: args.text('after'),
  });
  const result = await dataList(openRepo(), input, { signal });
  const items = result.groups.flatMap((group) => group.items);
  const text = (): string => {
    // As they are: what reads them wants the names, not their escapes.
    if (args.has('names')) return items.map(({ name }) => `${name}${args.has('null') ? '\0' : '\n'}`).join('');
    const rows = items.map((item) => [item.modelName, item.name, item.version, item.type, size(item.size), moment(item.createdAt, page)]);
    return rows.length === 0 ? '' : table(['MODEL', 'NAME', 'VERSION', 'TYPE', 'SIZE', 'CREATED'], rows);
  };
  const note = noteOf(result);
  const error = unreadError(result.failed);
  return { result, text, ...(note !== undefined && { note }), ...(error !== undefined && { error }) };
}

function noteOf({ total, more, next = '', failed }: DataListResult): string | undefined {
  if (total === 0 && failed.length === 0) return 'No data.';
  return more ? `There is more: raise --limit, or go on with --after ${quoted(next)}` : undefined;
}

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return `'${printable(word).replaceAll("'", "'\\''")}'`;
}
