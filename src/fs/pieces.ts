/** Reads open files to their end, in bounded memory: whole where they are small, else piece by piece, hashed on the way. */
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { sha256 } from './digest.js';
import type { Handle } from './handle.js';

/** Files up to this size are read, hashed and written in one piece: a turn of the event loop costs more. Bytes. */
export const SMALL = 128 * 1024;

/** What is read at once, while nothing else goes on. Bytes. */
const PIECE = 256 * 1024;

/** Two buffers serve a larger file: one is filled while the other is hashed and written. Bytes. */
const CHUNK = 1024 * 1024;

export interface Digest {
  readonly size: number;
  /** SHA-256, 64 hex digits. */
  readonly checksum: string;
}

export interface Reading {
  readonly signal: AbortSignal;
  /** Called for each piece. */
  readonly onBytes: (bytes: number) => void;
}

/** The pieces of an open file, which is closed at the end; each is valid until the next is asked for. */
export function* pieces(file: Handle): Generator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(Math.min(PIECE, file.size + 1));
  try {
    for (let at = 0, read = file.readSync(buffer, 0); read > 0; read = file.readSync(buffer, at)) {
      at += read;
      yield buffer.subarray(0, read);
    }
  } finally {
    file.close();
  }
}

/** The bytes of a small open file, which is closed: one read(2). Of what has grown since it was opened, one byte more: it is not what it was. */
export function bytesOf(file: Handle): Buffer {
  const { size } = file;
  try {
    const bytes = Buffer.allocUnsafe(size + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < size; length += read) read = file.readSync(bytes.subarray(length), length);
    return bytes.subarray(0, length);
  } finally {
    file.close();
  }
}

/** SHA-256 of what an open file holds, which is closed at the end. */
export function digestOf(file: Handle): string {
  const hash = createHash('sha256');
  for (const piece of pieces(file)) hash.update(piece);
  return hash.digest('hex');
}

/** The same for content: a large file lets timers and signals through. */
export async function digest(file: Handle, reading: Reading): Promise<Digest> {
  if (file.size <= SMALL) return digestOfBytes(bytesOf(file), reading);
  const hash = createHash('sha256');
  const size = await pour(file, undefined, { ...reading, hashes: [hash] }).finally(() => file.close());
  return { size, checksum: hash.digest('hex') };
}

export function digestOfBytes(bytes: Uint8Array, { onBytes }: Reading): Digest {
  onBytes(bytes.length);
  return { size: bytes.length, checksum: sha256(bytes) };
}

/** Writes an open file to `sink`, hashing on this thread while the next piece is read and the last one is written. How many bytes it had; it stays open. */
export async function pour(
  file: Handle,
  sink: FileHandle | undefined,
  { signal, onBytes, hashes }: Reading & { readonly hashes: readonly Hash[] },
): Promise<number> {
  let [full, empty] = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)];
  let size = 0;
  let bytesRead = await file.read(full, size);
  while (bytesRead > 0) {
    signal.throwIfAborted();
    const bytes = full.subarray(0, bytesRead);
    size += bytesRead;
    // Both are waited for before either may fail: no call still writes to a buffer, or reads a file, that is given up.
    const work = [file.read(empty, size), sink?.writeFile(bytes).then(() => 0) ?? 0];
    const settled = Promise.allSettled(work);
    for (const hash of hashes) hash.update(bytes);
    onBytes(bytesRead);
    const [next, written] = await settled;
    if (written?.status === 'rejected') throw written.reason;
    if (next?.status === 'rejected') throw next.reason;
    bytesRead = next?.value ?? 0;
    [full, empty] = [empty, full];
  }
  return size;
}
