/** `repo init`: creates a repository, and the datastore where one is configured; where they are already, nothing. */
import { randomBytes, randomUUID } from 'node:crypto';
import { realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { makeDirs, makeDirsAnywhere, publishFile, removeFile, rename, requireLinks, syncDir, takeBack, writeFileDurable } from '../fs/durable.js';
import { exists, readText } from '../fs/tree.js';
import { isReadOnly, MARKER, markerText, openRepoAt, ownerOf, ownerText, repoPlaceOf, usablePath, workingDir } from '../repo.js';

export interface RepoInitResult {
  /** Absolute, links resolved. */
  readonly repoDir: string;
  readonly repoId: string;
  /** False: the repository was there before. */
  readonly created: boolean;
}

const IGNORED = '.swamp/';
const IGNORES = /^\/?\.swamp\/?$/;

/**
 * Makes `dir` a repository, with missing parents. The marker appears last: what is made before it is harmless, and made again
 * by the next command. When several run at once, exactly one creates. Throws `read_only`, `io`, `usage` for an empty or undecodable path, `config_invalid` for a marker that is
 * there and broken.
 */
export async function repoInit(dir: string, options: { readonly readOnly?: boolean } = {}): Promise<RepoInitResult> {
  if (options.readOnly ?? isReadOnly(process.env)) {
    throw new SwampError('read_only', '"repo init" would write, and --read-only is set.', { hint: 'Leave out --read-only (or unset SWAMP_READ_ONLY).' });
  }
  const wanted = resolve(workingDir(), usablePath(dir, 'The directory of the repository'));
  const created = exists(join(wanted, MARKER)) ? false : await create(wanted);
  await makeDatastore(wanted);
  const { root, id } = openRepoAt(wanted);
  return { repoDir: root, repoId: id, created };
}

async function create(dir: string): Promise<boolean> {
  await makeDirsAnywhere(dir);
  const root = usablePath(realpathSync(dir), 'The directory of the repository');
  const temporary = besides(join(root, MARKER));
  try {
    await writeFileDurable(temporary, markerText(randomUUID()));
    await requireLinks(temporary);
    await makeDirsAnywhere(join(root, 'models'));
    await ignoreRuntimeData(join(root, '.gitignore'));
    await publishFile(temporary, join(root, MARKER));
    return true;
  } catch (error) {
    await takeBack(() => removeFile(temporary));
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * A configured datastore says whose it is before anything is written into it: else the mount point of a disk that is not
 * mounted would be taken for an empty one. Throws `config_invalid` when it belongs to another repository.
 */
async function makeDatastore(dir: string): Promise<void> {
  const place = repoPlaceOf(dir, process.env);
  const { layout, config } = place;
  if (config.datastorePath === undefined || ownerOf(place) !== undefined) return;
  await makeDirs(layout.root);
  const temporary = besides(layout.repository);
  try {
    await writeFileDurable(temporary, ownerText(config.repoId));
    await rename(temporary, layout.repository);
  } catch (error) {
    await takeBack(() => removeFile(temporary));
    throw error;
  }
  await syncDir(layout.root);
}

/** Adds the line that keeps `.swamp/` out of git, unless there is one; every other line stays. */
async function ignoreRuntimeData(gitignore: string): Promise<void> {
  // A link is kept: its target gets the line.
  const path = exists(gitignore) ? realpathSync(gitignore) : gitignore;
  const text = readText(path) ?? '';
  if (text.split('\n').some((line) => IGNORES.test(line.trim()))) return;
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  const temporary = besides(path);
  try {
    await writeFileDurable(temporary, `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${IGNORED}\n`, mode === undefined ? {} : { mode: mode & 0o777 });
    await rename(temporary, path);
  } catch (error) {
    await takeBack(() => removeFile(temporary));
    throw error;
  }
  await syncDir(dirname(path));
}

/** A name in the same directory that no other process uses. */
function besides(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}.tmp`;
}
