/** What a Node program gets of a version: its record, and its content, which is opened when it is read and belongs to one reader. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { asSwampError, isSystemError, SwampError } from '../errors.js';
import type { Model } from '../models/files.js';
import type { Repo } from '../repo.js';
import { chunksOf, closeContent } from '../store/content.js';
import { type DataGetInput, dataGetOf, findRecord, type OpenData, requireInMemory } from './data-get.js';
import type { DataRecord } from './data-record.js';
import { operation } from './operation.js';

/** A version, looked up. Nothing is open until the content is read; it is read once, in one of the three ways. */
export interface DataGetResult extends AsyncDisposable {
  readonly record: DataRecord;
  /**
   * The content as a stream. The first byte asked for opens it; from then on a delete does not disturb it. One that was
   * deleted earlier ends it as `version_not_found`. Read it to its end or destroy it.
   */
  openContent(): Readable;
  /** The whole content. Throws `usage` above 64 MiB. */
  bytes(): Promise<Buffer>;
  /** The whole content as UTF-8. Throws `usage` above 64 MiB. */
  text(): Promise<string>;
}

/** Throws as `dataGet`. */
export const dataContent = operation({ verb: 'data get', access: 'reads' }, lookUp);

async function lookUp(repo: Repo, input: DataGetInput, { signal }: { readonly signal: AbortSignal }): Promise<DataGetResult> {
  const { model, record } = await findRecord(repo, input, { signal });
  let taken = false;
  let stream: Readable | undefined;
  const take = (): AsyncGenerator<Buffer> => {
    if (taken) throw readBefore(record);
    taken = true;
    return read(repo, model, record, signal);
  };
  const bytes = async (): Promise<Buffer> => {
    requireInMemory(record, 'Read it piece by piece: openContent().');
    const chunks: Buffer[] = [];
    for await (const chunk of take()) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  return {
    record,
    openContent: () => {
      stream = asStream(take(), signal);
      return stream;
    },
    bytes,
    text: async () => (await bytes()).toString(),
    [Symbol.asyncDispose]: async () => {
      taken = true;
      if (stream === undefined || stream.closed) return;
      const closed = once(stream, 'close');
      stream.destroy();
      await closed;
    },
  };
}

/** A stream that ends with the reason of the signal, also while it is not read. */
function asStream(chunks: AsyncGenerator<Buffer>, signal: AbortSignal): Readable {
  const stream = Readable.from(chunks, { objectMode: false });
  const abort = (): void => void stream.destroy(signal.reason as Error);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return stream.once('close', () => signal.removeEventListener('abort', abort));
}

async function* read(repo: Repo, model: Model, record: DataRecord, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    const { content } = await openAgain(repo, model, record, signal);
    try {
      yield* chunksOf(content, record.name, signal);
    } finally {
      closeContent(content);
    }
  } catch (error) {
    throw isSystemError(error) ? asSwampError(error) : error;
  }
}

/** The very version that was looked up, wherever it is now. */
async function openAgain(repo: Repo, model: Model, record: DataRecord, signal: AbortSignal): Promise<OpenData> {
  const { name, version } = record;
  let opened: OpenData;
  try {
    opened = await dataGetOf(repo, { model, name, version }, { signal });
  } catch (error) {
    throw error instanceof SwampError && GONE.has(error.code) ? deletedSince(record) : error;
  }
  if (opened.record.id === record.id) return opened;
  closeContent(opened.content);
  throw deletedSince(record);
}

const GONE: ReadonlySet<string> = new Set(['model_not_found', 'data_not_found', 'version_not_found']);

function deletedSince({ name, version, modelName }: DataRecord): SwampError {
  return new SwampError('version_not_found', `Version ${version} of ${JSON.stringify(name)} was deleted before it was read.`, {
    hint: 'Get it again.',
    data: { model: modelName, name, version },
  });
}

function readBefore({ name, version }: DataRecord): SwampError {
  return new SwampError('usage', `The content of version ${version} of ${JSON.stringify(name)} was read or disposed of before.`, {
    hint: 'Get it again for another reader: each result is read once.',
    data: { name, version },
  });
}
