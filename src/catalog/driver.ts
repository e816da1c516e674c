/** SQLite, as the catalog uses it: the only file that knows the driver, which is loaded when the first database is opened. */
import type { Database as Driver, Statement as DriverStatement, JSValue } from 'node-sqlite3-wasm';

export type SqlValue = number | bigint | string | Uint8Array | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;
export type Bound = readonly JSValue[];

/** What SQLite refuses or fails at. */
export class SqlError extends Error {}

/** A statement that is used more than once. */
export interface Statement {
  run(...values: Bound): void;
  all(...values: Bound): readonly SqlRow[];
}

/** An open database. It keeps memory outside of JavaScript's until it is closed. */
export class Database {
  readonly #driver: Driver;
  readonly #statements: DriverStatement[] = [];

  private constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** The database in a file, which is made if it is missing; without a path, one in memory. Throws SqlError. */
  static async open(path?: string): Promise<Database> {
    const { default: sqlite } = await import('node-sqlite3-wasm');
    return attempt(() => new Database(new sqlite.Database(path)));
  }

  /** Statements without an answer. Throws SqlError. */
  exec(sql: string): void {
    attempt(() => this.#driver.exec(sql));
  }

  all(sql: string, values: Bound = []): readonly SqlRow[] {
    return attempt(() => this.#driver.all(sql, [...values]) as SqlRow[]);
  }

  /** Row by row: what is not read is not made. Throws SqlError. */
  *each(sql: string, values: Bound = []): Generator<SqlRow> {
    const statement = attempt(() => this.#driver.prepare(sql));
    try {
      const rows = attempt(() => statement.iterate([...values]));
      for (;;) {
        const { done, value } = attempt(() => rows.next());
        if (done === true) return;
        yield value as SqlRow;
      }
    } finally {
      finalize(statement);
    }
  }

  /** Throws SqlError. */
  prepare(sql: string): Statement {
    const statement = attempt(() => this.#driver.prepare(sql));
    this.#statements.push(statement);
    return {
      run: (...values) => void attempt(() => statement.run([...values])),
      all: (...values) => attempt(() => statement.all([...values]) as SqlRow[]),
    };
  }

  /** A function that SQL may call, with as many values as it names. */
  define(name: string, act: (...values: never[]) => JSValue): void {
    this.#driver.function(name, act as (...values: SqlValue[]) => JSValue);
  }

  get inTransaction(): boolean {
    return this.#driver.inTransaction;
  }

  /** What is under way is rolled back. Again: nothing. Throws SqlError. */
  close(): void {
    for (const statement of this.#statements.splice(0)) finalize(statement);
    if (this.#driver.isOpen) attempt(() => this.#driver.close());
  }
}

/** The driver tells once more what the statement failed at, which was told. */
function finalize(statement: DriverStatement): void {
  try {
    attempt(() => statement.finalize());
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
  }
}

function attempt<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof Error && error.name === 'SQLite3Error') throw new SqlError(error.message, { cause: error });
    throw error;
  }
}
