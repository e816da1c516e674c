/**
 * Files opened for reading. Only the handle knows the number of its descriptor, so nothing else can close it. A number that is
 * closed twice belongs to another file by then: that file is closed in its place, and the next write to it goes elsewhere.
 */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, read, readFileSync, readSync } from 'node:fs';
import { isSystemError } from '../errors.js';

/** A piece of a content in memory. Bytes. */
const CHUNK = 256 * 1024;

/** Neither a link is followed nor a FIFO waited for. */
const PLAIN = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class Handle {
  /** What fstat(2) answered when it was opened. */
  readonly status: BigIntStats;
  readonly #path: string;
  readonly #number: number;
  #state: 'open' | 'closing' | 'closed' = 'open';
  /** Reads that a thread of Node is at: the number is theirs until they have ended. */
  #reads = 0;

  private constructor(path: string, number: number) {
    this.#path = path;
    this.#number = number;
    try {
      this.status = fstatSync(number, { bigint: true });
    } catch (error) {
      closeSync(number);
      throw withPath(error, path);
    }
  }

  /** Throws the system's error: ELOOP for a link, unless other flags say that it is to be followed. */
  static open(path: string, flags: number = PLAIN): Handle {
    return new Handle(path, openSync(path, flags));
  }

  /** Bytes, when it was opened. */
  get size(): number {
    return Number(this.status.size);
  }

  /** Reads into `buffer` from the byte `at` on; of what is not a regular file, what comes next. How many bytes; 0 at the end. */
  read(buffer: Buffer, at: number): Promise<number> {
    this.#requireOpen();
    this.#reads++;
    return new Promise((resolve, reject) => {
      read(this.#number, buffer, 0, buffer.length, this.#position(at), (error, bytes) => {
        this.#reads--;
        if (this.#state === 'closing' && this.#reads === 0) this.#closeNow();
        if (error === null || error === undefined) resolve(bytes);
        else reject(withPath(error, this.#path));
      });
    });
  }

  /** As `read`, at once: for what is small, or where nothing else goes on. */
  readSync(buffer: Buffer, at: number): number {
    this.#requireOpen();
    try {
      return readSync(this.#number, buffer, 0, buffer.length, this.#position(at));
    } catch (error) {
      throw withPath(error, this.#path);
    }
  }

  /** Every byte that it had when it was opened, at once and once: for what is small. */
  bytes(): Buffer {
    this.#requireOpen();
    try {
      if (!this.status.isFile() || this.size === 0) return readFileSync(this.#number);
      const buffer = Buffer.allocUnsafe(this.size);
      let length = 0;
      for (let read = -1; read !== 0 && length < buffer.length; length += read) read = readSync(this.#number, buffer, length, buffer.length - length, length);
      return buffer.subarray(0, length);
    } catch (error) {
      throw withPath(error, this.#path);
    }
  }

  /** Every byte, in order, in bounded memory: the next piece is read while the last one is used. Throws the reason of `signal`. The handle stays open. */
  async *chunks(signal?: AbortSignal): AsyncGenerator<Buffer> {
    let ahead = this.#chunk(0);
    for (let at = 0; ; ) {
      const bytes = await ahead;
      signal?.throwIfAborted();
      if (bytes.length === 0) return;
      at += bytes.length;
      ahead = this.#chunk(at);
      // No reader waits for it when the reader stops at this piece.
      ahead.catch(() => undefined);
      yield bytes;
    }
  }

  /** What it is now. */
  look(): BigIntStats {
    this.#requireOpen();
    return fstatSync(this.#number, { bigint: true });
  }

  /** No read begins any more; the descriptor is given back when those under way have ended. True the first time. */
  close(): boolean {
    if (this.#state !== 'open') return false;
    this.#state = 'closing';
    if (this.#reads === 0) this.#closeNow();
    return true;
  }

  #closeNow(): void {
    this.#state = 'closed';
    closeSync(this.#number);
  }

  async #chunk(at: number): Promise<Buffer> {
    const left = this.size - at;
    // At the end that fstat(2) gave, one byte more shows whether there is more by now.
    const buffer = Buffer.allocUnsafe(left > 0 ? Math.min(left, CHUNK) : left === 0 && at > 0 ? 1 : CHUNK);
    return buffer.subarray(0, await this.read(buffer, at));
  }

  #position(at: number): number | null {
    return this.status.isFile() ? at : null;
  }

  #requireOpen(): void {
    if (this.#state !== 'open') throw new TypeError(`${this.#path} is read after it was closed`);
  }
}

/** read(2) and fstat(2) know no path; the caller that opened the file does. */
function withPath(error: unknown, path: string): unknown {
  if (!isSystemError(error) || error.path !== undefined) return error;
  error.path = path;
  error.message += ` '${path}'`;
  return error;
}
