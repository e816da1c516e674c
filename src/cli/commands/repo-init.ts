/** `swamp repo init [DIR]` */
import { SwampError } from '../../errors.js';
import { repoInit } from '../../operations/repo-init.js';
import type { Context, Outcome } from '../context.js';

export async function run({ args, env, readOnly }: Context): Promise<Outcome> {
  if (readOnly)
    throw new SwampError('read_only', '"repo init" would write, and --read-only is set.', { hint: 'Leave out --read-only (or unset SWAMP_READ_ONLY).' });
  const result = await repoInit(args.text('dir') ?? args.text('repo-dir') ?? (env['SWAMP_REPO_DIR'] || '.'));
  return { result, text: () => `${result.created ? 'Created a repository in' : 'There is a repository in'} ${result.repoDir}\n` };
}
