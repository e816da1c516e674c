/**
 * The door of the library: every operation says what it takes, and whatever else a program gives is refused before anything is
 * done. A field that is not known would be an option that is silently left out: a write that was to be conditional is not.
 */
import { types } from 'node:util';
import { asSwampError, isSystemError, SwampError } from '../errors.js';
import { kindOf } from '../store/stage.js';

/** What a field may hold. */
export interface InputField {
  /** Goes on where "must be" ends. */
  readonly what: string;
  readonly needed: boolean;
  is(value: unknown): boolean;
}

/** One for each field that there is: the compiler asks for those that are missing. */
export type InputFields<T> = { readonly [K in keyof Required<T>]: InputField };

function field(what: string, is: (value: unknown) => boolean): InputField {
  return { what, needed: false, is };
}

/** The same, and it must be given. */
export function needed(optional: InputField): InputField {
  return { ...optional, needed: true };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const TEXT = field('a text', (value) => typeof value === 'string');
export const SWITCH = field('true or false', (value) => typeof value === 'boolean');
export const TEXTS = field('a list of texts', (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'));
export const PAIRS = field('an object whose values are texts', (value) => isRecord(value) && Object.values(value).every((one) => typeof one === 'string'));
export const TEXT_OR_BYTES = field('text or bytes', (value) => typeof value === 'string' || types.isUint8Array(value));
/** Looked at by none but its reader. */
export const ANYTHING = field('a value', () => true);
export const ITEMS = field(
  'an iterable of items',
  (value) => typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value),
);
export const FUNCTION = field('a function', (value) => typeof value === 'function');
export const REPORTER = field(
  'an object with info, warn and debug',
  (value) => isRecord(value) && ['info', 'warn', 'debug'].every((name) => typeof value[name] === 'function'),
);
export const SIGNAL = field('an AbortSignal', (value) => value instanceof AbortSignal);

/** A whole number, both ends included. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): InputField {
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  return field(`a whole number ${range}`, (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most);
}

function isFileName(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

/** What a version or a part is made of. */
export const SOURCE = field('text, bytes, a stream or iterable of these, or { file }', (value) => {
  if (typeof value === 'string') return true;
  if (typeof value !== 'object' || value === null) return false;
  if (ArrayBuffer.isView(value)) return types.isUint8Array(value);
  return Symbol.asyncIterator in value || Symbol.iterator in value || ('file' in value && isFileName(value.file));
});

/**
 * Throws `usage` unless `given` has what `fields` need, and nothing else. A value is never repeated in the message: it may be
 * a content, or a secret.
 */
export function accept(operation: string, given: unknown, fields: Readonly<Record<string, InputField>>): void {
  const problem = problemOf(given, fields);
  if (problem === undefined) return;
  const known = Object.entries(fields).map(([name, { needed: must }]) => (must ? name : `${name}?`));
  throw new SwampError('usage', `${operation}: ${problem}.`, {
    hint: known.length === 0 ? 'It takes no fields.' : `It takes ${known.join(', ')}.`,
    data: { operation },
  });
}

function problemOf(given: unknown, fields: Readonly<Record<string, InputField>>): string | undefined {
  if (!isRecord(given)) return `an object is expected, not ${kindOf(given)}`;
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(fields, name));
  if (unknown !== undefined) return `there is no field ${JSON.stringify(unknown.slice(0, 100))}`;
  for (const [name, { what, needed: must, is }] of Object.entries(fields)) {
    const value = given[name];
    if (value === undefined ? must : !is(value)) return `"${name}" must be ${what}, not ${typeof value === 'number' ? value : kindOf(value)}`;
  }
  return undefined;
}

/** Fields whose names are not those of their flags. */
const FIELD_OF: Readonly<Record<string, string>> = { 'lock-timeout': 'lockTimeoutMs', 'repo-dir': 'dir', input: 'inputs' };

/** What the system refuses is a SwampError, too, and a flag is called by the name of its field; a command to type stays as it is, and so does the reason of a signal. */
export function forProgram(thrown: unknown): unknown {
  if (!(thrown instanceof SwampError) && !isSystemError(thrown)) return thrown;
  const error = asSwampError(thrown);
  const [message, hint] = [inFields(error.message), error.hint === undefined ? undefined : inFields(error.hint)];
  if (message === error.message && hint === error.hint) return error;
  const { code, data, cause, stack } = error;
  const worded = new SwampError(code, message, { data, ...(hint === undefined ? {} : { hint }), ...(cause === undefined ? {} : { cause }) });
  if (stack !== undefined) worded.stack = stack.replace(error.message, () => message);
  return worded;
}

function inFields(text: string): string {
  return text.replaceAll(/"swamp [^"]*"|\bswamp [a-z].*|--([a-z][a-z-]*)/g, (all, flag: string | undefined) =>
    flag === undefined ? all : (FIELD_OF[flag] ?? flag.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())),
  );
}
