/** What a command that died has left in a lock, or under a name, is finished by the next command that needs that lock or name. */
import type { LockName } from '../layout/layout.js';
import type { Session } from '../locks/session.js';
import { leavingUnder, takeName } from '../models/names.js';
import { restructure, restructureModel } from '../protocol/restructure.js';
import { withRunFence } from '../protocol/run.js';
import { withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import type { Repo } from '../repo.js';
import { type DeletedModel, isMovedAside, moveModelAside, readDeleted } from '../store/deletion.js';
import { reclaimLeftovers } from '../store/sweep.js';

interface Cancel {
  readonly signal: AbortSignal;
}

/** Takes the lock and gives it back: the way in clears what its last holder left. Throws `lock_timeout`, `corrupt`. */
export async function clearEntry(repo: Repo, lock: LockName, { signal }: Cancel): Promise<void> {
  const nothing = async (): Promise<void> => {};
  await withSession(
    repo,
    (session) => {
      if (lock.kind === 'data') return write(repo, lock.modelId, nothing, { session, signal });
      if (lock.kind === 'run') return withRunFence(repo, lock.modelId, nothing, { session, signal });
      return restructure(repo, { models: [], runs: false }, nothing, { session, signal });
    },
    { signal, removes: true },
  );
}

/**
 * Makes a name free that only a model has which was deleted or renamed by a command that is not done yet. To be called
 * without a lock: who lives is waited for, what a dead one left is finished. Throws `lock_timeout`.
 */
export async function clearName(repo: Repo, name: string, { signal }: Cancel): Promise<void> {
  const modelId = leavingUnder(repo, name);
  if (modelId === undefined) return;
  const deleted = readDeleted(repo, modelId);
  if (deleted !== undefined) await finishMovingAside(repo, deleted, { signal });
  else await restructureModel(repo, modelId, (_, { stillHeld }) => takeName(repo, name, stillHeld), { signal });
}

/** Rolls a committed deletion forward whose winner died on the way. No drain is needed: the winner had drained, and what comes since finds no model. */
export async function finishMovingAside(repo: Repo, record: DeletedModel, { signal }: Cancel): Promise<void> {
  if (isMovedAside(repo, record)) return;
  const finish = (session: Session) => write(repo, record.id, (writer) => moveModelAside(writer, record), { session, signal });
  await withSession(repo, finish, { signal, removes: true });
  await reclaimLeftovers(repo, signal);
}
