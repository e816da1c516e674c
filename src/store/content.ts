/** The content of one version byte by byte, whether it is one file or parts: the only reader of `content` and `parts/`. */
import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { SwampError } from '../errors.js';
import type { Handle } from '../fs/handle.js';
import { openFileLimit } from '../fs/limits.js';
import { openPlainFile } from '../fs/plain.js';
import { CONTENT, PARTS } from '../layout/layout.js';
import type { Part, VersionMetadata } from './metadata.js';

/** A file that is one piece of a content, in its place in the order. */
interface Piece {
  readonly path: string;
  /** What was declared; undefined for a content that is one file. */
  readonly part: Part | undefined;
  /** Undefined for a piece that is opened when its turn comes. */
  readonly file: Handle | undefined;
}

/** A content, opened, the caller's to close with `closeContent`. It may be read more than once. */
export interface OpenContent {
  readonly pieces: readonly Piece[];
}

/**
 * The parts that all contents of this process hold open. A part that is held is read to its end whatever a delete does; of a
 * content with more parts than may be held, a part that was deleted before its turn ends the reading as `version_not_found`.
 */
let held = 0;

/** The other three quarters of the descriptors belong to the rest of the program. */
function mayHold(): boolean {
  return held < openFileLimit() / 4;
}

/** Where the content of the version in `dir` is: a file, or the directory of its parts. */
export function contentPathIn(dir: string, { parts }: Pick<VersionMetadata, 'parts'>): string {
  return join(dir, parts === undefined ? CONTENT : PARTS);
}

/** Opens what `metadata` declares, and nothing else (B6). Undefined when a file is missing; `checksum_mismatch` when a part has another size, `corrupt` for what is not a file. */
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
      if (part === undefined || mayHold()) pieces.push(hold(piece, file));
      else {
        file.close();
        pieces.push({ ...piece, file: undefined });
      }
    }
    return { pieces };
  } catch (error) {
    closeContent({ pieces });
    throw error;
  }
}

function hold(piece: Omit<Piece, 'file'>, file: Handle): Piece {
  held++;
  return { ...piece, file };
}

/** Again: nothing. A read that is under way ends first. */
export function closeContent({ pieces }: OpenContent): void {
  for (const { file } of pieces) if (file?.close() === true) held--;
}

/** Every byte, in order, in bounded memory. Throws the reason of `signal`. The content stays open. */
export async function* chunksOf({ pieces }: OpenContent, name: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield* chunksOfPiece(piece, name, signal);
}

async function* chunksOfPiece(piece: Piece, name: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const file = piece.file ?? openPiece(piece, name);
  if (file === undefined) throw deletedMeanwhile(piece, name);
  try {
    yield* file.chunks(signal);
  } finally {
    if (piece.file === undefined) file.close();
  }
}

/** What a content is, found by reading it once; it stays open. */
export interface ContentDigest {
  readonly size: number;
  /** SHA-256 of the whole. */
  readonly checksum: string;
  /** SHA-256 of each part, in their order. */
  readonly parts: readonly string[];
}

/** `onBytes`: called with what was read so far, at every chunk. */
export async function digestContent(
  content: OpenContent,
  name: string,
  { onBytes, signal }: { readonly signal?: AbortSignal | undefined; readonly onBytes?: (read: number) => void } = {},
): Promise<ContentDigest> {
  const whole = createHash('sha256');
  const parts: string[] = [];
  let size = 0;
  for (const piece of content.pieces) {
    const part = content.pieces.length > 1 ? createHash('sha256') : undefined;
    for await (const chunk of chunksOfPiece(piece, name, signal)) {
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

/** False when there is nothing. A link is not followed. */
function isDirectory(path: string): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined || status.isDirectory()) return status !== undefined;
  throw new SwampError('corrupt', `${path} is damaged: it is not a directory.`, { hint: 'Run "swamp datastore check".', data: { path } });
}

/** One file of a content, opened, the caller's to close; undefined when it is not there. Throws as openContent. */
export function openPiece({ path, part }: Pick<Piece, 'path' | 'part'>, name: string): Handle | undefined {
  const opened = openPlainFile(path);
  if (opened === undefined) return undefined;
  if ('refused' in opened)
    throw new SwampError('corrupt', `${path} is damaged: it ${opened.message}.`, { hint: 'Run "swamp datastore check".', data: { path } });
  if (part === undefined || part.size === opened.size) return opened;
  opened.close();
  throw partMismatch({ name, path, part: part.number, found: `${opened.size} bytes`, expected: `${part.size} bytes` });
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
    hint: 'The part that was read is not the whole content.',
    data: { name, part: part?.number, path },
  });
}
