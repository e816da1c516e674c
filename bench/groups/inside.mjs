/** One small durable write in a program that goes on: the library, and what programs use instead. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { initRepo, openRepo } from '../../dist/index.js';
import { ABSENT, packageOf } from '../peers.mjs';

const CONTENT = Buffer.alloc(1024, 'x');
/** Writes of one run. */
const WRITES = 10;

export const inside = {
  name: 'inside',
  title: 'One durable write of 1 KiB, new version, in a process',
  base: 'by hand: two files, synced',
  rounds: 20,
  async prepare(dir) {
    await initRepo(dir);
    const repo = openRepo(dir);
    await repo.data.put({ model: 'm', name: 'n', source: [CONTENT], create: true });
    const cacache = packageOf('cacache');
    const lmdb = packageOf('lmdb');
    const sqlite = packageOf('libsql');
    let last = 0;
    const ends = [];
    const times = (act) => async () => {
      for (let i = 0; i < WRITES; i++) await act(++last);
    };
    const rows = [
      { name: 'by hand: two files, synced', per: WRITES, run: times((n) => byHand(dir, n)) },
      { name: 'swamp: data.put', per: WRITES, run: times(() => repo.data.put({ model: 'm', name: 'n', source: [CONTENT] })) },
      ...(cacache === undefined
        ? [{ name: 'cacache, not synced', absent: ABSENT }]
        : [{ name: 'cacache, not synced', per: WRITES, run: times((n) => cacache.put(join(dir, 'cacache'), `n-${n}`, CONTENT)) }]),
      ...(sqlite === undefined
        ? [{ name: 'SQLite (libsql), full sync', absent: ABSENT }]
        : [{ name: 'SQLite (libsql), full sync', per: WRITES, run: times(sqliteIn(dir, sqlite, ends)) }]),
      ...(lmdb === undefined ? [{ name: 'LMDB', absent: ABSENT }] : [{ name: 'LMDB', per: WRITES, run: times(lmdbIn(dir, lmdb, ends)) }]),
    ];
    return {
      rows,
      end: async () => {
        for (const end of ends) await end();
      },
    };
  },
};

/** The least that gives the same: content and record, in a directory that appears whole. */
function byHand(dir, n) {
  const [aside, place] = [join(dir, `aside-${n}`), join(dir, 'by-hand')];
  mkdirSync(place, { recursive: true });
  mkdirSync(aside);
  for (const [name, bytes] of [
    ['content', CONTENT],
    ['metadata.json', '{"version":1}\n'],
  ]) {
    const file = openSync(join(aside, name), 'wx');
    writeSync(file, bytes);
    fsyncSync(file);
    closeSync(file);
  }
  syncDir(aside);
  renameSync(aside, join(place, String(n)));
  syncDir(place);
}

function syncDir(path) {
  const directory = openSync(path, 'r');
  fsyncSync(directory);
  closeSync(directory);
}

function sqliteIn(dir, Database, ends) {
  const db = new Database(join(dir, 'sqlite.db'));
  db.exec('PRAGMA journal_mode=DELETE');
  db.exec('PRAGMA synchronous=FULL');
  db.exec('CREATE TABLE data(name TEXT, version INTEGER, content BLOB, PRIMARY KEY(name, version))');
  const insert = db.prepare('INSERT INTO data VALUES(?, ?, ?)');
  ends.push(() => db.close());
  return (n) => insert.run('n', n, CONTENT);
}

function lmdbIn(dir, { open }, ends) {
  const db = open({ path: join(dir, 'lmdb'), encoding: 'binary' });
  ends.push(() => db.close());
  return async (n) => {
    await db.put(['n', n], CONTENT);
    await db.flushed;
  };
}
