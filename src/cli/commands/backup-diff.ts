/** `swamp backup diff DIR OTHER`: prints what differs, and fails when there is something. */
import { SwampError } from '../../errors.js';
import { type BackupDifference, type BackupDiffResult, backupDiff } from '../../operations/backup-diff.js';
import type { Context, Outcome } from '../context.js';
import { createProgress } from '../progress.js';
import { printable } from '../render/text.js';

export async function run({ args, signal, reporter, silent }: Context): Promise<Outcome> {
  const progress = createProgress({ silent });
  const input = { dir: args.need('dir'), other: args.need('other') };
  const result = await backupDiff(input, { signal, reporter, onProgress: progress.phase('Verified') }).finally(progress.end);
  const outcome = { result, text: () => `${result.differences.map(lineOf).join('')}${summary(result)}\n` };
  if (result.equal) return outcome;
  const { from, to, added, removed, changed } = result;
  return {
    ...outcome,
    error: new SwampError('backup_mismatch', `${from} and ${to} differ: ${summary(result)}.`, {
      hint: 'The result, on stdout, lists the differences.',
      data: { from, to, added, removed, changed },
    }),
  };
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;

function lineOf({ change, what, model, name, version, fields }: BackupDifference): string {
  const where = [model, ...(name === null ? [] : [name]), ...(version === null ? [] : [`version ${version}`])].map(printable).join(' ');
  return `${SIGNS[change]} ${what} ${where}${fields.length === 0 ? '' : ` (${fields.join(', ')})`}\n`;
}

function summary({ equal, added, removed, changed }: BackupDiffResult): string {
  return equal ? 'No difference' : `${added} added, ${removed} removed, ${changed} changed`;
}
