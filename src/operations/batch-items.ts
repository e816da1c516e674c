/** The items of a batch: what they may say, how they are read ahead, and whether one can be stored, as far as it can be seen before. */
import { SwampError } from '../errors.js';
import { checkArtifactName } from '../layout/names.js';
import type { Model } from '../models/files.js';
import type { Repo } from '../repo.js';
import type { SourceDemands, SourceInput } from '../store/source.js';
import type { VersionFields } from '../store/stage.js';
import { type DataPutResult, modelFor, type VersionInput, versionFields } from './data-put.js';
import { ReadAhead } from './read-ahead.js';

/** One version to store. Its content is exactly one of `content`, `contentBase64`, `json` and `file`. */
export interface BatchItem extends Omit<VersionInput, 'model' | 'create'> {
  /** Name or id. Default: that of the batch. */
  readonly model?: string;
  readonly content?: string | Uint8Array;
  readonly contentBase64?: string;
  /** Stored as JSON text; the content type is `application/json` unless another is given. */
  readonly json?: unknown;
  /** The file to read the content from. */
  readonly file?: string;
}

/** An item from a place of its own in what it was read from: the line of a file that has blank lines, too. */
export class AtLine {
  readonly line: number;
  readonly item: BatchItem | Error;

  constructor(line: number, item: BatchItem | Error) {
    this.line = line;
    this.item = item;
  }
}

export interface DataBatchInput extends SourceDemands {
  /** Name or id of the model of each item that names none. */
  readonly model?: string;
  /** An item that is an Error is answered by it: for a source that cannot give every item. */
  readonly items: AsyncIterable<BatchItem | AtLine | Error> | Iterable<BatchItem | AtLine | Error>;
  /** Makes a `store` model of a name when there is none. */
  readonly create?: boolean;
  /** All items, of one model and of different names, at most 10,000 of them, are stored by one commit, or none is. */
  readonly atomic?: boolean;
}

/** So many items are stored together at most; other writers of their model wait meanwhile. */
export const MOST_ITEMS = 256;
/** So much content is held in memory for them. Bytes. */
export const MOST_BYTES = 8 * 1024 * 1024;

/** An item that can be stored, as far as it can be seen. */
export interface Storable {
  readonly line: number;
  readonly item: VersionInput;
  readonly model: Model;
  readonly source: SourceInput;
  readonly fields: VersionFields;
}

export type Judged = Storable | { readonly line: number; readonly error: unknown };
/** What became of an item. `line`: its place in the stream, from 1, unless it said another one. */
export type BatchResult = ({ readonly line: number } & DataPutResult) | { readonly line: number; readonly error: SwampError };

/** An item as it was given, not judged yet. */
export interface Given {
  readonly line: number;
  readonly item: BatchItem | Error;
}

export function readAhead({ items }: DataBatchInput, signal: AbortSignal): ReadAhead<Given> {
  return new ReadAhead<Given>(numbered(items), { most: MOST_ITEMS, mostBytes: MOST_BYTES, sizeOf, signal });
}

async function* numbered(items: DataBatchInput['items']): AsyncGenerator<Given> {
  let line = 0;
  for await (const item of items) {
    line++;
    yield item instanceof AtLine ? item : { line, item };
  }
}

/** About what an item takes in memory. */
function sizeOf({ item }: Given): number {
  const { content, contentBase64 } = item instanceof Error ? {} : item;
  return [content, contentBase64].reduce<number>((sum, one) => sum + (typeof one === 'string' || one instanceof Uint8Array ? one.length : 0), 1_000);
}

/** Judges items of one group: each model is looked up once. */
export function judging(repo: Repo, { model: ofBatch, create = false }: DataBatchInput, signal: AbortSignal): (given: Given) => Promise<Judged> {
  const models = new Map<string, Model>();
  return async ({ line, item: given }) => {
    try {
      if (given instanceof Error) throw given;
      const { model: named = ofBatch, ...item } = given;
      if (named === undefined) throw new SwampError('usage', 'An item needs a model.', { hint: 'Give it a "model", or name one for the whole batch.' });
      checkArtifactName(item.name);
      const { source, ...more } = contentOf(item);
      const version = { ...item, ...more, model: named, create };
      const fields = versionFields(version, 'data put');
      const model = models.get(named) ?? (await modelFor(repo, version, { signal }));
      models.set(named, model);
      return { line, item: version, model, source, fields };
    } catch (error) {
      signal.throwIfAborted();
      return { line, error };
    }
  };
}

const CONTENTS = ['content', 'contentBase64', 'json', 'file'] as const;

function contentOf(item: Omit<BatchItem, 'model'>): { readonly source: SourceInput; readonly contentType?: string } {
  const given = CONTENTS.filter((name) => item[name] !== undefined);
  if (given.length !== 1)
    throw new SwampError('usage', `An item needs exactly one content; this one has ${given.length === 0 ? 'none' : given.join(' and ')}.`, {
      hint: `Give one of ${CONTENTS.join(', ')}.`,
    });
  const { content, contentBase64, json, file } = item;
  if (content !== undefined) return { source: content };
  if (contentBase64 !== undefined) return { source: fromBase64(contentBase64) };
  if (file !== undefined) return { source: { file } };
  return { source: JSON.stringify(json), contentType: item.contentType ?? 'application/json' };
}

/** Node reads around what is not Base64; what was stored would not be what was meant. Throws `usage`. */
export function fromBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') === text) return bytes;
  throw new SwampError('usage', 'The content is not valid Base64.', {
    hint: 'The standard alphabet, with its padding, and without line breaks: base64 -w0 FILE',
  });
}
