/** `swamp model validate [M]`: prints what it found, and fails when there are problems. */
import { SwampError } from '../../errors.js';
import type { Problem } from '../../models/problem.js';
import { type ModelValidateResult, modelValidate } from '../../operations/model-validate.js';
import { given } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { count, printable } from '../render/text.js';

export async function run({ args, openRepo }: Context): Promise<Outcome> {
  const result = await modelValidate(openRepo(), given({ model: args.text('model') }));
  const problems = result.models.flatMap((model) => model.problems);
  const outcome = { result, text: () => text(result, problems) };
  if (result.valid) return outcome;
  const error = new SwampError('model_invalid', `${count(problems.length, 'problem')} in the definitions.`, {
    hint: 'Correct the files; they are plain YAML.',
    data: { problems },
  });
  return { ...outcome, error };
}

function text({ total, valid }: ModelValidateResult, problems: readonly Problem[]): string {
  return valid ? `${count(total, 'definition')}, no problem\n` : problems.map(problemLines).join('');
}

function problemLines({ path, line, message, hint }: Problem): string {
  const where = line === undefined ? path : `${path}:${line}`;
  return `${printable(where)}: ${printable(message)}\n${hint === undefined ? '' : `  ${printable(hint)}\n`}`;
}
