/** `swamp data put [M] --batch [--atomic]`: items as lines of JSON on stdin, and what became of each as a line on stdout. */
import { SwampError } from '../../errors.js';
import { dataBatch } from '../../operations/data-batch.js';
import { given, pairs } from '../args.js';
import { itemsIn } from '../batch-input.js';
import type { Context } from '../context.js';
import { demandsOf, typedInput } from '../input.js';
import { print } from '../output.js';
import { errorFields } from '../render/error.js';
import { count } from '../render/text.js';

/** Throws the first failure when its line, and all others, are answered. */
export async function run({ args, openRepo, signal }: Context): Promise<undefined> {
  const other = ['name', 'file'].find((name) => args.text(name) !== undefined)?.toUpperCase() ?? (args.has('command') ? '--command' : undefined);
  if (other !== undefined)
    throw new SwampError('usage', `${other} and --batch exclude each other.`, { hint: 'The items of a batch come from stdin, each with its name.' });
  if (args.text('expect-version') !== undefined)
    throw new SwampError('usage', '--expect-version is of one artifact.', { hint: 'Give each item that needs it an "expectVersion".' });
  const defaults = given({
    contentType: args.text('content-type'),
    tags: pairs(args, 'tag'),
    lifetime: args.text('lifetime'),
    gc: args.text('gc'),
    ifChanged: args.has('if-changed') || undefined,
  });
  const input = { ...given({ model: args.text('model') }), ...demandsOf(args), create: args.has('create'), atomic: args.has('atomic') };
  const repo = openRepo();
  let first: { readonly line: number; readonly error: SwampError } | undefined;
  let [all, failed] = [0, 0];
  for await (const answer of await dataBatch(repo, { ...input, items: itemsIn(typedInput(args), defaults) }, { signal })) {
    all++;
    if ('error' in answer) {
      failed++;
      // Of an atomic batch most lines fail because of one.
      if (answer.error.data['because'] === undefined) first ??= answer;
    }
    await print(`${JSON.stringify('error' in answer ? { error: errorFields(answer.error), line: answer.line } : answer)}\n`);
  }
  if (first === undefined) return undefined;
  const { line, error } = first;
  throw new SwampError(
    error.code,
    `${failed} of ${count(all, 'item')} ${failed === 1 ? 'was' : 'were'} not stored. The first is on line ${line}: ${error.message}`,
    {
      hint: error.hint ?? 'Each line of the output that has an "error" says why.',
      data: { items: all, failed, line, first: errorFields(error) },
      cause: error,
    },
  );
}
