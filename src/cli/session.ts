/** The requests of a session: read one by one, run at once, so many at a time, and answered as they end. */
import { isUtf8 } from 'node:buffer';
import { atMost } from '../at-most.js';
import { asSwampError, SwampError } from '../errors.js';
import type { OpenRepo } from '../library/library.js';
import { nearest } from '../models/suggest.js';
import { fromBase64 } from '../operations/batch-items.js';
import type { DataGetResult } from '../operations/data-content.js';
import { type JsonLine, jsonLinesOf, objectIn } from './ndjson.js';
import { print } from './output.js';
import { writeOutputFile } from './output-file.js';
import { errorFields } from './render/error.js';

/** So many requests run at once, and so many bytes of them: while they do, no other is read. */
const MOST_RUNNING = 64;
const MOST_BYTES = 64 * 1024 * 1024;
/** Of a content inside a request or a reply. Bytes. */
const MAX_INLINE_BYTES = 16 * 1024 * 1024;

type Fields = Readonly<Record<string, unknown>>;
type Act = (args: Fields, options: { readonly signal: AbortSignal }) => Promise<unknown>;

export interface Served {
  /** Where the requests come from. */
  readonly source: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  /** The directory below which no content is written to a file. */
  readonly spared: string;
}

/** Answers each request until the requests end, or the signal fires: then what runs is ended. Throws what stdin or stdout fail with. */
export async function serve(repo: OpenRepo, { source, signal, spared }: Served): Promise<void> {
  const acts = actsOf(repo, spared);
  const broken = new AbortController();
  const ending = AbortSignal.any([signal, broken.signal]);
  const running = new Set<Promise<void>>();
  let bytes = 0;
  let printed: Promise<void> = Promise.resolve();
  // One after the other: a long reply goes out in pieces, and none may come between them.
  const reply = (text: object): Promise<void> => {
    printed = printed.then(() => print(`${JSON.stringify(text)}\n`));
    return printed;
  };
  const requests = jsonLinesOf(source)[Symbol.asyncIterator]();
  try {
    for (;;) {
      while (running.size >= MOST_RUNNING || bytes >= MOST_BYTES) await Promise.race(running);
      const next = await untilEnding(requests.next(), ending);
      if (next === undefined || next.done === true) break;
      const line = next.value;
      const size = line.bytes?.length ?? 0;
      bytes += size;
      const work = answer(acts, line, ending, reply)
        .catch((error: unknown) => broken.abort(error))
        .finally(() => {
          bytes -= size;
          running.delete(work);
        });
      running.add(work);
    }
  } finally {
    await Promise.all(running);
  }
  if (broken.signal.aborted) throw broken.signal.reason;
}

/** Undefined when the session ends before. */
async function untilEnding<T>(work: Promise<T>, ending: AbortSignal): Promise<T | undefined> {
  if (ending.aborted) return undefined;
  let end = (): void => undefined;
  const ended = new Promise<undefined>((resolve) => {
    end = () => resolve(undefined);
    ending.addEventListener('abort', end, { once: true });
  });
  return Promise.race([work, ended]).finally(() => ending.removeEventListener('abort', end));
}

type Reply = (text: object) => Promise<void>;

/** Throws what stdout fails with. A request that the end of the session has ended is not answered. */
async function answer(acts: ReadonlyMap<string, Act>, line: JsonLine, signal: AbortSignal, reply: Reply): Promise<void> {
  let id: unknown = null;
  let text: object;
  try {
    const { value } = objectIn(line);
    if (typeof value['id'] === 'string' || typeof value['id'] === 'number') id = value['id'];
    text = { id, result: (await carryOut(acts, value, signal)) ?? null };
  } catch (error) {
    if (signal.aborted) return;
    text = { id, error: errorFields(asSwampError(error)) };
  }
  await reply(text);
}

