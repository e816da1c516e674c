/** What the commands that write versions have in common: their flags, where their bytes come from, and what they tell of the version. */
import type { DataPutResult, VersionInput } from '../operations/data-put.js';
import type { SourceDemands, SourceInput } from '../operations/source.js';
import type { Reporter } from '../repo.js';
import { type Args, given, pairs, wholeNumber } from './args.js';
import { tell } from './output.js';
import { printable, size } from './render/text.js';

/** What the version is to be. Throws `usage`. */
export function versionOf(args: Args): VersionInput {
  return {
    model: args.need('model'),
    name: args.need('name'),
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
}

/** FILE, or stdin, and what it must be; a person who is to type it is told so. */
export function sourceOf(args: Args): SourceDemands & { readonly source: SourceInput } {
  const demands = { ifStable: args.has('if-stable'), noEmpty: args.has('no-empty') };
  const file = args.text('file');
  if (file !== undefined && file !== '-') return { source: { file }, ...demands };
  if (process.stdin.isTTY && !args.has('quiet')) tell('Reading from the terminal; end with Ctrl-D.\n');
  return { source: process.stdin, ...demands };
}

/** A pipe whose first command failed gives nothing, and nobody else sees that. */
export function noteEmpty(args: Args, reporter: Reporter, stored: { readonly size: number }): void {
  const file = args.text('file');
  if (stored.size === 0 && (file === undefined || file === '-')) reporter.info('Standard input was empty: 0 bytes were stored. --no-empty refuses that.');
}

/** The line for people. */
export function versionText(result: DataPutResult): string {
  const what = `${printable(result.modelName)} ${printable(result.name)} version ${result.version}`;
  return result.changed ? `${what}, ${size(result.size)}\n` : `${what}, unchanged\n`;
}
