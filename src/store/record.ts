/**
 * The fields of a record as a table. One table judges a record wherever it is read (a command, a check, a backup, its
 * verification, a restore): with two, one of them takes for whole what another one calls damaged.
 */
import { isModelId } from '../layout/layout.js';
import { isArtifactName } from '../layout/names.js';
import { parseGc, parseLifetime } from './lifetimes.js';

/** Ends the look at a record. `why` follows the name of what is wrong: `is not a string`; `at` is where in the value that is, `ownerDefinition.ownerType`. */
export type Wrong = (why: string, at?: string) => never;

/** Judges one value and answers what it is. */
export type Field<T> = (value: unknown, wrong: Wrong) => T;

type Shape = Readonly<Record<string, Field<unknown>>>;
type OptionalKeys<S extends Shape> = { [K in keyof S]: undefined extends ReturnType<S[K]> ? K : never }[keyof S];
type Of<S extends Shape> = { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: ReturnType<S[K]> } & {
  readonly [K in OptionalKeys<S>]?: Exclude<ReturnType<S[K]>, undefined>;
};

/** An object with these fields, in this order; others are ignored, and no key of the source ever reaches a prototype. */
export function record<S extends Shape>(shape: S): Field<Of<S>> {
  const fields = Object.entries(shape);
  return (value, wrong) => {
    const given = membersOf(value, wrong);
    const members = fields.map(([key, field]) => [key, field(given.get(key), below(wrong, key))] as const);
    return Object.fromEntries(members.filter(([, member]) => member !== undefined)) as Of<S>;
  };
}

/** An object with any keys that `key` takes, and values of one kind. */
export function mapOf<T>(key: Field<string>, field: Field<T>): Field<Readonly<Record<string, T>>> {
  return (value, wrong) =>
    Object.fromEntries([...membersOf(value, wrong)].map(([name, member]) => [key(name, below(wrong, name)), field(member, below(wrong, name))]));
}

export function listOf<T>(field: Field<T>): Field<readonly T[]> {
  return (value, wrong) => (Array.isArray(value) ? value.map((item: unknown, i) => field(item, below(wrong, String(i + 1)))) : wrong('is not a list'));
}

export function optional<T>(field: Field<T>): Field<T | undefined> {
  return (value, wrong) => (value === undefined ? undefined : field(value, wrong));
}

export function orNull<T>(field: Field<T>): Field<T | null> {
  return (value, wrong) => (value === null ? null : field(value, wrong));
}

function below(wrong: Wrong, key: string): Wrong {
  return (why, at) => wrong(why, at === undefined ? key : `${key}.${at}`);
}

function membersOf(value: unknown, wrong: Wrong): ReadonlyMap<string, unknown> {
  if (value instanceof Map) return value;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : wrong('is not an object');
}

/** A string for which `holds`. */
export function textThat(holds: (value: string) => boolean, what: string): Field<string> {
  return (value, wrong) => (typeof value === 'string' && holds(value) ? value : wrong(`is not ${what}`));
}

/** One of these strings. */
export function oneOf<T extends string>(...values: readonly T[]): Field<T> {
  return textThat((value) => values.some((one) => one === value), `one of ${values.join(', ')}`) as Field<T>;
}

const TIME = /^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]+)?Z$/;

export const text = textThat(() => true, 'a string');
export const modelId = textThat(isModelId, 'a UUID');
export const artifactName = textThat(isArtifactName, 'a name that an artifact can have');
export const checksum = textThat((value) => /^[0-9a-f]{64}$/.test(value), '64 hex digits');
/** RFC 3339 in UTC (B14). */
export const time = textThat((value) => TIME.test(value) && !Number.isNaN(Date.parse(value)), 'a time of RFC 3339 in UTC');
export const lifetime = textThat((value) => parseLifetime(value) !== undefined, 'a lifetime');
export const garbageCollection = textThat((value) => parseGc(value) !== undefined, 'a garbage-collection rule');
export const tags = mapOf(text, text);
export const natural: Field<number> = (value, wrong) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : wrong('is not a whole number');
export const flag: Field<boolean> = (value, wrong) => (typeof value === 'boolean' ? value : wrong('is neither true nor false'));
