/** The content of one version as a stream, whether it is one file or parts: the only reader of `content` and `parts/`. */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { SwampError } from '../errors.js';
import { openPlainFile } from '../fs/plain.js';
import { CONTENT, PARTS } from '../layout/layout.js';
import type { Part, VersionMetadata } from './metadata.js';

/** A file that is one piece of a content, in its place in the order. */
interface Piece {
  readonly path: string;
  /** What was declared; undefined for a content that is one file. */
  readonly part: Part | undefined;
  /** Its descriptor; undefined for a piece that is opened when its turn comes. */
  readonly file: number | undefined;
}

/** A content, opened, the caller's to close: by `closeContent`, or by reading it to its end. */
export interface OpenContent {
  readonly pieces: readonly Piece[];
}

/**
 * So many parts are held open, so that a delete does not disturb the reader. Of a version with more, a part that was deleted
 * before its turn came ends the stream as `version_not_found`.
 */
const HELD_OPEN = 1_000;
/** Bytes held in memory, whatever the content's size. */
const CHUNK = 256 * 1024;

/** Where the content of the version in `dir` stands: a file, or the directory of its parts. */
export function contentPathIn(dir: string, { parts }: Pick<VersionMetadata, 'parts'>): string {
  return join(dir, parts === undefined ? CONTENT : PARTS);
}

/** Opens what `metadata` declares, and nothing else (B6). Undefined when a file is missing; `checksum_mismatch` when a part has another size, `corrupt` for what is no file. */
export function openContent(dir: string, metadata: Pick<VersionMetadata, 'parts'>, name: string): OpenContent | undefined {
  const path = contentPathIn(dir, metadata);
  if (metadata.parts !== undefined && !isDirectory(path)) return undefined;
  const pieces: Piece[] = [];
  try {
    for (const part of metadata.parts ?? [undefined]) {
      const piece = { path: part === undefined ? path : join(path, String(part.number)), part };
      const file = openPiece(piece, name);
      if (file === undefined) {
        closeContent({ pieces });
        return undefined;
      }
      if (pieces.length >= HELD_OPEN) closeSync(file);
      pieces.push({ ...piece, file: pieces.length < HELD_OPEN ? file : undefined });
    }
    return { pieces };
  } catch (error) {
    closeContent({ pieces });
    throw error;
  }
}

export function closeContent({ pieces }: OpenContent): void {
  for (const { file } of pieces) if (file !== undefined) closeSync(file);
}

/** Every byte, in order, in bounded memory. It may be read again unless `autoClose`, which closes the content at the end or when the stream is destroyed. */
export function streamContent(content: OpenContent, name: string, options: { readonly autoClose: boolean; readonly signal?: AbortSignal }): Readable {
  const [piece] = content.pieces;
  const { autoClose, ...signal } = options;
  if (content.pieces.length === 1 && piece?.file !== undefined) {
    return createReadStream('', { fd: piece.file, start: 0, autoClose, highWaterMark: CHUNK, ...signal });
  }
  const stream = Readable.from(chunksOf(content, name), { objectMode: false, highWaterMark: CHUNK, ...signal });
  return autoClose ? stream.once('close', () => closeContent(content)) : stream;
}

/** What a content is, found by reading it once; it stays open. */
export interface Digest {
  readonly size: number;
  /** SHA-256 of the whole. */
  readonly checksum: string;
  /** SHA-256 of each part, in their order. */
  readonly parts: readonly string[];
}

/** `onBytes`: told how much was read so far, with every chunk. */
export async function digestContent(
  content: OpenContent,
  name: string,
  { onBytes, ...options }: { readonly signal?: AbortSignal; readonly onBytes?: (read: number) => void } = {},
): Promise<Digest> {
  const whole = createHash('sha256');
  const parts: string[] = [];
  let size = 0;
  for (const piece of content.pieces) {
    const part = content.pieces.length > 1 ? createHash('sha256') : undefined;
    for await (const chunk of streamContent({ pieces: [piece] }, name, { autoClose: false, ...options }) as AsyncIterable<Buffer>) {
      whole.update(chunk);
      part?.update(chunk);
      size += chunk.length;
      onBytes?.(size);
    }
    if (part !== undefined) parts.push(part.digest('hex'));
  }
  const checksum = whole.digest('hex');
  return { size, checksum, parts: content.pieces.length > 1 ? parts : content.pieces.map(() => checksum) };
}

async function* chunksOf({ pieces }: OpenContent, name: string): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    const file = piece.file ?? openPiece(piece, name);
    if (file === undefined) throw deletedMeanwhile(piece, name);
    try {
      yield* createReadStream('', { fd: file, start: 0, autoClose: false, highWaterMark: CHUNK }) as AsyncIterable<Buffer>;
    } finally {
      if (piece.file === undefined) closeSync(file);
    }
  }
}

/** False when there is nothing. A link is not followed. */
function isDirectory(path: string): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined || status.isDirectory()) return status !== undefined;
  throw new SwampError('corrupt', `${path} is damaged: it is no directory.`, { hint: 'Run "swamp datastore check".', data: { path } });
}

/** The descriptor of one file of a content, the caller's to close; undefined when it is not there. Throws as openContent. */
export function openPiece({ path, part }: Pick<Piece, 'path' | 'part'>, name: string): number | undefined {
  const opened = openPlainFile(path);
  if (opened === undefined) return undefined;
  if ('refused' in opened)
    throw new SwampError('corrupt', `${path} is damaged: it ${opened.message}.`, { hint: 'Run "swamp datastore check".', data: { path } });
  const { file, size } = opened;
  if (part === undefined || part.size === size) return file;
  closeSync(file);
  throw partMismatch({ name, path, part: part.number, found: `${size} bytes`, expected: `${part.size} bytes` });
}

/** B5: a part that is not what was written. */
export function partMismatch(told: {
  readonly name: string;
  readonly path: string;
  readonly part: number;
  readonly found: string;
  readonly expected: string;
  readonly hint?: string;
}): SwampError {
  const { name, path, part, found, expected } = told;
  return new SwampError('checksum_mismatch', `Part ${part} of ${JSON.stringify(name)} is not what was written: ${path} has ${found}, recorded ${expected}.`, {
    hint: told.hint ?? 'Restore it from a backup, or delete this version; "swamp datastore check" lists all damage.',
    data: { name, part, path, expected, actual: found },
  });
}

function deletedMeanwhile({ path, part }: Piece, name: string): SwampError {
  return new SwampError('version_not_found', `${JSON.stringify(name)} was deleted while it was read: part ${part?.number} is gone.`, {
    hint: 'What was read so far is not the whole.',
    data: { name, part: part?.number, path },
  });
}
