/** The tables of a catalog. Another version of them is another catalog: the old one is thrown away. */
import { Database } from './driver.js';
import { COLUMNS } from './fields.js';

/** Kept in the file as its `user_version`. */
export const SCHEMA_VERSION = 1;

/**
 * A model is fresh while the entry of its data fence is `fence`. `state`: that of an artifact's directory, kept with its latest version;
 * while the directory has it, its versions are these.
 */
const TABLES = `
create table models (key integer primary key, id text not null unique, name text not null, type text not null, fence text);
create table versions (
  model integer not null, name text not null, version integer not null, latest integer not null, generation integer not null, state text,
  id text not null, content_type text not null, type text not null, lifetime text not null, gc text not null, tags text not null,
  owner_type text not null, owner_ref text not null, created_at text not null, size integer not null, checksum text not null
);
create unique index by_place on versions (model, name, version);
pragma user_version = ${SCHEMA_VERSION};`;

/** Made after the first rows: sorting them once takes a third of inserting each. */
export const INDEXES = `
create index if not exists by_name on versions (name);
create index if not exists by_size on versions (size);
create index if not exists by_time on versions (created_at);`;

export const FROM = 'versions v join models m on m.key = v.model';

/** Opens the catalog in a file, or an empty one in memory. A file of another version is refused as SqlError of the tables that are missing. */
export async function openDatabase(path?: string): Promise<Database> {
  const database = await Database.open(path);
  try {
    // One process has the file at a time, so SQLite's own lock of it would only cost. Writes go to a journal first: one that is not empty shows that its writer died, and the catalog is thrown away (place.ts).
    database.exec('pragma page_size = 8192; pragma locking_mode = exclusive; pragma journal_mode = truncate; pragma synchronous = normal;');
    database.exec('pragma temp_store = memory; pragma cache_size = -32000;');
    if (schemaOf(database) === 0) database.exec(`begin; ${TABLES} commit;`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

export function schemaOf(database: Database): number {
  return Number(database.all('pragma user_version')[0]?.['user_version']);
}

/** The view that SQL sees. `attributes` and `content` are functions of a version, called only where they are mentioned. */
export function createView(database: Database): void {
  const columns = COLUMNS.map(({ name, column }) => `${column} as "${name}"`).join(', ');
  database.exec(
    `create temp view data as select ${columns}, attributes_of(m.id, v.name, v.version, v.content_type) as attributes, content_of(m.id, v.name, v.version) as content from ${FROM}`,
  );
}
