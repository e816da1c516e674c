/**
 * The record of a deleted model that cannot be read. It was written by one rename, so the delete has happened: a record
 * with what is still known takes its place, and the id stays gone. Only where data of the model is still there is it set
 * aside alone: a record would have that data swept, and the model, if it is one, comes back to be deleted again.
 */
import { SwampError } from '../../errors.js';
import { syncDir } from '../../fs/durable.js';
import { statusOf } from '../../fs/identity.js';
import { FAMILIES } from '../../layout/families.js';
import { MAX_EPOCH } from '../../locks/fence.js';
import type { Lease } from '../../locks/lease.js';
import type { Repo } from '../../repo.js';
import { hasEntries } from '../check/check.js';
import { moveThrough, stageRecord, syncCommit } from '../commit.js';
import { isDefinitionPath } from '../definition-text.js';
import { type DeletedModel, readDeleted } from '../deletion.js';
import { linkToQuarantine, moveToQuarantine } from '../quarantine.js';
import type { Act } from './name.js';
import { readableText, textIn } from './salvage.js';

/** Undefined when the record is in order, or gone. */
export function planDeleted(repo: Repo, modelId: string): Act['action'] | undefined {
  const path = repo.layout.deletedModel(modelId);
  if (statusOf(path) === undefined || isReadable(repo, modelId)) return undefined;
  return FAMILIES.some((family) => hasEntries(family.directory(repo.layout, modelId))) ? 'quarantined' : 'rebuilt';
}

/** Does it, under the model's data fence. Throws FenceLost. */
export async function mendDeleted(fence: Lease): Promise<Act[]> {
  const { repo, modelId } = fence;
  const path = repo.layout.deletedModel(modelId);
  const action = planDeleted(repo, modelId);
  if (action === undefined) return [];
  const isFile = statusOf(path)?.isFile() === true;
  const record = knownOf(path, modelId, fence.epoch);
  const inside = isFile && action === 'rebuilt' ? await linkToQuarantine(fence, path) : await moveToQuarantine(fence, path);
  if (action === 'rebuilt') {
    if (!/"teardown":\s*null/.test(readableText(path) ?? ''))
      repo.reporter.warn(
        `Whether the delete method of "${record.name}" (${modelId}) has run cannot be known any more, and it will not be run: look yourself.`,
        {
          topic: 'store',
          modelId,
          modelName: record.name,
        },
      );
    await moveThrough(fence, await stageRecord(fence, 'deleted', record), path);
    await syncDir(repo.layout.deleted);
  }
  await syncCommit(fence, [repo.layout.deleted]);
  return [{ path, kind: 'record_invalid', action, inside }];
}

function isReadable(repo: Repo, modelId: string): boolean {
  if (statusOf(repo.layout.deletedModel(modelId))?.isFile() !== true) return false;
  try {
    return (readDeleted(repo, modelId)?.epoch ?? 0) <= MAX_EPOCH;
  } catch (error) {
    if (error instanceof SwampError) return false;
    throw error;
  }
}

/** Whether its teardown had run cannot be known; none is run without knowing. */
function knownOf(path: string, modelId: string, epoch: number): DeletedModel {
  const found = readableText(path) ?? '';
  // One about another model says nothing about this one, and its definition is not to be removed for it.
  const text = textIn(found, 'id') === modelId && (textIn(found, 'definition') ?? modelId).includes(modelId) ? found : '';
  const [type, definitionPath, deletedAt] = [textIn(text, 'type') ?? 'store', textIn(text, 'definitionPath'), textIn(text, 'deletedAt')];
  return {
    id: modelId,
    name: textIn(text, 'name') ?? modelId,
    type,
    commit: '',
    deletedAt: deletedAt !== undefined && !Number.isNaN(Date.parse(deletedAt)) ? deletedAt : new Date().toISOString(),
    epoch,
    definitionPath: definitionPath !== undefined && isDefinitionPath(definitionPath) ? definitionPath : `models/store/${modelId}.yaml`,
    definition: textIn(text, 'definition') ?? '',
    versionsDeleted: 0,
    teardown: null,
  };
}
