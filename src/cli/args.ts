/** The words and flags of one command line, read by name. Everything is text; what a text must look like is checked where it is read. */
import { SwampError } from '../errors.js';
import { parseMilliseconds } from '../timing.js';

export interface Args {
  /** The value of a flag or positional; undefined when it was not given. */
  text(name: string): string | undefined;
  /** The value of a positional that is not optional. */
  need(name: string): string;
  /** True when a switch was given. */
  has(name: string): boolean;
  /** Every value of a flag that may be given again. */
  list(name: string): readonly string[];
}

export function argsOf(values: ReadonlyMap<string, string | true | readonly string[]>): Args {
  const text = (name: string): string | undefined => {
    const value = values.get(name);
    return typeof value === 'string' ? value : undefined;
  };
  return Object.freeze({
    text,
    need: (name: string): string => {
      const value = text(name);
      if (value === undefined) throw new TypeError(`${name} is not a positional that must be given`);
      return value;
    },
    has: (name: string): boolean => values.get(name) === true,
    list: (name: string): readonly string[] => {
      const value = values.get(name);
      return Array.isArray(value) ? value : [];
    },
  });
}

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** The same without the fields that are undefined: an option that was not given is absent, not undefined. */
export function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}

/** The whole number that the flag was given, at least `least`. Throws `usage`. */
export function wholeNumber(args: Args, flag: string, least: number): number | undefined {
  const text = args.text(flag);
  if (text === undefined) return undefined;
  const value = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new SwampError('usage', `--${flag} must be a whole number from ${least} up, not ${JSON.stringify(text)}.`, { hint: `Example: --${flag} ${least + 2}` });
}

/** The milliseconds that the flag was given. Throws `usage`. */
export function milliseconds(args: Args, flag: string): number | undefined {
  const text = args.text(flag);
  return text === undefined ? undefined : parseMilliseconds(text, `--${flag}`);
}

/** The pairs of a flag that takes K=V, the last one of a key winning; undefined when it was not given. Throws `usage`. */
export function pairs(args: Args, flag: string): Record<string, string> | undefined {
  const texts = args.list(flag);
  if (texts.length === 0) return undefined;
  return keyValues(
    texts,
    (text) => new SwampError('usage', `--${flag} wants KEY=VALUE, not ${JSON.stringify(text)}.`, { hint: `Example: --${flag} env=prod` }),
  );
}

/** The words as pairs, the last one of a key winning. Throws what `refuse` answers for a word that is none. */
export function keyValues(texts: readonly string[], refuse: (text: string) => SwampError): Record<string, string> {
  const entries = texts.map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw refuse(text);
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  return Object.fromEntries(entries);
}
