/**
 * What a history consists of: one line before each call and one after it, in a file for each life of a worker; and a line
 * for whatever was done to the workers. All times are those of one clock, in milliseconds.
 */
import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { sharedClock } from './program.js';

/** The model whose method the workers run; its outputs are `result` and `log`. */
export const SHELL_MODEL = 'shell';
/** What stands for a life that nobody kills: the reading at the end. */
export const AUDIT = 'audit';

const LONG = `long/${'n'.repeat(230)}`;
/** Every artifact of a history, by model: plain, nested, two that differ by case only, one whose directory is a hash. */
export const WORLD: Readonly<Record<string, readonly string[]>> = {
  first: ['a', LONG],
  second: ['b', 'B'],
  [SHELL_MODEL]: ['result', 'log', 'a/b'],
};

export interface Place {
  readonly model: string;
  readonly name: string;
}

export const PLACES: readonly Place[] = Object.entries(WORLD).flatMap(([model, names]) => names.map((name) => ({ model, name })));

export function placeName({ model, name }: Place): string {
  return `${model} ${name.length > 20 ? `${name.slice(0, 8)}...` : name}`;
}

/** What is asked and what is answered, operation by operation. `by` is the token of the call that wrote what was seen. */
export interface Operations {
  put: { call: Place & { sha: string; expect?: number }; answer: { version: number; generation: number; checksum: string } };
  get: {
    call: Place & { version?: number };
    /** `checksum` is what the record says, `sha` that of the bytes that came. */
    answer: { version: number; generation: number; latest: boolean; checksum: string; sha: string; by: string | null };
  };
  versions: { call: Place; answer: { versions: readonly (readonly [version: number, checksum: string])[] } };
  list: { call: { model?: string }; answer: { items: readonly (Place & { version: number; by: string | null })[] } };
  delete: { call: Place & { version?: number }; answer: { count: number; already: boolean } };
  /** `data delete --prefix`. */
  clear: { call: { model: string; prefix: string }; answer: { count: number; failed: number } };
  check: { call: object; answer: { findings: readonly string[] } };
  sweep: { call: object; answer: { bytes: number } };
  /** `sha` is that of the log; `began` and `ended` are when the first and the last output came. */
  run: { call: { model: string; sha: string; exit: number }; answer: { result: number; log: number; began: number; ended: number } };
}

export type Op = keyof Operations;

/** What a failed call told, and for how long its process stood still meanwhile. */
export interface ToldError {
  readonly code: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly stalledMs: number;
  /** Of a method: whether its command had told anything. */
  readonly produced?: boolean;
}

/** One call as the history has it. Without an answer and an error, it is not known whether it took effect. */
export type Entry<K extends Op = Op> = {
  [P in K]: {
    /** `<worker>.<life>.<number>`: unique, and part of what the call writes. */
    readonly token: string;
    readonly op: P;
    readonly call: Operations[P]['call'];
    readonly from: number;
    /** When it returned; for one that never did, the time at which its process was seen to have ended. */
    readonly to: number;
    readonly answer?: Operations[P]['answer'];
    readonly error?: ToldError;
  };
}[K];

interface Called {
  readonly at: number;
  readonly token: string;
  readonly op: Op;
  readonly call: Operations[Op]['call'];
}

interface Returned {
  readonly at: number;
  readonly of: string;
  readonly answer?: Operations[Op]['answer'];
  readonly error?: ToldError;
}

/** What was done to a worker: `3.1` is the first life of worker 3. */
export interface Event {
  readonly at: number;
  readonly life: string;
  readonly what: 'start' | 'stop' | 'go' | 'kill' | 'dead' | 'end';
  readonly why?: string;
}

const SUFFIX = '.ndjson';
export const EVENTS = `events${SUFFIX}`;

export function logOf(directory: string, life: string): string {
  return join(directory, `${life}${SUFFIX}`);
}

/** Appends one line at once: what is written stays, whatever happens to the process. */
export function append(descriptor: number, line: object): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

export function appendCall(descriptor: number, token: string, op: Op, call: Operations[Op]['call']): void {
  append(descriptor, { at: sharedClock(), token, op, call } satisfies Called);
}

export function appendReturn(descriptor: number, of: string, end: Pick<Returned, 'answer' | 'error'>): void {
  append(descriptor, { at: sharedClock(), of, ...end } satisfies Returned);
}

export interface History {
  readonly entries: readonly Entry[];
  readonly events: readonly Event[];
}

/** Reads back what lies in `directory`. */
export function readHistory(directory: string): History {
  const events = linesOf<Event>(join(directory, EVENTS));
  const ended = new Map(events.flatMap(({ what, life, at }) => (what === 'dead' || what === 'end' ? [[life, at] as const] : [])));
  const lives = readdirSync(directory).flatMap((file) => (file.endsWith(SUFFIX) && file !== EVENTS ? [file.slice(0, -SUFFIX.length)] : []));
  return { events, entries: lives.flatMap((life) => entriesOf(linesOf(logOf(directory, life)), ended.get(life))) };
}

function entriesOf(lines: readonly (Called | Returned)[], endedAt: number | undefined): Entry[] {
  const entries: Entry[] = [];
  let open: Called | undefined;
  for (const line of lines) {
    if ('token' in line) {
      if (open !== undefined) throw new Error(`${open.token} was called and never returned, and ${line.token} came after it`);
      open = line;
    } else if (open?.token === line.of) {
      entries.push(entry(open, line.at, line));
      open = undefined;
    } else throw new Error(`${line.of} returned without a call`);
  }
  if (open !== undefined) {
    if (endedAt === undefined) throw new Error(`${open.token} never returned, and its process has not ended`);
    entries.push(entry(open, endedAt, {}));
  }
  return entries;
}

function entry({ token, op, call, at }: Called, to: number, { answer, error }: Pick<Returned, 'answer' | 'error'>): Entry {
  return { token, op, call, from: at, to, ...(answer === undefined ? {} : { answer }), ...(error === undefined ? {} : { error }) } as Entry;
}

/** How many calls have returned so far. */
export function countReturns(directory: string): number {
  const logs = readdirSync(directory).filter((file) => file.endsWith(SUFFIX) && file !== EVENTS);
  return logs.reduce((sum, file) => sum + readFileSync(join(directory, file), 'utf8').split(',"of":').length - 1, 0);
}

/** A process that was killed may have left half a line at the end. */
function linesOf<T>(file: string): T[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as T);
}
