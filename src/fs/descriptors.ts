/** Paths that name a descriptor this process was given, and reading and writing such a descriptor, which stays open, its file neither replaced nor emptied; and whether there is a terminal. */
import { closeSync, fstatSync, lstatSync, openSync, read, readlinkSync, realpathSync, write } from 'node:fs';
import { Socket } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { isErrno, isSystemError } from '../errors.js';

/** Errors are reported there afterwards. */
const STDERR = 2;
const CHUNK_BYTES = 256 * 1024;
/** As many links as the system follows. */
const MAX_LINKS = 40;

const readSome: (fd: number, buffer: Buffer, offset: number, length: number, position: null) => Promise<{ readonly bytesRead: number }> = promisify(read);
const writeSome: (fd: number, bytes: Uint8Array, offset: number) => Promise<{ readonly bytesWritten: number }> = promisify(write);

/** The descriptor that `/dev/stdout`, `/dev/fd/N`, `/proc/self/fd/N`, or a link to one of them names; `elsewhere`: one of another process; undefined for any other path. */
export function descriptorNamed(path: string): number | 'elsewhere' | undefined {
  try {
    let at = resolve(path);
    for (let links = 0; links < MAX_LINKS; links++) {
      // The directory alone: what the last name leads to is the file, and no longer the descriptor.
      const here = join(realpathSync(dirname(at)), basename(at));
      const [, pid, named] = /^(?:\/dev|\/proc\/(\d+)(?:\/task\/\d+)?)\/fd\/(\d{1,9})$/.exec(here) ?? [];
      if (named !== undefined) return pid === undefined || Number(pid) === process.pid ? Number(named) : 'elsewhere';
      if (lstatSync(here, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
      at = resolve(dirname(here), readlinkSync(here));
    }
  } catch (error) {
    // There is no such directory: then the path names no descriptor, and opening it says what is wrong with it.
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP')) throw error;
  }
  return undefined;
}

/** Everything from where the descriptor is to its end. For files and devices: a read that waits for a person or for another process could not be given up. */
export async function* readDescriptor(fd: number): AsyncGenerator<Buffer> {
  for (;;) {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await readSome(fd, buffer, 0, buffer.length, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Writes `content` from where the descriptor is; a socket is closed then. Throws `EBADF` when no descriptor of that number can be written. */
export async function writeDescriptor(fd: number, content: AsyncIterable<Uint8Array>): Promise<void> {
  if (fd === STDERR) return pipeline(content, process.stderr, { end: false });
  if (fstatSync(fd).isSocket()) return pipeline(content, new Socket({ fd, readable: false, writable: true }));
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length; ) at += (await writeSome(fd, chunk, at)).bytesWritten;
  }
}

/** True when this process has a controlling terminal, wherever its streams go. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}
