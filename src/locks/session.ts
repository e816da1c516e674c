/** One operation's identity: its holder text and its staging directory, which needs no lock. */
import { isErrno } from '../errors.js';
import { makeDirs, removeEmptyDir, rename } from '../fs/durable.js';
import { exists } from '../fs/tree.js';
import type { Repo } from '../repo.js';
import { currentProcess, formatHolder, newNonce } from './holder.js';

export interface Session {
  readonly repo: Repo;
  /** `<machine>-<boot>-<pid namespace>-<pid>-<start>-<nonce>`: names fence entries, staging and tickets. */
  readonly holder: string;
  readonly nonce: string;
  /** staging/<holder>; exists after openStaging. */
  readonly staging: string;
  /** What this session moved into the trash: swept after its locks are released (S5). */
  readonly trashed: string[];
}

export function newSession(repo: Repo): Session {
  const nonce = newNonce();
  const holder = formatHolder({ ...currentProcess(), nonce });
  return { repo, holder, nonce, staging: repo.layout.staging(holder), trashed: [] };
}

/** Makes the staging directory; again: nothing. The trash is made with it, so that a full disk does not keep the staging from being discarded. */
export async function openStaging(session: Session): Promise<string> {
  await makeDirs(session.repo.layout.trashes);
  await makeDirs(session.staging);
  return session.staging;
}

/** Discards the staging directory with what is left in it. */
export async function closeStaging(session: Session): Promise<void> {
  if ((await removeEmptyDir(session.staging)) || !exists(session.staging)) return;
  session.trashed.push(...(await discard(session.repo, session.staging, STAGING)));
}

/** Names a discarded staging in the trash: no commit put it there. */
export const STAGING = 'staging';

/** Moves `path` into the trash, where nobody else writes to it (P5), for a sweep. Where it is now; nothing when somebody else had moved it. */
export async function discard(repo: Repo, path: string, owner: string): Promise<readonly string[]> {
  await makeDirs(repo.layout.trashes);
  const trash = repo.layout.trash(owner, 0, newNonce());
  try {
    await rename(path, trash);
    return [trash];
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
