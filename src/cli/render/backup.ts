/** What the commands for backups say to people. */
import type { BackupInFolder } from '../../backup/folder.js';
import type { BackupCreateResult } from '../../operations/backup-create.js';
import type { BackupRestoreResult, RestoreQuestion } from '../../operations/backup-restore.js';
import { count, fields, printable, size } from './text.js';

const NAMED = 3;

/** What a backup holds, in a few words: `all models`, `models a, b; latest versions; with uploads`. */
export function scopeText({ models, excluded, exclude, damaged, tags }: BackupInFolder): string {
  const named = models?.slice(0, NAMED).map(printable).join(', ');
  const more = models !== null && models.length > NAMED ? ` and ${models.length - NAMED} more` : '';
  return [
    models === null ? 'all models' : `${models.length === 1 ? 'model' : 'models'} ${named}${more}`,
    ...(excluded.includes('older-versions') ? ['latest versions'] : []),
    ...(excluded.includes('incomplete-uploads') ? [] : ['with uploads']),
    ...(excluded.includes('orphans') ? [] : ['with orphans']),
    ...(exclude.length === 0 ? [] : [`without ${exclude.map(printable).join(', ')}`]),
    ...(damaged === 0 ? [] : [`without ${damaged} damaged`]),
    ...Object.entries(tags).map(([key, value]) => `${printable(key)}=${printable(value)}`),
  ].join('; ');
}

/** What was written. */
export function createdText(result: BackupCreateResult): string {
  const { backupDir, createdAt, models, artifacts, versions, bytes, uploads, orphans, reused, sharedBytes, excluded, renamed, damaged, dryRun } = result;
  const beside = [
    ...(uploads > 0 ? [count(uploads, 'unfinished upload')] : []),
    ...(orphans > 0 ? [`data of ${count(orphans, 'model')} without a definition`] : []),
  ];
  const left = Object.entries(excluded).flatMap(([kind, n]: [string, number]) => (n === 0 ? [] : [`${WORDS[kind] ?? kind}: ${n}`]));
  return [
    fields([
      [dryRun ? 'Would write' : 'Backup', backupDir],
      ['As of', createdAt],
      [
        'Holds',
        `${count(models, 'model')}, ${count(artifacts, 'artifact')}, ${count(versions, 'version')}, ${size(bytes)}${beside.map((one) => `, ${one}`).join('')}`,
      ],
      ['From the base', reused === 0 ? undefined : `${count(reused, 'version')}, ${size(sharedBytes)} shared with it`],
      ['Left out', left.length === 0 ? undefined : left.join(', ')],
    ]),
    ...damaged.map(({ model, name, version, reason }) => {
      const what = `${printable(name ?? 'something')} of ${printable(model)}${version === null ? '' : `, version ${version}`}`;
      return `Damaged, and left out: ${what} (${reason})\n`;
    }),
    ...renamed.map(({ model, name, path, reason }) => `${reason}: ${printable(name)} of ${printable(model)} is at ${printable(path)}\n`),
  ].join('');
}

const WORDS: Readonly<Record<string, string>> = {
  olderVersions: 'older versions',
  incompleteUploads: 'unfinished uploads',
  orphans: 'models without a definition',
  otherModels: 'other models',
  deletedModels: 'deleted models',
  keptOutputs: 'kept outputs',
  excludedArtifacts: 'excluded artifacts',
};

const WHY = {
  exists: '',
  damaged: ': it is damaged here; see "swamp datastore check"',
  generation: ': another generation is here',
  content: ': a version of the same number has another content here',
} as const;

function amount({ models, artifacts, versions }: BackupRestoreResult['removed']): string {
  return `${count(models, 'model')}, ${count(artifacts, 'artifact')} and ${count(versions, 'version')}`;
}

/** What a person is asked before a restore replaces anything. */
export function questionText({ dir, removed, restored }: RestoreQuestion): string {
  const goes = removed.models + removed.artifacts === 0 ? 'nothing' : amount(removed);
  return `Replace ${goes} by ${count(restored.models, 'model')}, ${count(restored.artifacts, 'artifact')} and ${count(restored.versions, 'version')} of ${dir}?`;
}

/** What was restored, and what stayed. */
export function restoredText({
  models,
  artifacts,
  versions,
  bytes,
  uploads,
  orphans,
  skipped,
  removed,
  newIds,
  dryRun,
  cancelled,
}: BackupRestoreResult): string {
  if (cancelled === true) return 'Nothing was restored.\n';
  const beside = [...(uploads > 0 ? [count(uploads, 'upload')] : []), ...(orphans > 0 ? [`data of ${count(orphans, 'model')} without a definition`] : [])];
  const what = [count(models, 'model'), count(artifacts, 'artifact'), count(versions, 'version'), size(bytes), ...beside].join(', ');
  const gone = removed.models + removed.artifacts > 0 ? `${dryRun ? 'Would replace or remove' : 'Replaced or removed'} ${amount(removed)}\n` : '';
  const stayed = skipped
    .map(({ model, name, reason }) => `  ${printable(model)}${name === null ? ': its definition' : ` ${printable(name)}${WHY[reason]}`}\n`)
    .join('');
  const ids = newIds.map(({ model, newId }) => `${printable(model)} has a new id, ${newId}\n`).join('');
  const left = skipped.length > 0 ? `${dryRun ? 'Would stay' : 'Stayed'} as it was:\n${stayed}` : '';
  return `${dryRun ? 'Would restore' : 'Restored'} ${what}\n${gone}${ids}${left}`;
}
