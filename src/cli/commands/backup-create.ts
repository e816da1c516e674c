/** `swamp backup create DIR` */

import type { BackupProgress } from '../../backup/create/make.js';
import { backupCreate } from '../../operations/backup-create.js';
import { given, pairs } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { createProgress } from '../progress.js';
import { createdText } from '../render/backup.js';

export async function run({ args, openRepo, signal, silent }: Context): Promise<Outcome> {
  const progress = createProgress({ silent });
  const show = progress.phase('Copied');
  const onProgress = ({ versions, total, bytes, totalBytes }: BackupProgress): void =>
    show({ versions, bytes }, { versions: total, ...given({ bytes: totalBytes }) });
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
  return { result, text: () => createdText(result) };
}
