/** Where the bytes of a version or a part come from: memory, an iterable, a stream, a file, a named pipe. */
import { constants, statSync } from 'node:fs';
import { SwampError } from '../errors.js';
import { failpoint } from '../fs/failpoints.js';
import { Handle } from '../fs/handle.js';
import { openPipe } from '../fs/pipe.js';
import type { Source } from '../store/stage.js';

/** The content itself, bytes or text as UTF-8; pieces of it as they come; or the file to read it from. */
export type SourceInput = string | Uint8Array | Source | { readonly file: string };

export interface OpenSource {
  readonly chunks: Source;
  close(): void;
}

/** A file is opened before anything is created, so that one that cannot be read leaves no trace. */
export async function openSource(source: SourceInput, signal: AbortSignal): Promise<OpenSource> {
  if (typeof source === 'string' || source instanceof Uint8Array) return { chunks: [source], close: nothing };
  if (!('file' in source)) return { chunks: source, close: nothing };
  if (statSync(source.file, { throwIfNoEntry: false })?.isFIFO() === true) {
    const pipe = await openPipe(source.file, 'r', signal);
    await failpoint('put.pipe-open');
    return { chunks: pipe, close: () => void pipe.destroy() };
  }
  const file = Handle.open(source.file, constants.O_RDONLY);
  if (file.status.isDirectory()) {
    file.close();
    throw new SwampError('io', `${source.file} is a directory.`, {
      hint: 'Name a file, or leave it out and pipe the content in.',
      data: { path: source.file, errno: 'EISDIR' },
    });
  }
  return { chunks: file.chunks(), close: () => void file.close() };
}

function nothing(): void {}
