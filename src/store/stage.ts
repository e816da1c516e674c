/** Prepares versions in the session's staging directory: needs no lock, and is not visible to others. */
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { types } from 'node:util';
import { atMost } from '../at-most.js';
import { SwampError } from '../errors.js';
import { filled, makeDir, NewFile, syncDir, writeFileDurable, writeNewFile } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { syncTogether } from '../fs/sync.js';
import { CONTENT, METADATA } from '../layout/layout.js';
import { openStaging, type Session } from '../locks/session.js';
import { serialise, type VersionMetadata } from './metadata.js';

/** What the caller says of a version; the rest is found while staging. */
export type VersionFields = Pick<VersionMetadata, 'contentType' | 'lifetime' | 'garbageCollection' | 'tags' | 'ownerDefinition'>;

/** A version complete and synced in staging/<me>/<slot>. */
export interface StagedVersion {
  readonly slot: string;
  readonly metadata: VersionMetadata;
}

/** `later`: the caller makes it durable, with others at once (`syncStaged`), before it is committed. */
export type Syncs = 'now' | 'later';

/** Bytes as they come; a string counts as UTF-8. */
export type Source = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/**
 * Streams `source` into a new version directory, syncs it, and returns what it is. Nothing is held in memory beyond a
 * chunk. Only this process ever opens the file for writing: a descriptor left open elsewhere would change a version that
 * is visible (P3). Throws the source's error, `no_space`, `io`.
 */
export async function stageVersion(
  session: Session,
  slot: string,
  source: Source,
  fields: VersionFields,
  { signal, syncs = 'now' }: { readonly signal: AbortSignal; readonly syncs?: Syncs },
): Promise<StagedVersion> {
  const stage = async (): Promise<StagedVersion> => {
    const dir = join(await openStaging(session), slot);
    await makeDir(dir);
    const { size, checksum } = await writeContent(join(dir, CONTENT), source, signal, syncs);
    return finishVersion(session, slot, { size, checksum }, fields, syncs);
  };
  // What is in memory waits for nothing but the disk. A stream may wait for anything, another put of this program too.
  return Symbol.asyncIterator in source ? stage() : few(stage);
}

/** So many contents that are in memory are staged at once; with more, a crowd of puts would run out of descriptors. */
const few = atMost(64);

/** A version whose content comes along when it is committed, as the parts of an upload do. */
export async function stageWithoutContent(
  session: Session,
  slot: string,
  content: Pick<VersionMetadata, 'size' | 'checksum' | 'parts'>,
  fields: VersionFields,
): Promise<StagedVersion> {
  await makeDir(join(await openStaging(session), slot));
  return finishVersion(session, slot, content, fields);
}

/** How a version that the session of this nonce staged in this slot is known. */
export function commitOf(nonce: string, slot: string): string {
  return `${nonce}.${slot}`;
}

/** Completes staging/<me>/<slot>, whose content is written and synced, with its metadata. */
export async function finishVersion(
  session: Session,
  slot: string,
  content: Pick<VersionMetadata, 'size' | 'checksum' | 'parts'>,
  fields: VersionFields,
  syncs: Syncs = 'now',
): Promise<StagedVersion> {
  const dir = join(session.staging, slot);
  const metadata: VersionMetadata = { id: randomUUID(), commit: commitOf(session.nonce, slot), ...fields, createdAt: new Date().toISOString(), ...content };
  if (syncs === 'later') await writeNewFile(join(dir, METADATA), serialise(metadata));
  else {
    await writeFileDurable(join(dir, METADATA), serialise(metadata));
    await syncDir(dir);
  }
  await failpoint('stage.complete');
  return { slot, metadata };
}

/** Makes versions that were staged without their syncs durable. Throws the system's error: it is not known then whose bytes are lost. */
export function syncStaged(session: Session, staged: readonly StagedVersion[], signal: AbortSignal): Promise<void> {
  const dirs = staged.map(({ slot }) => join(session.staging, slot));
  return syncTogether([dirs.flatMap((dir) => [join(dir, CONTENT), join(dir, METADATA)]), dirs], signal);
}

/** Streams `source` into the new file `path`, and syncs it unless that is left to the caller. */
export async function writeContent(path: string, source: Source, signal: AbortSignal, syncs: Syncs = 'now'): Promise<{ size: number; checksum: string }> {
  const hash = createHash('sha256');
  let size = 0;
  const file = await NewFile.create(path);
  await filled(
    file,
    async () => {
      for await (const bytes of untilAborted(source, signal)) {
        hash.update(bytes);
        size += bytes.length;
        await file.write(bytes);
      }
      signal.throwIfAborted();
    },
    { synced: syncs === 'now' },
  );
  return { size, checksum: hash.digest('hex') };
}

/**
 * The source's chunks; throws the signal's reason also while the source has nothing to give, as standard input may for ever.
 * A source that is left before its end is notified, and not waited for: one that has nothing to give would not answer.
 */
async function* untilAborted(source: Source, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const encoder = new Encoder();
  let ended = false;
  try {
    for (;;) {
      const next = await orAborted(iterator.next(), signal);
      ended = next.done === true;
      if (next.done === true) return encoder.end();
      yield encoder.bytesOf(next.value);
    }
  } finally {
    if (!ended) leave(iterator).catch(() => undefined);
  }
}

async function leave(iterator: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
  await iterator.return?.();
}

/** Pieces of a content as bytes. Text is refused unless it is Unicode: UTF-8 has other bytes for anything else, and what was stored would not be what was given. */
class Encoder {
  /** The first half of a character whose other half the next text begins with, where two pieces share one. */
  #half = '';

  bytesOf(chunk: unknown): Uint8Array {
    if (typeof chunk === 'string') return this.#encode(this.#half + chunk);
    this.end();
    // No other view of memory: its length counts something else than bytes.
    if (types.isUint8Array(chunk)) return chunk;
    throw new SwampError('usage', `A source must give text or bytes, not ${kindOf(chunk)}.`, {
      hint: 'Give a string, a Uint8Array, a stream or iterable of these, or { file }.',
    });
  }

  #encode(text: string): Uint8Array {
    this.#half = /[\ud800-\udbff]$/.exec(text)?.[0] ?? '';
    const whole = text.slice(0, text.length - this.#half.length);
    if (!whole.isWellFormed()) throw notUnicode();
    return Buffer.from(whole);
  }

  /** Throws `usage` within a character. */
  end(): void {
    if (this.#half !== '') throw notUnicode();
  }
}

function notUnicode(): SwampError {
  return new SwampError('usage', 'The text of the source is not well-formed Unicode: it has half of a surrogate pair.', {
    hint: 'Give the content as bytes (a Uint8Array), or correct the text.',
  });
}

/** Names what a caller gave by its kind alone: a value may be a secret, or large. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  return Array.isArray(value) ? 'an array' : `an object (${value.constructor?.name ?? 'without a class'})`;
}

/** Listens anew for each chunk: a promise that lives as long as the signal would hold on to every chunk it was raced with. */
function orAborted<T>(work: T | Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}
