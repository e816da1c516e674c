/** Where the bytes of a version or a part come from: memory, an iterable, a stream, a file, a named pipe. */
import { type BigIntStats, constants, statSync } from 'node:fs';
import { types } from 'node:util';
import { SwampError } from '../errors.js';
import { failpoint } from '../fs/failpoints.js';
import { Handle } from '../fs/handle.js';
import { openPipe } from '../fs/pipe.js';
import type { Repo } from '../repo.js';
import type { Source } from './stage.js';

/** The content itself, bytes or text as UTF-8; pieces of it as they come; or the file to read it from. */
export type SourceInput = string | Uint8Array | Source | { readonly file: string };

/** What a source must be for its bytes to be stored. */
export interface SourceDemands {
  /** The file must not change while it is read; without it a change is a warning. */
  readonly ifStable?: boolean;
  /** There must be at least one byte. */
  readonly noEmpty?: boolean;
}

export interface OpenSource {
  readonly chunks: Source;
  close(): void;
  /** How a file has changed since it was opened; undefined when it has not, or is not a regular file. */
  changed(): string | undefined;
}

/** A file is opened before anything is created, so that one that cannot be read leaves no trace. */
export async function openSource(source: SourceInput, signal: AbortSignal): Promise<OpenSource> {
  if (typeof source === 'string' || types.isUint8Array(source)) return { ...STEADY, chunks: [source] };
  if (!('file' in source)) return { ...STEADY, chunks: source };
  if (statSync(source.file, { throwIfNoEntry: false })?.isFIFO() === true) {
    const pipe = await openPipe(source.file, 'r', signal);
    await failpoint('put.pipe-open');
    return { ...STEADY, chunks: pipe, close: () => void pipe.destroy() };
  }
  const file = Handle.open(source.file, constants.O_RDONLY);
  if (file.status.isDirectory()) {
    file.close();
    throw new SwampError('io', `${source.file} is a directory.`, {
      hint: 'Name a file, or leave it out and pipe the content in.',
      data: { path: source.file, errno: 'EISDIR' },
    });
  }
  return { chunks: file.chunks(), close: () => void file.close(), changed: () => changeOf(file, source.file) };
}

const STEADY: Omit<OpenSource, 'chunks'> = Object.freeze({ close: () => {}, changed: () => undefined });

/** To be asked when `size` bytes were read, and nothing is committed yet. Throws `conflict`, `usage`. */
export function requireDemands(repo: Repo, source: OpenSource, { ifStable, noEmpty }: SourceDemands, size: number): void {
  if (noEmpty === true && size === 0)
    throw new SwampError('usage', 'The content is empty, and --no-empty refuses that.', {
      hint: 'Nothing was written. Look whether what makes the content failed.',
    });
  const change = source.changed();
  if (change === undefined) return;
  if (ifStable !== true) repo.reporter.warn(`${change}. What was stored may be half of each state; --if-stable refuses that.`, { topic: 'data' });
  else throw new SwampError('conflict', `${change}.`, { hint: 'Nothing was written. Try again when nothing writes to the file.' });
}

function changeOf(file: Handle, path: string): string | undefined {
  const [before, now] = [file.status, file.look()];
  if (!now.isFile() || (now.size === before.size && now.mtimeNs === before.mtimeNs)) return undefined;
  const state = ({ size, mtime }: BigIntStats): string => `${size} bytes of ${mtime.toISOString()}`;
  return `${path} changed while it was read: ${state(before)}, then ${state(now)}`;
}
