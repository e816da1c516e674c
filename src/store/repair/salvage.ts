/** What can still be read in a record that does not parse: enough to count on from. Never taken for more than a lower bound. */
import { MAX_EPOCH } from '../../locks/fence.js';
import { readPlain } from '../check/plain.js';
import { MAX_TEXTS_BYTES } from '../metadata.js';

export interface Salvaged {
  readonly name?: string;
  readonly generation?: number;
  readonly floor?: number;
}

/** Throws the system's error for what cannot be read at all (P7): nothing is counted on from a guess. */
export function salvage(path: string): Salvaged {
  const text = readableText(path);
  if (text === undefined) return {};
  const [name, generation, floor] = [textIn(text, 'name'), numberIn(text, 'generation'), numberIn(text, 'floor')];
  return {
    ...(name === undefined ? {} : { name }),
    ...(generation === undefined ? {} : { generation }),
    ...(floor === undefined ? {} : { floor }),
  };
}

/** The text of a plain file of the size of any record; undefined for anything else. */
export function readableText(path: string): string | undefined {
  const plain = readPlain(path, MAX_TEXTS_BYTES);
  return 'text' in plain ? plain.text : undefined;
}

/** The highest number that follows this key; a truncated one is lower than it was. A number above what a fence can count is ignored. */
export function numberIn(text: string, key: string): number | undefined {
  const found = [...text.matchAll(new RegExp(`"${key}"\\s*:\\s*([0-9]{1,13})(?![0-9])`, 'g'))].map((match) => Number(match[1])).filter((n) => n <= MAX_EPOCH);
  return found.length === 0 ? undefined : Math.max(...found);
}

/** The first whole JSON text behind this key. */
export function textIn(text: string, key: string): string | undefined {
  const match = new RegExp(`"${key}"\\s*:\\s*("(?:[^"\\\\\\u0000-\\u001f]|\\\\.)*")`).exec(text);
  if (match === null) return undefined;
  try {
    return String(JSON.parse(match[1] ?? ''));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