async function carryOut(acts: ReadonlyMap<string, Act>, { id, op, args = {}, ...more }: Fields, signal: AbortSignal): Promise<unknown> {
  const [unknown] = Object.keys(more);
  if (unknown !== undefined)
    throw new SwampError('usage', `A request has no field ${JSON.stringify(unknown.slice(0, 100))}.`, { hint: 'It takes id, op, args?.' });
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number')
    throw new SwampError('usage', 'The id of a request must be a text or a number.');
  if (typeof op !== 'string')
    throw new SwampError('usage', 'A request needs an "op", a text.', { hint: 'For example: {"id":1,"op":"data.list","args":{"model":"m"}}' });
  const act = acts.get(op);
  if (act === undefined) throw unknownOperation(op, [...acts.keys()]);
  if (typeof args !== 'object' || args === null || Array.isArray(args)) throw new SwampError('usage', `${op}: "args" must be an object.`);
  return act(args as Fields, { signal });
}

function unknownOperation(op: string, known: readonly string[]): SwampError {
  const why = WITHOUT.get(op);
  if (why !== undefined) return new SwampError('usage', `A session has no ${op}: ${why}.`);
  const meant = nearest(op, known);
  return new SwampError('usage', `There is no operation ${JSON.stringify(op.slice(0, 100))}.`, {
    hint: `${meant === undefined ? '' : `Did you mean "${meant}"? `}The operations are those of the library: ${known.join(', ')}.`,
  });
}

/** Operations that a request and one reply cannot carry. */
const WITHOUT: ReadonlyMap<string, string> = new Map([
  ['data.batch', 'its requests run at once already, and share locks'],
  ['data.watch', 'it has no end'],
  ['model.exec', 'its command would read and write the streams of the session'],
]);

/** The operations of the library, by their names there. */
function actsOf(repo: OpenRepo, spared: string): ReadonlyMap<string, Act> {
  const acts = new Map<string, Act>();
  const add = (name: string, method: unknown): void => {
    if (typeof method !== 'function' || WITHOUT.has(name)) return;
    acts.set(name, (args, options) => (method.length === 1 ? method(options) : method(withSource(args), options)) as Promise<unknown>);
  };
  for (const [name, group] of Object.entries(repo)) {
    if (typeof group !== 'object') add(name, group);
    else for (const [method, act] of Object.entries(group)) add(`${name}.${method}`, act);
  }
  acts.set('data.get', (args, options) => get(repo, args, { ...options, spared }));
  return acts;
}

/** Bytes come as `{"source": {"base64": "..."}}`. */
function withSource(args: Fields): Fields {
  const { source } = args;
  if (typeof source === 'string' && Buffer.byteLength(source) > MAX_INLINE_BYTES) throw tooLarge();
  if (typeof source !== 'object' || source === null || !('base64' in source) || typeof source.base64 !== 'string') return args;
  const bytes = fromBase64(source.base64);
  if (bytes.length > MAX_INLINE_BYTES) throw tooLarge();
  return { ...args, source: bytes };
}

function tooLarge(): SwampError {
  return new SwampError('usage', `A content inside a request has at most ${MAX_INLINE_BYTES} bytes.`, {
    hint: 'Write it to a file, and name that: "source": {"file": "..."}.',
  });
}

/** So many larger contents are in memory at once. */
const few = atMost(4);
const SMALL_BYTES = 256 * 1024;

/** The record with the content, as text or as Base64; or, with `file`, the content in that file. */
async function get(repo: OpenRepo, { file, ...args }: Fields, { signal, spared }: Pick<Served, 'signal' | 'spared'>): Promise<object> {
  if (file !== undefined && (typeof file !== 'string' || file === '')) throw new SwampError('usage', 'data.get: "file" must be a path.');
  const found = await repo.data.get(args as unknown as Parameters<OpenRepo['data']['get']>[0], { signal });
  const { record } = found;
  if (typeof file === 'string') {
    await writeOutputFile(file, found.openContent(), { signal, spared });
    return record;
  }
  if (record.size > MAX_INLINE_BYTES)
    throw new SwampError('usage', `The content has ${record.size} bytes; at most ${MAX_INLINE_BYTES} go into a reply.`, {
      hint: 'Let it be written to a file: "args": {..., "file": "PATH"}.',
    });
  return record.size <= SMALL_BYTES ? inline(found) : few(() => inline(found));
}

async function inline(found: DataGetResult): Promise<object> {
  const bytes = await found.bytes();
  return { ...found.record, ...(isUtf8(bytes) ? { content: bytes.toString() } : { content: bytes.toString('base64'), contentEncoding: 'base64' }) };
}
