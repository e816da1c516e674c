/** `swamp repo import DIR` */
import { type RepoImportResult, repoImport } from '../../operations/repo-import.js';
import type { Context, Outcome } from '../context.js';
import { createProgress, type Show } from '../progress.js';
import { count, printable, size } from '../render/text.js';

const PHASES = { read: 'Read', verified: 'Verified', staged: 'Staged' } as const;

export async function run({ args, openRepo, signal, silent }: Context): Promise<Outcome> {
  const progress = createProgress({ silent });
  const shows = new Map<string, Show>();
  const onProgress = (bytes: number, phase: keyof typeof PHASES, total?: number): void => {
    const show = shows.get(phase) ?? progress.phase(PHASES[phase]);
    shows.set(phase, show);
    show({ bytes }, total);
  };
  const result = await repoImport(openRepo(), { dir: args.need('dir'), dryRun: args.has('dry-run') }, { signal, onProgress }).finally(progress.end);
  return { result, text: () => importText(result) };
}

function importText({ models, artifacts, versions, bytes, renames, skipped, dryRun }: RepoImportResult): string {
  const left = skipped.map(({ path, reason }) => `  ${printable(path)} ${printable(reason)}\n`).join('');
  const rest = skipped.length === 0 ? '' : `Not carried over, or not as it was, ${skipped.length} in all:\n${left}`;
  if (models.length === 0) return `Nothing to import.\n${rest}`;
  const names = models.map(({ name, type, versions: some }) => `  ${printable(name)} (${type}): ${count(some, 'version')}\n`).join('');
  const what = [
    count(models.length, 'model'),
    count(artifacts, 'artifact'),
    `${count(versions, 'version')}, ${size(bytes)}`,
    ...(renames === 0 ? [] : [count(renames, 'rename')]),
  ];
  return `${dryRun ? 'Would import' : 'Imported'} ${what.join(', ')}\n${names}${rest}`;
}
