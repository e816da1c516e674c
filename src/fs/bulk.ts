/**
 * Writes many new files below one directory, and makes all of them durable at once: a sync for each of ten thousand small
 * files costs more than writing them.
 */
import { createHash } from 'node:crypto';
import { chmodSync, closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs';
import { copyFile, type FileHandle, open } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { isErrno } from '../errors.js';
import { linkFile, removeFile, rename, syncDir, syncFile, syncPath, takeBack } from './durable.js';
import { failpoint } from './failpoints.js';
import type { Handle } from './handle.js';
import { bytesOf, type Digest, digestOfBytes, pour, type Reading, SMALL } from './pieces.js';
import { FEW, someAtOnce, syncFileSystem } from './sync.js';

export class Bulk {
  readonly #root: string;
  readonly #dirs = new Set<string>();
  /** Not synced yet. */
  readonly #files: string[] = [];

  /** `root` exists, and no other process writes there. */
  constructor(root: string) {
    this.#root = root;
    this.#dirs.add(root);
  }

  get isChanged(): boolean {
    return this.#files.length > 0;
  }

  /** Makes a directory, if it is not there: durably, when `sync` resolves. */
  async directory(path: string): Promise<void> {
    await this.#makeParent(join(path, 'x'));
  }

  /** A file that is there already: durable, too, when `sync` resolves. */
  adopt(path: string): void {
    this.#dirs.add(dirname(path));
    this.#files.push(path);
  }

  /** Creates a file, which must not exist, with all its bytes. */
  async write(path: string, bytes: Uint8Array, mode = 0o666): Promise<void> {
    await this.#makeParent(path);
    await failpoint('fs.write');
    const file = openSync(path, 'wx', mode);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    } finally {
      closeSync(file);
    }
    this.#files.push(path);
  }

  /** Creates a file that is filled in pieces: what `fill` has written when it resolves is synced and closed. */
  async stream<T>(path: string, fill: (file: FileHandle) => Promise<T>): Promise<T> {
    await this.#makeParent(path);
    await failpoint('fs.write');
    const file = await open(path, 'wx');
    let result: T;
    try {
      result = await fill(file);
      await syncFile(file);
    } catch (error) {
      await takeBack(() => file.close());
      throw error;
    }
    await file.close();
    return result;
  }

  /** Creates a file with what an open file holds. The digest of what was read and written. */
  async copy(path: string, file: Handle, reading: Reading): Promise<Digest> {
    if (file.size <= SMALL) {
      const bytes = bytesOf(file);
      await this.write(path, bytes);
      return digestOfBytes(bytes, reading);
    }
    const hash = createHash('sha256');
    const size = await this.stream(path, (sink) => pour(file, sink, { ...reading, hashes: [hash] }));
    return { size, checksum: hash.digest('hex') };
  }

  /** A whole file as another one: cloned, linked or copied; the first two throw the system's error where the file system cannot. The mode of a link is that of its file, else the umask decides it. */
  async bring(way: 'clone' | 'link' | 'copy', from: string, path: string): Promise<void> {
    await this.#makeParent(path);
    if (way === 'link') await linkFile(from, path);
    else {
      await failpoint('fs.write');
      await copyFile(from, path, constants.COPYFILE_EXCL | (way === 'clone' ? constants.COPYFILE_FICLONE_FORCE : 0));
      chmodSync(path, 0o666 & ~process.umask());
    }
    this.#files.push(path);
  }

  /** Everything that was written is on disk, with its names, when this resolves. */
  async sync(signal: AbortSignal): Promise<void> {
    if (this.#files.length > FEW && (await syncFileSystem(this.#root, signal))) return;
    await someAtOnce(this.#files, syncPath, signal);
    await someAtOnce([...this.#dirs], syncDir, signal);
  }

  /** Takes what is at `path` out of the tree: durably, when `sync` resolves. */
  async moveOut(path: string, to: string): Promise<void> {
    await rename(path, to);
    for (const dir of this.#dirs) if (dir === path || dir.startsWith(path + sep)) this.#dirs.delete(dir);
    this.#dirs.add(dirname(path));
  }

  /** unlink(2), if there is such a file: durably, when `sync` resolves. */
  async remove(path: string): Promise<void> {
    if (await removeFile(path)) this.#dirs.add(dirname(path));
  }

  async #makeParent(path: string): Promise<void> {
    const missing: string[] = [];
    for (let dir = dirname(path); !this.#dirs.has(dir); dir = dirname(dir)) {
      if (relative(this.#root, dir).split(sep)[0] === '..') throw new TypeError(`${path} lies outside of ${this.#root}`);
      missing.push(dir);
    }
    for (const dir of missing.reverse()) {
      await failpoint('fs.mkdir');
      try {
        mkdirSync(dir);
      } catch (error) {
        // Another file of the same directory was a turn ahead.
        if (!isErrno(error, 'EEXIST')) throw error;
      }
      this.#dirs.add(dir);
    }
  }
}
