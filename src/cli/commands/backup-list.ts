/** `swamp backup list FOLDER` */
import { type BackupListResult, backupList } from '../../operations/backup-list.js';
import type { Context, Outcome } from '../context.js';
import { scopeText } from '../render/backup.js';
import { printable, size, table } from '../render/text.js';

export async function run({ args }: Context): Promise<Outcome> {
  const result = await backupList({ dir: args.need('dir') });
  return { result, text: () => text(result) };
}

function text({ backups, skipped }: BackupListResult): string {
  const rows = backups.map((backup) => [backup.createdAt, size(backup.bytes), backup.repoId, scopeText(backup), backup.path]);
  const others = skipped.map(({ path, reason }) => `Not a backup: ${printable(path)}: ${printable(reason)}\n`).join('');
  return `${rows.length === 0 ? 'No backup.\n' : table(['CREATED', 'SIZE', 'REPOSITORY', 'HOLDS', 'PATH'], rows)}${others}`;
}
