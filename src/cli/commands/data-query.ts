/** `swamp data query PREDICATE` and `swamp data query --sql SELECT` */

import { SwampError } from '../../errors.js';
import type { DataQueryResult } from '../../operations/data-query.js';
import { type Args, given, wholeNumber } from '../args.js';
import type { Context, Outcome } from '../context.js';
import { unreadError } from '../render/listed.js';
import { queryNote, queryText } from '../render/query.js';
import { table } from '../render/text.js';

/** With --sql none of these has a meaning. */
const OF_PREDICATES = ['predicate', 'select', 'order-by', 'desc', 'limit', 'after'];

export async function run(context: Context): Promise<Outcome> {
  const { args } = context;
  const sql = args.text('sql');
  return sql === undefined ? byPredicate(context) : bySql(context, sql);
}

async function byPredicate({ args, openRepo, signal, page }: Context): Promise<Outcome> {
  const predicate = args.text('predicate');
  if (predicate === undefined) throw new SwampError('usage', 'A predicate is missing.', { hint: `Example: swamp data query 'size > 1000'` });
  const { dataQuery } = await import('../../operations/data-query.js');
  const input = given({
    predicate,
    select: args.text('select'),
    orderBy: args.text('order-by'),
    desc: args.has('desc') || undefined,
    limit: wholeNumber(args, 'limit', 1),
    after: args.text('after'),
  });
  const result = await dataQuery(openRepo(), { ...input, predicate }, { signal });
  return outcomeOf(result, () => queryText(result, page), queryNote(result));
}

async function bySql({ args, openRepo, signal }: Context, sql: string): Promise<Outcome> {
  requireAlone(args);
  const { dataSql } = await import('../../operations/data-sql.js');
  const result = await dataSql(openRepo(), { sql }, { signal });
  const { columns, rows } = result;
  const cells = rows.map((row) => row.map((value) => value ?? ''));
  return outcomeOf(result, () => (rows.length === 0 ? '' : table(columns, cells)), rows.length === 0 ? 'No rows.' : undefined);
}

function requireAlone(args: Args): void {
  const other = OF_PREDICATES.find((name) => args.has(name) || args.text(name) !== undefined);
  if (other === undefined) return;
  const name = other === 'predicate' ? 'a predicate' : `--${other}`;
  throw new SwampError('usage', `--sql says all by itself: it goes without ${name}.`, { hint: 'Put it into the SELECT: where, order by, limit.' });
}

function outcomeOf(result: Pick<DataQueryResult, 'failed'>, text: () => string, note: string | undefined): Outcome {
  const error = unreadError(result.failed);
  return { result, text, ...(note !== undefined && { note }), ...(error !== undefined && { error }) };
}
