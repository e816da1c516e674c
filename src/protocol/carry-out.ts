/** Carries out a published restore, model by model, under the global fence; every step may find itself done. */
import { setImmediate as turn } from 'node:timers/promises';
import { syncDir } from '../fs/durable.js';
import { createFence, raiseEntry, readFence } from '../locks/fence.js';
import type { Session } from '../locks/session.js';
import { endRestore, fencesToReach, modelsToRestore, readRestoreThrough, restoreDefinitions, restoreModel } from '../store/restoration.js';
import type { Structural } from './inside.js';

/** Throws FenceLost, `lock_lost` when the global fence went; the next one goes on. */
export async function carryOut(hands: Structural, session: Session): Promise<void> {
  const { repo } = session;
  readRestoreThrough(repo);
  for (const modelId of modelsToRestore(repo)) {
    const { data, run } = fencesToReach(repo, modelId);
    await raiseRunFence(session, modelId, run);
    // Also where its bundle is gone: it may wait as the intent of a dead holder, which whoever takes the fence finishes.
    await hands.withModel(modelId, restoreModel, { atLeast: data });
    await turn();
  }
  await restoreDefinitions(repo, hands.stillHeld);
  await endRestore(hands.fence);
}

/** Nobody is in it: it is drained, but for an ancestor of this very command, whose fence stays as it is. */
async function raiseRunFence(session: Session, modelId: string, epoch: number): Promise<void> {
  if (epoch === 0) return;
  const dir = session.repo.layout.fence({ kind: 'run', modelId });
  const entry = readFence(dir);
  if (entry === undefined) await createFence(dir, session, epoch);
  else if (entry.state === 'free' && entry.epoch < epoch) await raiseEntry(dir, entry.name, epoch);
  else return;
  await syncDir(dir);
}
