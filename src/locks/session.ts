/** One operation's identity: its holder text and its staging directory, which needs no lock. */
import { isErrno } from '../errors.js';
import { makeDirs, removeEmptyDir, rename } from '../fs/durable.js';
import { fillReserve, spending } from '../fs/reserve.js';
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
  /** Its steps may spend the reserve: it removes something, or finishes what is published. */
  readonly removes: boolean;
}

export function newSession(repo: Repo, { removes = false }: Partial<Pick<Session, 'removes'>> = {}): Session {
  const nonce = newNonce();
  const holder = formatHolder({ ...currentProcess(), nonce });
  return { repo, holder, nonce, staging: repo.layout.staging(holder), trashed: [], removes };
}

/** Makes the staging directory; again: nothing. Trash and reserve are made with the first one, so that a full disk does not keep anything from being discarded. */
export async function openStaging(session: Session): Promise<string> {
  const { layout } = session.repo;
  const isFirst = !exists(layout.trashes);
  await makePlace(session, layout.trashes);
  if (isFirst) await fillReserve(layout.reserve);
  await makePlace(session, session.staging);
  return session.staging;
}

/** Runs one step that takes space; a session that removes may spend the reserve on it. `step` must be safe to repeat. */
export function takingSpace<T>({ repo, removes }: Session, step: () => Promise<T>): Promise<T> {
  return removes ? spending(repo.layout.reserve, step) : step();
}

/** `makeDirs` of a session. */
export function makePlace(session: Session, path: string): Promise<void> {
  return takingSpace(session, () => makeDirs(path));
}

/** Discards the staging directory with what is left in it. */
export async function closeStaging(session: Session): Promise<void> {
  if ((await removeEmptyDir(session.staging)) || !exists(session.staging)) return;
  session.trashed.push(...(await discard(session.repo, session.staging, STAGING)));
}

/** Names a discarded staging in the trash: no commit put it there. */
export const STAGING = 'staging';

/** Moves `path` into the trash, where nobody else writes to it (P5), for a sweep. Where it is now; nothing when somebody else had moved it. */
export async function discard({ layout }: Repo, path: string, owner: string): Promise<readonly string[]> {
  const trash = layout.trash(owner, 0, newNonce());
  try {
    await spending(layout.reserve, async () => {
      await makeDirs(layout.trashes);
      await rename(path, trash);
    });
    return [trash];
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
