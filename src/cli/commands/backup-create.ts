/** `swamp backup create DIR` */

import type { BackupProgress } from '../../backup/make.js';
import { type BackupCreateResult, backupCreate } from '../../operations/backup-create.js';
import { given, pairs } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { createProgress } from '../progress.js';
import { count, fields, printable, size } from '../render/text.js';

export async function run({ args, json, openRepo, signal }: Context): Promise<Outcome> {
  const progress = createProgress({ silent: json || args.has('quiet') });
  const show = progress.phase('Copied');
  const onProgress = ({ versions, total, bytes }: BackupProgress): void => show({ versions, bytes }, { versions: total });
  const input = {
    dir: args.need('dir'),
    models: args.list('model'),
    latestOnly: args.has('latest-only'),
    ...(args.has('all-versions') ? { allVersions: true } : {}),
    includeIncompleteUploads: args.has('include-incomplete-uploads'),
    includeOrphans: args.has('include-orphans'),
    encodeNames: args.has('encode-names'),
    renameCollisions: args.has('rename-collisions'),
    skipDamaged: args.has('skip-damaged'),
    copy: args.has('copy'),
    exclude: args.list('exclude'),
    ...given({ base: args.text('base'), tags: pairs(args, 'tag') }),
    dryRun: args.has('dry-run'),
  };
  const result = await backupCreate(openRepo(), input, { signal, onProgress }).finally(progress.end);
  return { result, text: () => text(result) };
}

function text(result: BackupCreateResult): string {
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
    ...renamed.map(({ model, name, path, reason }) => `${reason}: ${printable(name)} of ${printable(model)} stands at ${printable(path)}\n`),
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
