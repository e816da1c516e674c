/** `datastore setup filesystem`: moves the datastore to another place. It is copied and compared while nothing commits; one rename gives up the old place, which is removed last. */
import { statfsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SwampError } from '../errors.js';
import { makeDir, makeDirs, makeDirsAnywhere, rename, syncDir, takeBack, writeFileDurable } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { exists, isForeign, readDir } from '../fs/tree.js';
import { Layout, MOVED } from '../layout/layout.js';
import { newNonce } from '../locks/holder.js';
import { openStaging, type Session } from '../locks/session.js';
import { restructure, type Structural, settle } from '../protocol/restructure.js';
import { withSession } from '../protocol/session.js';
import { finishMove, nameInMarker, reopened, switchOver } from '../recovery/move.js';
import { DATASTORE_VARIABLE, ownerText, type Repo, realOf, usablePath, workingDir } from '../repo.js';
import { moveThrough, syncCommit } from '../store/commit.js';
import { serialise } from '../store/metadata.js';
import { copyDatastore, isLeft, type MoveOptions, recordMove, removeLeft, sizeOfMove } from '../store/moving.js';
import { Moved, type Relocation, readMove } from '../store/restoring.js';
import { operation } from './operation.js';

export interface DatastoreSetupInput {
  /** A directory that is empty or does not exist; relative to the working directory. `.swamp` in the repository is the default place. */
  readonly path: string;
  /** Names the place in .swamp.yaml, and moves nothing: an empty datastore, or this repository's own that is there already. */
  readonly skipMigration?: boolean;
  readonly dryRun?: boolean;
}

export interface DatastoreSetupResult {
  readonly type: 'filesystem';
  /** Absolute. */
  readonly path: string;
  readonly previousPath: string;
  /** How much was moved, or would be. */
  readonly filesCopied: number;
  readonly bytesCopied: number;
  /** False: it was there already, or `skipMigration` was given. */
  readonly migrated: boolean;
  readonly dryRun: boolean;
  /** The person answered no. */
  readonly cancelled?: true;
}

export interface DatastoreSetupOptions extends MoveOptions {
  /** Asked before any lock is taken. */
  readonly confirm?: (plan: DatastoreSetupResult) => Promise<boolean>;
}

/**
 * Throws `conflict` for a place that holds something else, `usage` for one that cannot be it, `no_space` and `io` (nothing is moved then), `corrupt` when the
 * copy is not the same, `lock_timeout`.
 */
export const datastoreSetup = operation(
  { verb: 'datastore setup', access: 'writes', asItIs: true, moves: true, about: ({ path }) => `filesystem --path ${path}` },
  setup,
);

async function setup(repo: Repo, input: DatastoreSetupInput, options: DatastoreSetupOptions): Promise<DatastoreSetupResult> {
  const { skipMigration = false, dryRun = false } = input;
  const to = realOf(resolve(workingDir(), usablePath(input.path, 'The path of the datastore')));
  const from = repo.datastore;
  const result = { type: 'filesystem', path: to, previousPath: from, filesCopied: 0, bytesCopied: 0, migrated: false, dryRun } as const;
  if ((process.env[DATASTORE_VARIABLE] ?? '') !== '')
    throw new SwampError('usage', `${DATASTORE_VARIABLE} is set, and goes before .swamp.yaml.`, {
      hint: `Unset it first: env -u ${DATASTORE_VARIABLE} swamp datastore setup ...`,
    });
  if (repo.ancestors.length > 0)
    throw new SwampError('usage', 'A command that runs under a lock cannot move the datastore away from it.', { hint: 'Run it by itself.' });
  const moved = readMove(repo.layout.moved);
  if (moved?.to === to && skipMigration && exists(new Layout(to).repository)) {
    // The marker is older than the move. There is nothing here any more to lock.
    if (!dryRun) await nameInMarker(repo.root, from, to);
    return result;
  }
  if (moved !== undefined) throw new Moved(moved);
  if (!dryRun) await settle(repo, options);
  if (to === from) {
    if (!dryRun) await finishMove(repo, options);
    return result;
  }
  requirePlace(repo, to, skipMigration);
  const { files, bytes } = skipMigration ? { files: 0, bytes: 0 } : await sizeOfMove(repo, options);
  const plan = { ...result, filesCopied: files, bytesCopied: bytes, migrated: !skipMigration };
  if (!skipMigration) requireSpace(to, bytes);
  if (dryRun) return plan;
  if (options.confirm !== undefined && !(await options.confirm(plan))) return { ...result, cancelled: true };
  if (skipMigration) await adopt(repo, to, options);
  else await move(repo, to, options);
  const there = reopened(repo);
  // What is left of the old place stays pending, and is listed (P8).
  if (!skipMigration && !(await finishMove(there, options)))
    repo.reporter.warn(`Something is left in ${from}: "swamp datastore sweep" removes it.`, { topic: 'sweep', path: from });
  return plan;
}

