/** `swamp data put M NAME [FILE]` */
import { dataPut } from '../../operations/data-put.js';
import { given, pairs, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { tell } from '../output.js';
import { printable, size } from '../render/text.js';

export async function run({ args, openRepo, signal }: Context): Promise<Outcome> {
  const file = args.text('file');
  const fromStdin = file === undefined || file === '-';
  const input = {
    model: args.need('model'),
    name: args.need('name'),
    source: fromStdin ? process.stdin : { file },
    ifChanged: args.has('if-changed'),
    create: args.has('create'),
    ...given({
      contentType: args.text('content-type'),
      tags: pairs(args, 'tag'),
      lifetime: args.text('lifetime'),
      gc: args.text('gc'),
      expectVersion: wholeNumber(args, 'expect-version', 0),
    }),
  };
  const repo = openRepo();
  if (fromStdin && process.stdin.isTTY && !args.has('quiet')) tell('Reading from the terminal; end with Ctrl-D.\n');
  const result = await dataPut(repo, input, { signal });
  const text = (): string => {
    const what = `${printable(result.modelName)} ${printable(result.name)} version ${result.version}`;
    return result.changed ? `${what}, ${size(result.size)}\n` : `${what}, unchanged\n`;
  };
  return { result, text };
}
