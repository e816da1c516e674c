/** `data query --sql`: one SELECT over the view `data`, from the catalog, which is brought up to date first; no lock, and nothing can be written. */
import { contentText, isJson, jsonOf } from '../catalog/content.js';
import { type Database, SqlError, type SqlValue } from '../catalog/driver.js';
import { COLUMNS } from '../catalog/fields.js';
import { withCatalog } from '../catalog/open.js';
import { createView, openDatabase } from '../catalog/schema.js';
import { SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { modelsOrWarn } from '../models/files.js';
import type { Repo } from '../repo.js';
import type { FailedItem } from './latest-records.js';
import { operation } from './operation.js';
import { failedOf } from './unread.js';

export interface DataSqlInput {
  /** One SELECT over the view `data`, whose columns are the fields of a version; all versions, with `isLatest` 1 for the latest. */
  readonly sql: string;
}

export interface DataSqlResult {
  readonly columns: readonly string[];
  /** A list of values each, in the order of the columns. A whole number beyond 2^53 is a text, a blob is base64. */
  readonly rows: readonly (readonly (string | number | null)[])[];
  readonly total: number;
  /** Versions that cannot be read, each with its error. */
  readonly failed: readonly FailedItem[];
}

/** Throws `usage` for what is not one SELECT, or fails, and `corrupt` for a model whose artifacts cannot be listed. */
export const dataSql = operation({ verb: 'data query --sql', access: 'reads' }, query);

async function query(
  repo: Repo,
  input: DataSqlInput,
  { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
): Promise<DataSqlResult> {
  const sql = input.sql.trim().replace(/;$/, '');
  await requireSelect(sql);
  const models = await modelsOrWarn(repo);
  return withCatalog(repo, { models, signal }, async ({ database, unread }) => {
    const pass = yielding(signal);
    const rows: DataSqlResult['rows'][number][] = [];
    try {
      const columns = prepare(database, repo, sql);
      for (const row of database.each('select * from answer')) {
        await pass();
        rows.push(columns.map((column) => plain(row[column])));
      }
      return { columns, rows, total: rows.length, failed: failedOf(unread, true) };
    } catch (error) {
      throw error instanceof SqlError && !isDamage(error) ? refusal(error) : error;
    }
  });
}

/** What SQLite says of a file that is not whole, or of a disk; everything else is the fault of the statement. */
function isDamage({ message }: SqlError): boolean {
  return /^(database disk image is malformed|file is not a database|disk I\/O error|database or disk is full|unable to open|database is locked)/i.test(message);
}

/** Tried on tables without rows: in parentheses only one SELECT is a statement. Throws `usage`. */
async function requireSelect(sql: string): Promise<void> {
  const database = await openDatabase();
  try {
    defineContents(database, undefined);
    createView(database);
    database.all(`select * from (\n${sql}\n) limit 0`);
    viewAnswer(database, sql);
  } catch (error) {
    throw error instanceof SqlError ? refusal(error) : error;
  } finally {
    database.close();
  }
}

/** The names of the answer's columns; two of one name are told apart. */
function prepare(database: Database, repo: Repo, sql: string): string[] {
  defineContents(database, repo);
  createView(database);
  viewAnswer(database, sql);
  database.exec('pragma query_only = true');
  return database.all('pragma table_info(answer)').map(({ name }) => String(name));
}

function viewAnswer(database: Database, sql: string): void {
  database.prepare(`create temp view answer as\n${sql}`).run();
}

/** `repo`: undefined where there are no rows to ask about. */
function defineContents(database: Database, repo: Repo | undefined): void {
  const textOf = (modelId: SqlValue, name: SqlValue, version: SqlValue): string | null =>
    repo === undefined ? null : (contentText(repo, { modelId: String(modelId), name: String(name), version: Number(version) }) ?? null);
  database.define('content_of', (modelId: SqlValue, name: SqlValue, version: SqlValue) => textOf(modelId, name, version));
  database.define('attributes_of', (modelId: SqlValue, name: SqlValue, version: SqlValue, contentType: SqlValue) =>
    asJson(isJson(String(contentType)) ? textOf(modelId, name, version) : null, String(contentType)),
  );
}

/** The text, if it is JSON: a statement that looks into one that is not would fail as a whole. */
function asJson(text: string | null, contentType: string): string | null {
  return text !== null && jsonOf(text, contentType) !== undefined ? text : null;
}

function plain(value: SqlValue | undefined): string | number | null {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : (value ?? null);
}

function refusal(error: SqlError): SwampError {
  return new SwampError('usage', `The SQL cannot be carried out: ${error.message}.`, {
    hint: `Give one SELECT over the view "data". Its columns are ${COLUMNS.map(({ name }) => name).join(', ')}, attributes, content.`,
    cause: error,
  });
}
