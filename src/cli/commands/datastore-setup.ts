/** `swamp datastore setup filesystem --path P`: moves the datastore. */
import { SwampError } from '../../errors.js';
import { type DatastoreSetupResult, datastoreSetup } from '../../operations/datastore-setup.js';
import { asking, type Context, type Outcome } from '../context.js';
import { createProgress } from '../progress.js';
import { count, size } from '../render/text.js';

export async function run(context: Context): Promise<Outcome> {
  const { args, openRepo, signal, silent } = context;
  const type = args.need('type');
  if (type !== 'filesystem')
    throw new SwampError('usage', `There is no datastore of type ${JSON.stringify(type)}.`, { hint: 'The only type is "filesystem".' });
  const path = args.text('path');
  if (path === undefined) throw new SwampError('usage', '--path is missing.', { hint: 'Example: swamp datastore setup filesystem --path /srv/data' });
  const input = { path, skipMigration: args.has('skip-migration'), dryRun: args.has('dry-run') };
  const progress = createProgress({ silent });
  const show = progress.phase('Copied');
  const ask = asking<DatastoreSetupResult>(
    context,
    ({ path: to, previousPath, ...rest }) => `Move the datastore from ${previousPath} to ${to} (${amount(rest)})?`,
  );
  const result = await datastoreSetup(openRepo(), input, { signal, onProgress: show, ...ask }).finally(progress.end);
  return { result, text: () => text(result) };
}

function amount({ filesCopied, bytesCopied }: Pick<DatastoreSetupResult, 'filesCopied' | 'bytesCopied'>): string {
  return `${count(filesCopied, 'file')}, ${size(bytesCopied)}`;
}

function text(result: DatastoreSetupResult): string {
  const { path, previousPath, migrated, dryRun, cancelled } = result;
  if (cancelled === true) return 'Nothing was moved.\n';
  if (path === previousPath) return `The datastore is in ${path} already.\n`;
  const what = migrated ? `the datastore from ${previousPath} to ${path}: ${amount(result)}` : `${path} in .swamp.yaml, and moved nothing`;
  if (dryRun) return `Would ${migrated ? 'move' : 'name'} ${what}\n`;
  return `${migrated ? 'Moved' : 'Named'} ${what}. Commit .swamp.yaml, so that other clones find it.\n`;
}
