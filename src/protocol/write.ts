/** W1 to W5: the way of a writer. The body gets the only thing that can commit: the lease of the data fence. */
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { newContender } from './contender.js';
import { enter } from './enter.js';
import { again } from './inside.js';
import { inTurn } from './line.js';

export interface WriteOptions {
  readonly signal: AbortSignal;
  /** The session that staged what is committed. */
  readonly session: Session;
  /** The run fence that a method's outputs pass on their way: `<model-id>/<entry>`. Counts as an ancestor. */
  readonly own?: string;
}

/**
 * Runs `body` under the data fence of the model. When the fence is lost in the middle, it is taken again and `body` runs
 * again: it must first look whether its commit had happened. Throws `lock_timeout`, `corrupt`, what `body` throws.
 */
export async function write<T>(repo: Repo, modelId: string, body: (writer: Lease) => Promise<T>, options: WriteOptions): Promise<T> {
  const lock = { kind: 'data', modelId } as const;
  const contender = newContender(repo, [lock], options);
  return inTurn(contender, lock, () => again(() => enter(contender, lock), body));
}
