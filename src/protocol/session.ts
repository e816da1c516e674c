/** The frame of every operation that locks: one session, whose staging and trash are cleared when all its locks are released. */
import { errnoOf, isErrno, reasonOf, SwampError } from '../errors.js';
import { fillReserve } from '../fs/reserve.js';
import { exists } from '../fs/tree.js';
import { closeStaging, newSession, type Session } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { sweepTrash } from '../store/sweep.js';
import { lockLost } from './contender.js';

/**
 * Runs `body` with a fresh session. What remains to be cleared afterwards may fail without changing the outcome: it warns and
 * stays pending (P8). What commits moved into the trash stays there when the signal fires; the staging, which nobody else
 * knows of, goes all the same. A session that removes fills the reserve again at its end, from what it has given back.
 */
export async function withSession<T>(
  repo: Repo,
  body: (session: Session) => Promise<T>,
  { signal, removes = false }: { readonly signal?: AbortSignal; readonly removes?: boolean } = {},
): Promise<T> {
  const session = newSession(repo, { removes });
  try {
    return await body(session);
  } catch (error) {
    throw lostStaging(session, error) ?? error;
  } finally {
    const removed = session.trashed.splice(0);
    try {
      await closeStaging(session);
    } catch (error) {
      repo.reporter.warn(`${session.staging} could not be cleared: ${reasonOf(error)}. "swamp datastore sweep" will do it.`, {
        topic: 'sweep',
        path: session.staging,
        ...errnoOf(error),
      });
    }
    await sweepTrash(repo, session.trashed);
    await sweepTrash(repo, removed, signal);
    if (session.removes) await fillReserve(repo.layout.reserve);
  }
}

/** A file that is missing because the whole staging was taken away, which a sweep does with what looks abandoned: nothing else is wrong. */
export function lostStaging({ pulse, staging }: Session, error: unknown): SwampError | undefined {
  const missing = isErrno(error, 'ENOENT') || (error instanceof SwampError && isErrno(error.cause, 'ENOENT'));
  if (!missing || !pulse.started || exists(staging)) return undefined;
  return lockLost('What this command had prepared was swept as abandoned, and was not committed.');
}
