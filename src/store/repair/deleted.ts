/**
 * The record of a deleted model that cannot be read. It was written by one rename, so the delete has happened: a record
 * that says no more takes its place, and the id stays gone. Only where data of the model is still there is it set
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
import { readDeleted, withoutDefinition } from '../deletion.js';
import { linkToQuarantine, moveToQuarantine } from '../quarantine.js';
import type { Act } from './name.js';

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
  const inside = isFile && action === 'rebuilt' ? await linkToQuarantine(fence, path) : await moveToQuarantine(fence, path);
  if (action === 'rebuilt') {
    repo.reporter.warn(
      `The name of the deleted model ${modelId} is not known any more, nor whether its delete method has run. It is not run again: look yourself.`,
      { topic: 'store', modelId },
    );
    await moveThrough(fence, await stageRecord(fence, 'deleted', withoutDefinition({ id: modelId, epoch: fence.epoch })), path);
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
