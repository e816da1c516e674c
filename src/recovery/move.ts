/** Finishes the move of a datastore: the copy gets its place, the marker names it, and the old place is cleared, in this order. Each step may find itself done. */
import { randomBytes } from 'node:crypto';
import { dirname, join, relative, resolve } from 'node:path';
import { SwampError } from '../errors.js';
import { removeEmptyDir, removeFile, rename, syncDir, takeBack, writeFileDurable } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { exists, readText } from '../fs/tree.js';
import { Layout } from '../layout/layout.js';
import { MARKER, markerNaming, openRepoAt, type Repo, realOf, repoPlaceOf } from '../repo.js';
import { clearNewPlace, publishCopy } from '../store/moving.js';
import { type Moved, type Relocation, readMove } from '../store/restoring.js';

interface Cancel {
  readonly signal: AbortSignal;
}

/** The repository with the datastore where it was moved to, for a command that found it gone. Throws Moved where the marker names the old place. */
export async function follow(repo: Repo, moved: Moved): Promise<Repo> {
  if (!repo.readOnly) await switchOver(repo, moved.move);
  const there = reopened(repo);
  if (there.datastore === repo.datastore) throw new SwampError(moved.code, moved.message, { hint: moved.hint ?? '', data: moved.data });
  return there;
}

/** As its marker says now where its datastore is. */
export function reopened({ root, timing, readOnly, reporter, command, ancestors, distrusted }: Repo): Repo {
  return Object.freeze({ ...openRepoAt(root, { timing, readOnly, reporter, command }), ancestors, distrusted });
}

/** Publishes the copy, and makes the marker name it where it names the old place. Only for the repository that was to be moved: another one that shares the datastore is only told. */
export async function switchOver(repo: Repo, { from, to, root }: Relocation): Promise<void> {
  const layout = new Layout(to);
  const record = readMove(exists(layout.root) ? layout.moving : layout.incoming().moving);
  if (record === undefined || record.root !== repo.root || record.from !== from || root !== repo.root) return;
  await publishCopy(layout);
  await failpoint('move.published-copy');
  await nameInMarker(repo.root, from, to);
}

/** Makes the marker name `to`, unless it names another place than `from`. */
export async function nameInMarker(root: string, from: string, to: string): Promise<void> {
  const path = join(root, MARKER);
  const { config } = repoPlaceOf(root, {});
  if (realOf(resolve(root, config.datastorePath ?? '.swamp')) !== from) return;
  const text = readText(path) ?? '';
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFileDurable(temporary, markerNaming(text, pathInMarker(root, to)));
    await rename(temporary, path);
  } catch (error) {
    await takeBack(() => removeFile(temporary));
    throw error;
  }
  await syncDir(root);
}

/** Relative where it lies in the repository; undefined for the default place. */
function pathInMarker(root: string, to: string): string | undefined {
  if (to === join(root, '.swamp')) return undefined;
  return to.startsWith(`${root}/`) ? relative(root, to) : to;
}

interface UnfinishedMove {
  readonly path: string;
  readonly message: string;
  readonly holder?: string;
  readonly sized?: true;
}

/** One that is not finished, as seen from the datastore that is used now. */
export function unfinishedMoves(repo: Repo): UnfinishedMove[] {
  const move = readMove(repo.layout.moving);
  if (move === undefined) return [];
  if (move.to === repo.datastore) return [{ path: move.from, message: 'is where the datastore was moved from, and waits to be removed' }];
  return [{ path: new Layout(move.to).incoming().root, holder: move.holder, sized: true, message: 'is a copy of the datastore that was not finished' }];
}

/** Clears the old place, or the copy that did not become the datastore; then nothing says so any more. Answers false when something is left. */
export async function finishMove(repo: Repo, { signal }: Cancel): Promise<boolean> {
  const move = readMove(repo.layout.moving);
  if (move === undefined) return true;
  const isHere = move.to === repo.datastore;
  const place = isHere ? new Layout(move.from) : new Layout(move.to).incoming();
  // Its own record says that it is not used: a place that is used again since stays.
  if (isHere && exists(place.root) && readMove(place.moved) === undefined) return drop(repo);
  if (!(await clearNewPlace(repo, place, { signal }))) return false;
  if (!isHere) {
    if (exists(place.root)) await removeEmptyDir(place.root);
  }
  return drop(repo);
}

async function drop({ layout }: Repo): Promise<boolean> {
  await removeFile(layout.moving);
  await syncDir(dirname(layout.moving));
  return true;
}
