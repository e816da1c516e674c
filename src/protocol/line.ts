/**
 * The operations of this process that want one lock form one line, first come first served, and only the first of them takes part
 * in the file protocol: the others would file tickets, set watches and wake each other at every change, at a cost that grows with
 * the square of their number. Other processes meet one contender, which queues behind them each time it comes anew.
 *
 * No wait in the line is hidden from the wait graph. A line holds operations with the same ancestors only, so the first one's ticket
 * names the edges of all of them; and a turn ends when a run fence or the global fence is taken, so the next operation's ticket
 * is on file while they are held. A turn for a data fence ends with its release: no process waits while it holds that one (L9).
 */
import type { LockName } from '../layout/layout.js';
import { blockedBy } from './acquire.js';
import { type Contender, lockTitle } from './contender.js';
import { timedOut } from './wait.js';

interface Line {
  /** Lets one operation go on, in the order of arrival. */
  readonly waiting: Set<() => void>;
  /** When an operation last got through, by the monotonic clock. */
  movedAt: number;
}

/** The lines in which an operation has the turn, by lock and ancestors. */
const lines = new Map<string, Line>();

/**
 * Runs `body` when the operations that came before have had their turn. The deadline counts anew whenever the line moves, as long as
 * it moves no operation gives up, however long it is. Throws `lock_timeout` when it does not move for that long, the signal's
 * reason, and what `body` throws.
 */
export async function inTurn<T>(contender: Contender, lock: LockName, body: () => Promise<T>): Promise<T> {
  const key = [contender.repo.layout.fence(lock), ...contender.ancestors].join(':');
  const line = lines.get(key) ?? { waiting: new Set(), movedAt: 0 };
  if (lines.has(key)) await turn(contender, lock, line);
  else lines.set(key, line);
  try {
    const result = await body();
    line.movedAt = contender.repo.timing.now();
    return result;
  } finally {
    const [next] = line.waiting;
    if (next === undefined) lines.delete(key);
    else next();
  }
}

/** Until the operation before hands the turn on, the deadline, or the signal. An operation that leaves is out of the line at once: a turn that is handed to an operation that has given up would be lost. */
async function turn(contender: Contender, lock: LockName, line: Line): Promise<void> {
  const { signal, waiting, repo } = contender;
  signal.throwIfAborted();
  const since = repo.timing.now();
  const late = await new Promise<boolean>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const leave = (): void => {
      line.waiting.delete(go);
      signal.removeEventListener('abort', abort);
      clearTimeout(timer);
    };
    const go = (): void => {
      leave();
      resolve(false);
    };
    const abort = (): void => {
      leave();
      reject(signal.reason);
    };
    const look = (): void => {
      const left = waiting.leftMs(line.movedAt);
      timer = setTimeout(left > 0 ? look : giveUp, left);
    };
    const giveUp = (): void => {
      leave();
      resolve(true);
    };
    line.waiting.add(go);
    signal.addEventListener('abort', abort, { once: true });
    look();
  });
  if (late) throw gaveUp(contender, lock, repo.timing.now() - since);
  waiting.countFrom(line.movedAt);
}

function gaveUp(contender: Contender, lock: LockName, waited: number): Error {
  const { repo, observer } = contender;
  const seen = observer.look(lock);
  const blocked = seen?.entry.state === 'held' ? blockedBy(contender, seen) : undefined;
  const data = lock.kind === 'global' ? { lock: lock.kind } : { lock: lock.kind, modelId: lock.modelId };
  return timedOut(lockTitle(repo, lock), waited, {
    on: blocked?.on ?? 'other operations of this process wait for it, too',
    data: blocked?.data ?? data,
    hint: blocked?.hint ?? 'Try again, or raise the time limit for locks.',
  });
}
