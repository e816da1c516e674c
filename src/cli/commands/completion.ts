/** `swamp completion [bash|zsh|fish]` */
import { basename } from 'node:path';
import { SwampError } from '../../errors.js';
import type { Context, Outcome } from '../context.js';
import { completionScript, SHELLS } from '../shells.js';

export async function run({ args, env }: Context): Promise<Outcome> {
  const shell = args.text('shell') ?? basename(env['SHELL'] || 'bash');
  const script = completionScript(shell);
  if (script === undefined) {
    throw new SwampError('usage', `There is no completion for ${JSON.stringify(shell)}.`, { hint: `The shells are ${SHELLS.join(', ')}.` });
  }
  return { result: { shell, script }, text: () => script };
}
