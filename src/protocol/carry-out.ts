/** Carries out a published restore, model by model, under the global fence; every step may find itself done. */
import { setImmediate as turn } from 'node:timers/promises';
import { syncDirsTogether } from '../fs/sync.js';
import { createFences, raiseEntry, readFence } from '../locks/fence.js';
import type { Session } from '../locks/session.js';
import { changesTooFast } from '../store/read.js';
import { changedByRestore, endRestore, fencesToReach, modelsToRestore, readRestoreThrough, restoreDefinitions, restoreModel } from '../store/restoration.js';
import type { Structural } from './inside.js';

/**
 * Throws FenceLost, `lock_lost` when the global fence went; the next command goes on. Nothing is acknowledged before the record is gone, and
 * the record goes when all of it is durable: a power loss in between leaves what a kill leaves. So one sync is enough for all models.
 */
export async function carryOut(hands: Structural, session: Session): Promise<void> {
  const { repo } = session;
  const { layout } = repo;
  readRestoreThrough(repo);
  const models = modelsToRestore(repo).map((modelId) => ({ modelId, ...fencesToReach(repo, modelId) }));
  const fences = models.flatMap(({ modelId, run }) => [
    layout.fence({ kind: 'data', modelId }),
    ...(run === 0 ? [] : [layout.fence({ kind: 'run', modelId })]),
  ]);
  await createFences(fences, session, hands.signal);
  for (const { modelId, data, run } of models) {
    await raiseRunFence(hands, layout.fence({ kind: 'run', modelId }), { modelId, epoch: run });
    // Also where its bundle is gone: it may wait as the intent of a dead holder, which the next holder of the fence finishes.
    await hands.withModel(modelId, restoreModel, { atLeast: data });
    await turn();
  }
  await restoreDefinitions(repo, hands.stillHeld);
  const { fences: raised, places, definitions } = changedByRestore(repo);
  await syncDirsTogether([raised, places], hands.signal);
  await syncDirsTogether([definitions], hands.signal);
  await endRestore(hands.fence);
}

/** A process takes it once, and then waits until the restore is over; those that came meanwhile are few. */
const LOOKS = 100;

/**
 * The restorer had drained it, so its holder has just come and is about to look at the global fence, and lets go (W3). Not so a run
 * that the restorer was nested in, whose fence stays as it is (`epoch` 0).
 */
async function raiseRunFence(hands: Structural, dir: string, { modelId, epoch }: { readonly modelId: string; readonly epoch: number }): Promise<void> {
  if (epoch === 0) return;
  for (let look = 0; look < LOOKS; look++) {
    await hands.drainRun(modelId);
    const entry = readFence(dir);
    if (entry?.state !== 'free') continue;
    if (entry.epoch >= epoch || (await raiseEntry(dir, entry.name, epoch))) return;
  }
  throw changesTooFast(dir);
}
