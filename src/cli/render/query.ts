/** What a query found, for people. */
import type { QueryRecord } from '../../catalog/record.js';
import type { DataQueryResult } from '../../operations/data-query.js';
import { moment, size, table } from './text.js';

/** That there is nothing, or more. */
export function queryNote({ total, limited, next, failed }: DataQueryResult): string | undefined {
  if (limited) return `There is more: raise --limit, or go on with --after ${next}`;
  return total === 0 && failed.length === 0 ? 'Nothing was found.' : undefined;
}

/** Records as a table; what was selected, one JSON value a line. */
export function queryText(result: DataQueryResult, page: Parameters<typeof moment>[1]): string {
  if (result.select !== undefined) return result.results.map((value) => `${JSON.stringify(value)}\n`).join('');
  const rows = (result.results as readonly QueryRecord[]).map((item) => [
    item.modelName,
    item.name,
    item.version,
    item.dataType,
    size(item.size),
    moment(item.createdAt, page),
  ]);
  return rows.length === 0 ? '' : table(['MODEL', 'NAME', 'VERSION', 'TYPE', 'SIZE', 'CREATED'], rows);
}
