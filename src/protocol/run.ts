/** Holds the run fence of a model while one of its methods, or a command of `model exec`, runs. */
import { FenceLost } from '../locks/fence.js';
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { hasIntent } from '../store/intent.js';
import { recoverEntry } from '../store/recover.js';
import { ancestorKey, type Contender, newContender } from './contender.js';
import { drainSeen } from './drain.js';
import { enter } from './enter.js';
import { inTurn } from './line.js';
import { write } from './write.js';

/** Takes the run fence as a writer takes its data fence (W1 to W3), runs `body`, releases. Throws `lock_timeout`, `deadlock`, what `body` throws. */
export async function withRunFence<T>(
  repo: Repo,
  modelId: string,
  body: (run: Lease) => Promise<T>,
  options: { readonly signal: AbortSignal; readonly session: Session },
): Promise<T> {
  const contender = newContender(
    repo,
    [
      { kind: 'run', modelId },
      { kind: 'data', modelId },
    ],
    options,
  );
  const lease = await enterRecovered(contender, modelId);
  try {
    return await body(lease);
  } finally {
    await lease.release();
  }
}

const nothing = async (): Promise<void> => {};

/** Takes the run fence and clears what its last holder left; lost in between, it is taken again. */
async function enterRecovered(contender: Contender, modelId: string): Promise<Lease> {
  const { repo, session } = contender;
  const lock = { kind: 'run', modelId } as const;
  for (;;) {
    const lease = await inTurn(contender, lock, () => enter(contender, lock));
    try {
      // A structural command that lost its global fence may still hold the data fence: it is waited for, or evicted (P9).
      await drainSeen(contender, { models: [modelId], runs: false });
      // What a dead one had published takes effect now, not while the method runs (P9).
      if (hasIntent(repo, modelId)) await write(repo, modelId, nothing, { signal: contender.signal, session, own: ancestorKey(modelId, lease.name) });
      await recoverEntry(lease);
      return lease;
    } catch (error) {
      await lease.release();
      if (!(error instanceof FenceLost)) throw error;
    }
  }
}
