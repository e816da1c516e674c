/**
 * The only writer of bytes: durable means fsync of file and directory, atomic means one rename.
 * Metadata calls and small writes are synchronous (microseconds); syncs and larger content are not, so a heartbeat goes on beside them.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  utimesSync,
  writeFile,
  writeFileSync,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { failpoint } from './failpoints.js';
import { isReal, reach } from './reach.js';

/** One rename(2), never a copy: `EXDEV` and every other error is thrown. */
export async function rename(from: string, to: string): Promise<void> {
  await failpoint('fs.rename');
  renameSync(from, to);
}

/** mkdir(2) of one directory; its parent must exist. False when it was there. */
export async function makeDir(path: string): Promise<boolean> {
  await failpoint('fs.mkdir');
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Creates a directory of the store and its missing parents, and syncs the parent of each one created. Never used under
 * fences/: a recursive create there would bring back a lock that was lost. Throws `corrupt` where a link is on the way.
 */
export async function makeDirs(path: string): Promise<void> {
  if (isReal(path)) return;
  await makeDirs(dirname(path));
  if (await makeDir(path)) await syncDir(dirname(path));
  else reach(path);
}

/** The same outside the store, where links are followed. */
export async function makeDirsAnywhere(path: string): Promise<void> {
  try {
    if (await makeDir(path)) await syncDir(dirname(path));
  } catch (error) {
    if (!isErrno(error, 'ENOENT') || dirname(path) === path) throw error;
    await makeDirsAnywhere(dirname(path));
    await makeDirsAnywhere(path);
  }
}

/** Creates `path` (it must not exist) with `data`, synced; its directory is the caller's to sync. After an error there is no such file. */
export function writeFileDurable(path: string, data: string | Uint8Array, options: { readonly mode?: number } = {}): Promise<void> {
  return createWith(path, data, { ...options, synced: true });
}

/** The same without the sync, for a caller that syncs many files at once (fs/sync.ts). */
export function writeNewFile(path: string, data: string | Uint8Array): Promise<void> {
  return createWith(path, data, { synced: false });
}

async function createWith(path: string, data: string | Uint8Array, options: { readonly mode?: number; readonly synced: boolean }): Promise<void> {
  const file = await NewFile.create(path, options);
  try {
    await filled(file, () => file.write(typeof data === 'string' ? Buffer.from(data) : data), options);
  } catch (error) {
    await takeBack(() => removeFile(path));
    throw error;
  }
}

/** Up to this many bytes go to the cache of the system faster than a thread is woken for them. */
const AT_ONCE = 16 * 1024;

/** A new file while it is written. Whoever made it closes it, when what it was asked for has ended. */
export class NewFile {
  readonly #number: number;

  private constructor(number: number) {
    this.#number = number;
  }

  /** The file must not exist. */
  static async create(path: string, { mode = 0o666 }: { readonly mode?: number } = {}): Promise<NewFile> {
    await failpoint('fs.write');
    return new NewFile(openSync(path, 'wx', mode));
  }

  /** All of the bytes, after those that were written before. */
  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length <= AT_ONCE) writeFileSync(this.#number, bytes);
    else await ended((done) => writeFile(this.#number, bytes, done));
  }

  /** fsync(2). */
  async sync(): Promise<void> {
    await failpoint('fs.sync');
    await ended((done) => fsync(this.#number, done));
  }

  close(): void {
    closeSync(this.#number);
  }
}

/** What `fill` answers, which writes the file; then the file is synced. It is closed in any case. `synced: false`: the caller syncs many. */
export async function filled<T>(file: NewFile, fill: () => Promise<T>, { synced = true }: { readonly synced?: boolean } = {}): Promise<T> {
  try {
    const result = await fill();
    if (synced) await file.sync();
    return result;
  } finally {
    file.close();
  }
}

function ended(begin: (done: (error: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    begin((error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

/** fsync(2) of an open file. */
export async function syncFile(file: FileHandle): Promise<void> {
  await failpoint('fs.sync');
  await file.sync();
}

/** fsync(2) of a file that is closed. */
export async function syncPath(path: string): Promise<void> {
  await failpoint('fs.sync');
  const file = openSync(path, 'r');
  try {
    await ended((done) => fsync(file, done));
  } finally {
    closeSync(file);
  }
}

/** fsync(2) of a directory: what was renamed, created or removed in it stays so through power loss. */
export async function syncDir(path: string): Promise<void> {
  await failpoint('fs.syncdir');
  const directory = openSync(path, 'r');
  try {
    await ended((done) => fsync(directory, done));
  } catch (error) {
    // Some network file systems refuse fsync on a directory because their renames are synchronous.
    if (!isErrno(error, 'EINVAL', 'ENOTSUP')) throw error;
  } finally {
    closeSync(directory);
  }
}

/** Makes the synced file `temporary` visible as `path` by link(2), which never overwrites; throws EEXIST. Both in one directory, which is synced. */
export async function publishFile(temporary: string, path: string): Promise<void> {
  await linkFile(temporary, path);
  await removeFile(temporary);
  await syncDir(dirname(path));
}

/** link(2): the file `from` also gets the name `to`, which must not exist; the directory is the caller's to sync. */
export async function linkFile(from: string, to: string): Promise<void> {
  await failpoint('fs.link');
  try {
    linkSync(from, to);
  } catch (error) {
    // Of a file of our own EPERM means that: link(2).
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error;
    throw new SwampError('config_invalid', `The disk that holds ${dirname(to)} has no hard links; without them a definition could replace another one.`, {
      hint: 'Put the repository on another file system; ext4, XFS, Btrfs, ZFS, APFS and NFS have them.',
      data: { path: dirname(to), errno: error.code },
      cause: error,
    });
  }
}

/** Throws `config_invalid` where the file `path`, our own, cannot get a second name: before anything is published, for then it would be half done for ever. */
export async function requireLinks(path: string): Promise<void> {
  const second = `${path}.tmp`;
  await linkFile(path, second);
  await removeFile(second);
}

/** Neither a link is followed nor a FIFO waited for. */
const OVERWRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Advisory text (who holds, who waits): whole or absent after a crash does not matter, so it is not synced. */
export function writeAdvisory(path: string, data: string): void {
  const file = openSync(path, OVERWRITE);
  try {
    // Over what is there, and cut after it: a file that is emptied first and then written is flushed by ext4 when it is closed.
    const bytes = Buffer.from(data);
    writeFileSync(file, bytes);
    if (fstatSync(file).size > bytes.length) ftruncateSync(file, bytes.length);
  } finally {
    closeSync(file);
  }
}

/** unlink(2); false when there was nothing. */
export async function removeFile(path: string): Promise<boolean> {
  await failpoint('fs.unlink');
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** rmdir(2); false when it was gone or is not empty. */
export async function removeEmptyDir(path: string): Promise<boolean> {
  await failpoint('fs.rmdir');
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Moves the modification time of the directory `path`: to `at`, or, where it belongs to another account of our group and
 * utimes(2) is refused, to now, by a directory `scratch` that comes and goes in it.
 */
export function touchDir(path: string, at: Date, scratch: string): void {
  try {
    utimesSync(path, at, at);
  } catch (error) {
    if (!isErrno(error, 'EPERM')) throw error;
    mkdirSync(join(path, scratch));
    rmdirSync(join(path, scratch));
  }
}

/** Moves the modification time of a file. */
export function touchFile(path: string, at: Date): void {
  utimesSync(path, at, at);
}

/**
 * Takes back what a failing step has made. Never throws: the error of the step itself, which the caller throws then, describes the
 * cause, and that of the clean-up would hide it. What cannot be taken back is left to the sweep.
 */
export async function takeBack(undo: () => Promise<unknown>): Promise<void> {
  await undo().catch(() => undefined);
}

/** Creates an empty file; false when it exists. */
export function createEmpty(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'));
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}
