/** `swamp data prune` */
import { type DataPruneResult, dataPrune } from '../../operations/data-prune.js';
import { asking, type Context, type Outcome } from '../context.js';
import { count, printable, size } from '../render/text.js';

export async function run(context: Context): Promise<Outcome> {
  const { args, openRepo, signal } = context;
  const result = await dataPrune(openRepo(), { dryRun: args.has('dry-run') }, { signal, ...asking(context, question) });
  return { result, text: () => pruneText(result) };
}

function question({ reclaimedModels }: Pick<DataPruneResult, 'reclaimedModels'>): string {
  const versions = reclaimedModels.reduce((sum, { versionCount }) => sum + versionCount, 0);
  return `Remove ${count(reclaimedModels.length, 'model')} without a definition, with ${count(versions, 'version')}?`;
}

function pruneText(result: DataPruneResult): string {
  if (result.cancelled === true) return 'Nothing was removed.\n';
  const { reclaimedModels, keptModels, modelsReclaimed, versionsDeleted, bytesReclaimed, dryRun } = result;
  const kept = keptModels.map(({ path, message }) => `kept: ${printable(path)} ${printable(message)}\n`).join('');
  if (modelsReclaimed === 0) return `Nothing to remove.\n${kept}`;
  const models = reclaimedModels.map(({ modelId, modelName, dataNames, versionCount }) => {
    const name = modelName === undefined ? modelId : `${modelName} (${modelId})`;
    return `  ${printable(name)}: ${count(dataNames.length, 'artifact')}, ${count(versionCount, 'version')}\n`;
  });
  const sum = `${count(modelsReclaimed, 'model')}, ${count(versionsDeleted, 'version')}; ${size(bytesReclaimed)}`;
  return `${dryRun ? 'Would remove' : 'Removed'} ${sum}\n${models.join('')}${kept}`;
}
