/** `swamp data list [M]` */
import { SwampError } from '../../errors.js';
import { type DataListResult, dataList } from '../../operations/data-list.js';
import { given, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { count, moment, size, table } from '../render/text.js';

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
  const error = errorOf(result);
  return { result, text, ...(note !== undefined && { note }), ...(error !== undefined && { error }) };
}

function noteOf({ total, more, failed }: DataListResult): string | undefined {
  if (total === 0 && failed.length === 0) return 'No data.';
  return more ? 'There is more: raise --limit, or go on with --after and the last name.' : undefined;
}

/** Of those that cannot be read: the first one decides how the command ends. */
function errorOf({ failed }: DataListResult): SwampError | undefined {
  const [first] = failed;
  if (first === undefined) return undefined;
  return new SwampError(first.code, `${count(failed.length, 'artifact')} cannot be read; the others are listed. The first: ${first.message}`, {
    hint: 'Run "swamp datastore check" for everything that is damaged or may not be read.',
    data: { failed },
  });
}
