/** `swamp backup restore DIR`: asks before it replaces. */
import { resolve } from 'node:path';
import { SwampError } from '../../errors.js';
import { readDir } from '../../fs/tree.js';
import { type BackupRestoreInput, backupRestore, restoreInto } from '../../operations/backup-restore.js';
import { repoInit } from '../../operations/repo-init.js';
import { openRepoAt, type Repo, unmadeRepoAt } from '../../repo.js';
import { type Args, given } from '../args.js';
import { asking, type Context, type Outcome } from '../context.js';
import { createProgress } from '../progress.js';
import { questionText, restoredText } from '../render/backup.js';

export async function run(context: Context): Promise<Outcome> {
  const { args, signal, silent } = context;
  const input = inputOf(args);
  const repo = targetOf(context);
  const progress = createProgress({ silent });
  const phases = { verified: progress.phase('Verified'), staged: progress.phase('Restored') };
  const onProgress = (done: { readonly files: number; readonly bytes: number }, phase: keyof typeof phases, total?: number): void => phases[phase](done, total);
  const options = { signal, onProgress, ...asking(context, questionText) };
  const result = await (typeof repo === 'function' ? restoreInto(repo, input, options) : backupRestore(repo, input, options)).finally(progress.end);
  return { result, text: () => restoredText(result) };
}

/** The repository; where there is none, and its directory is empty or missing, it is made once the backup is known to be whole, and a dry run makes none. */
function targetOf({ args, env, readOnly, reporter, openRepo, repoOptions }: Context): Repo | (() => Promise<Repo>) {
  try {
    return openRepo();
  } catch (error) {
    const dir = resolve(args.text('repo-dir') ?? (env['SWAMP_REPO_DIR'] || '.'));
    if (!(error instanceof SwampError) || error.code !== 'not_a_repo' || (readDir(dir) ?? []).length > 0) throw error;
    const options = { ...repoOptions(), command: `backup restore ${args.need('dir')}` };
    return async () => {
      if (args.has('dry-run')) return unmadeRepoAt(dir, options);
      const { repoDir } = await repoInit(dir, { readOnly });
      reporter.info(`Created the repository ${repoDir}.`, { topic: 'restore', path: repoDir });
      return openRepoAt(repoDir, options);
    };
  }
}

export const MODES = ['replace', 'merge', 'skip-existing'] as const;

/** `--model A=B`; a model's name has no `=` in it. */
function inputOf(args: Args): BackupRestoreInput {
  const wanted = args.text('mode');
  const mode = MODES.find((known) => known === wanted);
  if (wanted !== undefined && mode === undefined)
    throw new SwampError('usage', `There is no mode ${JSON.stringify(wanted)}.`, { hint: `The modes are ${MODES.join(', ')}.` });
  const [model, as, ...more] = args.text('model')?.split('=') ?? [];
  if (more.length > 0 || model === '')
    throw new SwampError('usage', '--model wants a name, or two with a "=" between them.', { hint: 'Example: --model web=web-old' });
  return {
    dir: args.need('dir'),
    dryRun: args.has('dry-run'),
    ...(mode && { mode }),
    ...(model !== undefined && { model }),
    ...(as !== undefined && { as }),
    ...given({ name: args.text('name') }),
  };
}
