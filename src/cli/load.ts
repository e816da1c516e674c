/** What each command of the table does: its code is loaded when it runs. */
import type { Run } from './context.js';

const COMMANDS: Readonly<Record<string, () => Promise<{ readonly run: Run }>>> = {
  'repo init': () => import('./commands/repo-init.js'),
  'repo info': () => import('./commands/repo-info.js'),
  'repo import': () => import('./commands/repo-import.js'),
  'model create': () => import('./commands/model-create.js'),
  'model list': () => import('./commands/model-list.js'),
  'model search': () => import('./commands/model-list.js'),
  'model get': () => import('./commands/model-get.js'),
  'model validate': () => import('./commands/model-validate.js'),
  'model edit': () => import('./commands/model-edit.js'),
  'model set': () => import('./commands/model-set.js'),
  'model rename': () => import('./commands/model-rename.js'),
  'model delete': () => import('./commands/model-delete.js'),
  'model method run': () => import('./commands/model-run.js'),
  'model exec': () => import('./commands/model-exec.js'),
  'data put': () => import('./commands/data-put.js'),
  'data put --batch': () => import('./commands/data-batch.js'),
  'data get': () => import('./commands/data-get.js'),
  'data list': () => import('./commands/data-list.js'),
  'data search': () => import('./commands/data-search.js'),
  'data query': () => import('./commands/data-query.js'),
  'data versions': () => import('./commands/data-versions.js'),
  'data rename': () => import('./commands/data-rename.js'),
  'data delete': () => import('./commands/data-delete.js'),
  'data gc': () => import('./commands/data-gc.js'),
  'data prune': () => import('./commands/data-prune.js'),
  'data watch': () => import('./commands/data-watch.js'),
  'data upload begin': () => import('./commands/upload-begin.js'),
  'data upload part': () => import('./commands/upload-part.js'),
  'data upload complete': () => import('./commands/upload-complete.js'),
  'data upload abort': () => import('./commands/upload-abort.js'),
  'data upload list': () => import('./commands/upload-list.js'),
  'datastore status': () => import('./commands/datastore-status.js'),
  'datastore check': () => import('./commands/datastore-check.js'),
  'datastore sweep': () => import('./commands/datastore-sweep.js'),
  'datastore compact': () => import('./commands/datastore-compact.js'),
  'datastore setup': () => import('./commands/datastore-setup.js'),
  'datastore lock status': () => import('./commands/lock-status.js'),
  'datastore lock release': () => import('./commands/lock-release.js'),
  'backup create': () => import('./commands/backup-create.js'),
  'backup restore': () => import('./commands/backup-restore.js'),
  'backup verify': () => import('./commands/backup-verify.js'),
  'backup list': () => import('./commands/backup-list.js'),
  'backup diff': () => import('./commands/backup-diff.js'),
  'backup pack': () => import('./commands/backup-pack.js'),
  'backup unpack': () => import('./commands/backup-unpack.js'),
  'backup prune': () => import('./commands/backup-prune.js'),
  session: () => import('./commands/session.js'),
  demo: () => import('./commands/demo.js'),
  completion: () => import('./commands/completion.js'),
};

/** The code of a command. */
export async function loadCommand(verb: string): Promise<Run> {
  const load = COMMANDS[verb];
  if (load === undefined) throw new TypeError(`${verb} does nothing`);
  return (await load()).run;
}
