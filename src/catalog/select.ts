/** Finds versions in a catalog: by a predicate, in an order, from a place on. */
import { SwampError } from '../errors.js';
import type { yielding } from '../event-loop.js';
import type { Repo } from '../repo.js';
import { type Expression, type FieldValues, fromJson } from './cel.js';
import { conditionsOf } from './conditions.js';
import { contentText, jsonOf } from './content.js';
import type { Database, SqlRow, SqlValue } from './driver.js';
import { COLUMNS, columnOf, QUERY_FIELDS } from './fields.js';
import type { QueryRecord } from './record.js';
import { FROM } from './schema.js';

export interface Selection {
  readonly predicate: Expression;
  readonly orderBy: string | undefined;
  readonly desc: boolean;
  readonly limit: number;
  /** What an earlier answer gave as `next`. */
  readonly after: string | undefined;
}

/** Also those that are not the latest, where the predicate speaks of that. */
export function concernsAllVersions({ fields }: Expression): boolean {
  return fields.has('version') || fields.has('isLatest');
}

const COLUMN_LIST = COLUMNS.map(({ name, column }) => `${column} as "${name}"`).join(', ');

/** The records, one more than the limit where there are more. Throws `usage`, SqlError, the reason of the signal. */
export async function select(
  { repo, database, pass }: { readonly repo: Repo; readonly database: Database; readonly pass: ReturnType<typeof yielding> },
  selection: Selection,
): Promise<readonly QueryRecord[]> {
  const { predicate, limit } = selection;
  const order = orderOf(selection);
  const { sql, values, exact } = conditionsOf(predicate.tree);
  const where = [...sql, ...(concernsAllVersions(predicate) ? [] : ['v.latest'])];
  const matching = exact ? { sql: where, values } : { sql: ['v.rowid in (select value from json_each(?))'], values: [await matches()] };
  const all = [...matching.sql, ...order.where];
  const most = Number.isFinite(limit) ? ` limit ${limit + 1}` : '';
  const rows = database.each(`select ${COLUMN_LIST} from ${FROM} where ${all.join(' and ') || 'true'} order by ${order.by}${most}`, [
    ...matching.values,
    ...order.values,
  ]);
  const records: QueryRecord[] = [];
  for (const row of rows) {
    await pass();
    records.push(recordOf(row));
  }
  return records;

  /** The rows that the whole predicate takes, as a JSON list. */
  async function matches(): Promise<string> {
    const wanted = neededFor(predicate).map((name) => `${columnOf(name)} as "${name}"`);
    const found: number[] = [];
    const rows = database.each(`select ${['v.rowid as "row"', ...wanted].join(', ')} from ${FROM} where ${where.join(' and ') || 'true'}`, values);
    for (const row of rows) {
      await pass();
      if (predicate.evaluate(valuesOf(repo, row, predicate.fields)) === true) found.push(Number(row['row']));
    }
    return JSON.stringify(found);
  }
}

/** The columns that the values of an expression are made of. */
function neededFor({ fields }: Expression): string[] {
  const readsContent = fields.has('attributes') || fields.has('content');
  const names = new Set([...fields, ...(readsContent ? ['modelId', 'name', 'version', 'contentType'] : [])]);
  return COLUMNS.flatMap(({ name }) => (names.has(name) ? [name] : []));
}

/** What an expression may mention of a version. */
export function valuesOf(repo: Repo, row: Readonly<Record<string, unknown>>, fields: ReadonlySet<string>): FieldValues {
  const values: Record<string, unknown> = {};
  for (const { name, cel, column } of QUERY_FIELDS) if (column !== undefined && fields.has(name)) values[name] = celValue(cel, row[name]);
  if (!fields.has('attributes') && !fields.has('content')) return values;
  const text = contentText(repo, { modelId: String(row['modelId']), name: String(row['name']), version: Number(row['version']) });
  if (fields.has('content') && text !== undefined) values['content'] = text;
  if (fields.has('attributes')) values['attributes'] = fromJson(jsonOf(text, String(row['contentType'])) ?? {});
  return values;
}

function celValue(cel: string, value: unknown): unknown {
  if (cel === 'int') return BigInt(value as number);
  if (cel === 'bool') return Boolean(value);
  return cel.startsWith('map') ? tagsOf(value) : value;
}

function tagsOf(value: unknown): ReadonlyMap<string, string> {
  return new Map(Object.entries(typeof value === 'string' ? (JSON.parse(value) as object) : (value as object)));
}

function recordOf(row: SqlRow): QueryRecord {
  return { ...row, isLatest: Boolean(row['isLatest']), tags: JSON.parse(String(row['tags'])) } as unknown as QueryRecord;
}

/** Behind these three no two versions are alike. */
const PLACE = ['m.name', 'v.name', 'v.version'];

interface Order {
  readonly by: string;
  readonly where: readonly string[];
  readonly values: readonly SqlValue[];
}

function orderOf({ orderBy, desc, after }: Selection): Order {
  const field = orderBy === undefined ? undefined : sortable(orderBy);
  const from = after === undefined ? undefined : placeIn(after, orderBy);
  const place = `(${PLACE.join(', ')})`;
  if (field === undefined) {
    const by = PLACE.map((column) => `${column}${desc ? ' desc' : ''}`).join(', ');
    return from === undefined ? { by, where: [], values: [] } : { by, where: [`${place} ${desc ? '<' : '>'} (?, ?, ?)`], values: from.slice(1) };
  }
  const by = [`${field}${desc ? ' desc' : ''}`, ...PLACE].join(', ');
  if (from === undefined) return { by, where: [], values: [] };
  return { by, where: [`(${field} ${desc ? '<' : '>'} ? or (${field} = ? and ${place} > (?, ?, ?)))`], values: [from[0] ?? null, ...from] };
}

/** Throws `usage`. */
function sortable(name: string): string {
  const column = columnOf(name);
  if (column !== undefined && name !== 'tags') return column;
  const fields = COLUMNS.flatMap((field) => (field.name === 'tags' ? [] : [field.name]));
  throw new SwampError('usage', `Versions cannot be sorted by ${JSON.stringify(name)}.`, {
    hint: `Sort by one of ${fields.join(', ')}.`,
    data: { field: name, fields },
  });
}

/** What must be given as `after` for what comes behind this record. */
export function placeAfter(record: QueryRecord, orderBy: string | undefined): string {
  const value = orderBy === undefined ? null : record[orderBy as keyof QueryRecord];
  const place = [orderBy ?? null, typeof value === 'boolean' ? Number(value) : value, record.modelName, record.name, record.version];
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** Value, model, name and version. Throws `usage`. */
function placeIn(after: string, orderBy: string | undefined): readonly SqlValue[] {
  let place: unknown;
  try {
    place = JSON.parse(Buffer.from(after, 'base64url').toString());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const scalar = (value: unknown): boolean => value === null || typeof value === 'string' || typeof value === 'number';
  if (Array.isArray(place) && place.length === 5 && place.every(scalar) && place[0] === (orderBy ?? null)) return place.slice(1) as SqlValue[];
  throw new SwampError('usage', `--after must be what an answer in this order gave as "next".`, { hint: 'Leave it out to begin at the first result.' });
}
