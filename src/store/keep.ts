/** Sets the outputs of a method aside when they cannot be committed: nothing that was produced is thrown away. */
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { makeDir, makeDirs, rename, syncDir } from '../fs/durable.js';
import { exists } from '../fs/tree.js';
import { readFence } from '../locks/fence.js';
import type { Session } from '../locks/session.js';
import { itemName } from './commit.js';
import { BUNDLE, dressedSlot, type Output } from './write.js';

/** The next holder may be giving them back at this moment. */
const LOOKS = 50;

/** Moves what was staged for `outputs`, bundled or not, to kept/<model-id>/<epoch>-<nonce>; its path, or undefined when it is gone. */
export async function keepOutputs(session: Session, modelId: string, epoch: number, outputs: readonly Output[]): Promise<string | undefined> {
  const { layout } = session.repo;
  const kept = layout.keptOutputs(modelId, epoch, session.nonce);
  await makeDirs(join(kept, '..'));
  const bundled = await moveAny([join(session.staging, BUNDLE)], kept);
  const loose = outputs.flatMap(({ staged }) => [staged.slot, dressedSlot(staged.slot)]).filter((slot) => exists(join(session.staging, slot)));
  if (!bundled && loose.length > 0) await makeDir(kept);
  for (const slot of loose) await moveAny([join(session.staging, slot)], join(kept, slot));
  if (bundled || loose.length > 0) return synced(kept);
  // It was in the run fence when that was broken: in the entry still, or given back to our staging.
  for (let look = 0; look < LOOKS; look++) {
    const entries = (['run', 'data'] as const).flatMap((kind) => {
      const dir = layout.fence({ kind, modelId });
      const entry = readFence(dir);
      return entry === undefined ? [] : [join(dir, entry.name, itemName(session, BUNDLE))];
    });
    if (await moveAny([join(session.staging, BUNDLE), ...entries], kept)) return synced(kept);
  }
  return undefined;
}

async function moveAny(sources: readonly string[], to: string): Promise<boolean> {
  for (const from of sources) {
    try {
      await rename(from, to);
      return true;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  return false;
}

async function synced(kept: string): Promise<string> {
  await syncDir(kept);
  await syncDir(join(kept, '..'));
  return kept;
}
