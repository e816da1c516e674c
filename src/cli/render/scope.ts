/** What a backup holds, in a few words: which models, and which kinds beside or instead of all their versions. */
import type { BackupInFolder } from '../../backup/folder.js';
import { printable } from './text.js';

const NAMED = 3;

/** `all models`, `models a, b; latest versions; with uploads`. */
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
