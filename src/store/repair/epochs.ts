/** Which epochs are recorded anywhere: a lock that is mended goes on above all of them (P6). */
import { join } from 'node:path';
import { isErrno } from '../../errors.js';
import { readDir } from '../../fs/tree.js';
import { ARTIFACT_RECORD, type Layout, type LockName } from '../../layout/layout.js';
import { MAX_EPOCH } from '../../locks/fence.js';
import { numberIn, readableText, salvage } from './salvage.js';

/** The highest epoch that records of the model carry, generations above all; 0 when there is none. */
export function recordedEpoch(layout: Layout, modelId: string): number {
  let highest = 0;
  for (const tree of trees(layout)) {
    const [data, tombstones] = [tree.model(modelId), tree.tombstones(modelId)];
    for (const segment of list(data)) highest = Math.max(highest, salvage(join(data, segment, ARTIFACT_RECORD)).generation ?? 0);
    for (const file of list(tombstones)) highest = Math.max(highest, salvage(join(tombstones, file)).generation ?? 0);
    highest = Math.max(highest, numberIn(readableText(tree.deletedModel(modelId)) ?? '', 'epoch') ?? 0);
  }
  return highest;
}

/** The highest epoch that is recorded anywhere for the lock: entries, records, and names of what was removed or kept. */
export function highestEpoch(layout: Layout, lock: LockName): number {
  if (lock.kind === 'global') return highestOf(trees(layout).flatMap((tree) => list(tree.fence(lock)).map(epochOf)));
  const { modelId } = lock;
  const named = trees(layout).flatMap((tree) => [
    ...(['data', 'run'] as const).flatMap((kind) => list(tree.fence({ kind, modelId })).map(epochOf)),
    ...list(tree.modelKept(modelId)).map((name) => epochIn(/^([0-9]+)-/, name)),
    ...list(tree.trashes).map((name) => (name.startsWith(`${modelId}-`) ? epochIn(/^([0-9]+)-/, name.slice(modelId.length + 1)) : 0)),
  ]);
  return highestOf([recordedEpoch(layout, modelId), ...named]);
}

/** The epoch at the beginning of an entry's name, however damaged the rest; 0 when it has none. */
export function epochOf(entryName: string): number {
  return epochIn(/^([0-9]+)\./, entryName);
}

function epochIn(pattern: RegExp, name: string): number {
  const epoch = Number(pattern.exec(name)?.[1] ?? 0);
  return epoch <= MAX_EPOCH ? epoch : 0;
}

function highestOf(epochs: readonly number[]): number {
  return epochs.reduce((highest, epoch) => Math.max(highest, epoch), 0);
}

/** The tree, and every tree of what was set aside earlier. */
function trees(layout: Layout): Layout[] {
  return [layout, ...list(layout.quarantines).map((name) => layout.quarantined(name))];
}

/** Something else in the place of a directory is a finding of its own. */
function list(dir: string): string[] {
  try {
    return readDir(dir) ?? [];
  } catch (error) {
    if (isErrno(error, 'ENOTDIR', 'ELOOP')) return [];
    throw error;
  }
}
