/** `swamp model list` and `swamp model search [TEXT]` */
import { modelList } from '../../operations/model-list.js';
import { given } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { table } from '../render/text.js';

export async function run({ args, openRepo }: Context): Promise<Outcome> {
  const result = await modelList(openRepo(), given({ text: args.text('text') }));
  const rows = result.models.map(({ name, type, id, path }) => [name, type, id, path]);
  return { result, text: () => (rows.length === 0 ? '' : table(['NAME', 'TYPE', 'ID', 'PATH'], rows)), ...(rows.length === 0 && { note: 'No models.' }) };
}
