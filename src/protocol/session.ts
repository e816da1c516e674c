/** The frame of every operation that locks: one session, whose staging and trash are cleared when all its locks are released. */
import { closeStaging, newSession, type Session } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { sweepTrash } from '../store/sweep.js';

/** Runs `body` with a fresh session. What remains to be cleared afterwards may fail without changing the outcome: it warns and stays pending (P8). */
export async function withSession<T>(repo: Repo, body: (session: Session) => Promise<T>): Promise<T> {
  const session = newSession(repo);
  try {
    return await body(session);
  } finally {
    try {
      await closeStaging(session);
    } catch (error) {
      repo.reporter.warn(
        `${session.staging} could not be cleared: ${error instanceof Error ? error.message : String(error)}. "swamp datastore sweep" will do it.`,
      );
    }
    await sweepTrash(repo, session.trashed);
  }
}
