/** Lines of JSON: read piece by piece in bounded memory, however long the stream or one of its lines is; and where a value is in its text. */
import { isUtf8 } from 'node:buffer';
import { SwampError } from '../errors.js';

/** Of one line. A content of 16 MiB fits, also as Base64. */
export const MAX_JSON_LINE_BYTES = 32 * 1024 * 1024;

const NEWLINE = 10;

export interface JsonLine {
  /** From 1; empty lines count. */
  readonly number: number;
  /** Without its end; undefined for a line that is too long. */
  readonly bytes: Buffer | undefined;
}

/** The lines of a stream that are not blank; the last one needs no end. */
export async function* jsonLinesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<JsonLine> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  const add = (bytes: Uint8Array): void => {
    length += bytes.length;
    if (length > MAX_JSON_LINE_BYTES) parts = [];
    else if (bytes.length > 0) parts.push(bytes);
  };
  const line = (): JsonLine | undefined => {
    const bytes = length > MAX_JSON_LINE_BYTES ? undefined : Buffer.concat(parts);
    const ended = { number: number++, bytes };
    parts = [];
    length = 0;
    return bytes !== undefined && isBlank(bytes) ? undefined : ended;
  };
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, end));
      from = end + 1;
      const ended = line();
      if (ended !== undefined) yield ended;
    }
    add(chunk.subarray(from));
  }
  const last = line();
  if (last !== undefined) yield last;
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 32 || byte === 9 || byte === 13);
}

/** The JSON object in a line, and its text. Throws `usage`. */
export function objectIn({ bytes }: JsonLine): { readonly text: string; readonly value: Readonly<Record<string, unknown>> } {
  if (bytes === undefined) {
    throw new SwampError('usage', `The line is longer than ${MAX_JSON_LINE_BYTES} bytes.`, {
      hint: 'Write the content to a file and name that: {"file": "..."}.',
      data: { most: MAX_JSON_LINE_BYTES },
    });
  }
  if (!isUtf8(bytes)) throw new SwampError('usage', 'The line is not valid UTF-8.', { hint: 'Give bytes as Base64.' });
  const text = bytes.toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SwampError('usage', 'The line is not JSON.', { hint: 'Each line is one JSON object; a line break inside a text is written as \\n.' });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SwampError('usage', 'The line is not a JSON object.', { hint: 'Each line is one object: {...}.' });
  return { text, value: value as Record<string, unknown> };
}

/** The text of the value of a field, as it is in the text of an object: parsed and written again, a large number would be another one. */
export function sourceOfField(text: string, field: string): string | undefined {
  let found: string | undefined;
  let depth = 0;
  let key: string | undefined;
  let start = -1;
  const end = (at: number): void => {
    if (key === field && start >= 0) found = text.slice(start, at).trim();
    key = undefined;
    start = -1;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      const from = at;
      for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++;
      // The first text of a member is its name.
      if (depth === 1 && key === undefined && start < 0) key = JSON.parse(text.slice(from, at + 1)) as string;
    } else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') {
      if (depth === 1) end(at);
      depth--;
    } else if (depth === 1 && char === ':') start = at + 1;
    else if (depth === 1 && char === ',') end(at);
  }
  return found;
}
