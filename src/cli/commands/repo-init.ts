/** `swamp repo init [DIR]` */
import { repoInit } from '../../operations/repo-init.js';
import type { Context, Outcome } from '../context.js';
import { printable } from '../render/text.js';

export async function run({ args, env, readOnly }: Context): Promise<Outcome> {
  const dir = args.text('dir') ?? args.text('repo-dir') ?? env['SWAMP_REPO_DIR'] ?? '.';
  const result = await repoInit(dir, { readOnly });
  return { result, text: () => `${result.created ? 'Created a repository in' : 'There is a repository in'} ${printable(result.repoDir)}\n` };
}
