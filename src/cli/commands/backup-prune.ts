/** `swamp backup prune FOLDER --keep-daily N --keep-weekly N` */
import { type BackupPruneResult, backupPrune } from '../../operations/backup-prune.js';
import { given, wholeNumber } from '../args.js';
import { asking, type Context, type Outcome } from '../context.js';
import { scopeText } from '../render/backup.js';
import { count, printable, size, table } from '../render/text.js';

type Plan = Pick<BackupPruneResult, 'dir' | 'kept' | 'removed'>;

export async function run(context: Context): Promise<Outcome> {
  const { args, signal, reporter, readOnly } = context;
  const keep = given({
    keepLast: wholeNumber(args, 'keep-last', 1),
    keepDaily: wholeNumber(args, 'keep-daily', 1),
    keepWeekly: wholeNumber(args, 'keep-weekly', 1),
    keepMonthly: wholeNumber(args, 'keep-monthly', 1),
  });
  const input = { dir: args.need('dir'), dryRun: args.has('dry-run'), ...keep };
  const result = await backupPrune(input, { signal, reporter, readOnly, ...asking(context, question) });
  return { result, text: () => text(result) };
}

function question({ dir, kept, removed }: Plan): string {
  const dates = removed.map(({ createdAt }) => createdAt.slice(0, 10)).join(', ');
  return `Remove ${count(removed.length, 'backup')} (${dates}) from ${dir}, and keep ${kept.length}?`;
}

function text({ kept, removed, skipped, reclaimed, bytesReclaimed, dryRun, cancelled }: BackupPruneResult): string {
  if (cancelled === true) return 'Nothing was removed.\n';
  const verb = dryRun ? 'remove' : 'removed';
  const rows = [
    ...kept.map((one) => ['keep', one.createdAt, one.keeps.join(' '), scopeText(one), one.path]),
    ...removed.map((one) => [verb, one.createdAt, '', scopeText(one), one.path]),
  ];
  const others = skipped.map(({ path, reason }) => `Left alone: ${printable(path)}: ${printable(reason)}\n`).join('');
  const cleared = reclaimed.length === 0 ? '' : `${dryRun ? 'Would clear' : 'Cleared'} ${count(reclaimed.length, 'leftover')} of a killed run\n`;
  const total = `${dryRun ? 'Would remove' : 'Removed'} ${count(removed.length, 'backup')}, ${size(bytesReclaimed)}; ${count(kept.length, 'backup')} kept\n`;
  return `${rows.length === 0 ? '' : table(['', 'CREATED', 'KEEPS', 'HOLDS', 'PATH'], rows)}${others}${cleared}${total}`;
}