async function move(repo: Repo, to: string, options: DatastoreSetupOptions): Promise<void> {
  let committed = false;
  await withSession(
    repo,
    async (session) => {
      const record: Relocation = { from: repo.datastore, to, root: repo.root, repoId: repo.id, at: new Date().toISOString(), holder: session.holder };
      const body = async (hands: Structural): Promise<void> => {
        requirePlace(repo, to, false);
        await makeDirs(repo.layout.root);
        await recordMove(repo.layout.moving, record);
        await makeDirsAnywhere(to);
        const place = new Layout(to);
        if (isLeft(place)) await removeLeft(place);
        await copyDatastore(repo, record, hands.fence.epoch, options);
        const slot = await stageTombstone(session, record);
        hands.stillHeld();
        await failpoint('move.before-commit');
        // From here on every command that looks at the old place finds that it is not the datastore.
        await moveThrough(hands.fence, slot, repo.layout.restoring);
        committed = true;
        await failpoint('move.committed');
        await syncCommit(hands.fence, [repo.layout.root]);
        await switchOver(repo, record);
      };
      try {
        await restructure(repo, { models: 'all', runs: true }, body, { signal: options.signal, session });
      } catch (error) {
        if (!committed) {
          // As far as it can be: what stays is listed, and the next attempt goes on from there.
          await takeBack(() => finishMove(repo, { signal: new AbortController().signal }));
          throw error;
        }
        await switchOver(repo, record);
      }
    },
    { signal: options.signal },
  );
}

/** What the old place is to hold, in the staging, synced. */
async function stageTombstone(session: Session, record: Relocation): Promise<string> {
  const staging = await openStaging(session);
  const slot = `moved-${newNonce()}`;
  await makeDir(join(staging, slot));
  await writeFileDurable(join(staging, slot, MOVED), serialise({ ...record }));
  await syncDir(join(staging, slot));
  return slot;
}

/** The marker names a place that this repository has, or gets, an own datastore in. */
async function adopt(repo: Repo, to: string, { signal }: MoveOptions): Promise<void> {
  const layout = new Layout(to);
  const body = async (hands: Structural): Promise<void> => {
    if (isLeft(layout)) await removeLeft(layout);
    if (!exists(layout.repository)) {
      await makeDirsAnywhere(layout.root);
      const temporary = `${layout.repository}.${newNonce()}.tmp`;
      await writeFileDurable(temporary, ownerText(repo.id));
      await rename(temporary, layout.repository);
      await syncDir(layout.root);
    }
    hands.stillHeld();
    await nameInMarker(repo.root, repo.datastore, to);
  };
  await restructure(repo, { models: 'all', runs: true }, body, { signal });
}

/** Throws unless a datastore may come to this place. */
function requirePlace(repo: Repo, to: string, mayBeThere: boolean): void {
  const inside = (path: string, dir: string): boolean => path === dir || path.startsWith(`${dir}/`);
  const { root, datastore } = repo;
  if (inside(to, datastore) || inside(datastore, to) || inside(root, to) || inside(to, join(root, 'models')) || inside(to, join(root, '.git')))
    throw new SwampError('usage', `${to} cannot be the place of the datastore: one lies in the other, or in what belongs to the repository.`, {
      hint: 'Choose a directory of its own.',
      data: { path: to },
    });
  const layout = new Layout(to);
  const names = (readDir(to) ?? []).filter((name) => !isForeign(name) && name !== 'lost+found');
  if (names.length === 0) return;
  const own = names.every((name) => [layout.root, layout.incoming().root].includes(join(to, name)));
  const isOurs = (path: string): boolean => readMove(path)?.repoId === repo.id;
  if (own && !exists(layout.root) && (isOurs(layout.incoming().moving) || isOurs(repo.layout.moving))) return;
  if (own && isLeft(layout) && isOurs(layout.moved)) return;
  if (mayBeThere && own && exists(layout.repository)) return;
  throw new SwampError('conflict', `${to} is not empty: it holds ${JSON.stringify(names[0])}.`, {
    hint: mayBeThere ? 'Name the datastore of this repository, or an empty directory.' : 'Name an empty directory, or one that does not exist yet.',
    data: { path: to, entries: names.slice(0, 20) },
  });
}

/** Throws `no_space` where the disk cannot hold the copy: to find out in the end would cost hours. */
function requireSpace(to: string, bytes: number): void {
  let dir = to;
  while (!exists(dir)) dir = join(dir, '..');
  const { bavail, bsize } = statfsSync(dir);
  if (bavail * bsize >= bytes) return;
  throw new SwampError('no_space', `The datastore has ${bytes} bytes, and the disk of ${to} has room for ${bavail * bsize}.`, {
    hint: 'Free some space there, or sweep and collect here first: swamp data gc, swamp datastore sweep.',
    data: { path: to, bytes, available: bavail * bsize },
  });
}
