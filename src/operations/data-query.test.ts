/** What a query answers is what a walk of the tree finds, whatever the predicate, and whatever became of the catalog. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { deadHolder, hold, libraryRepo, NEVER, newModel, putAll } from '../../integration/support/library-repo.js';
import { compile } from '../catalog/cel.js';
import { Database } from '../catalog/driver.js';
import { QUERY_FIELDS } from '../catalog/fields.js';
import type { QueryRecord } from '../catalog/record.js';
import { concernsAllVersions, valuesOf } from '../catalog/select.js';
import { METADATA } from '../layout/layout.js';
import { currentProcess, formatHolder, newNonce } from '../locks/holder.js';
import type { Repo } from '../repo.js';
import { dataDelete } from './data-delete.js';
import { dataGetRecord } from './data-get.js';
import { dataList } from './data-list.js';
import { dataPut } from './data-put.js';
import { dataQuery } from './data-query.js';
import { dataRename } from './data-rename.js';
import { dataSql } from './data-sql.js';
import { dataVersions } from './data-versions.js';
import { datastoreCheck } from './datastore-check.js';
import { datastoreCompact } from './datastore-compact.js';
import { datastoreStatus } from './datastore-status.js';
import { modelDelete } from './model-delete.js';
import { modelRename } from './model-rename.js';

/** Every version there is, without the catalog. */
async function walk(repo: Repo): Promise<QueryRecord[]> {
  const found: QueryRecord[] = [];
  for (const { modelName: model, name } of (await dataList(repo, {})).groups.flatMap(({ items }) => items)) {
    for (const { version } of (await dataVersions(repo, { model, name })).versions) {
      const { contentPath: _, ownerDefinition, ...record } = await dataGetRecord(repo, { model, name, version }, NEVER);
      found.push({ ...record, ...ownerDefinition, dataType: record.tags['type'] ?? 'data' });
    }
  }
  return found.sort((a, b) => order(a.modelName, b.modelName) || order(a.name, b.name) || a.version - b.version);
}

function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** What the predicate takes of them, by the language alone. */
async function expected(repo: Repo, source: string): Promise<QueryRecord[]> {
  const predicate = await compile(source, 'predicate', 'bool');
  const asked = concernsAllVersions(predicate);
  return (await walk(repo)).filter((record) => (asked || record.isLatest) && predicate.evaluate(valuesOf(repo, { ...record }, predicate.fields)) === true);
}

async function assertEqual(repo: Repo, source = 'version > 0'): Promise<void> {
  assert.deepEqual((await dataQuery(repo, { predicate: source })).results, await expected(repo, source), source);
}

const NAMES = ['a', 'B', 'ä', '\u{1F600}', '\uffee', 'a/b', 'x'.repeat(300), "it's"];

async function stocked(repo: Repo): Promise<void> {
  await newModel(repo, 'm');
  await newModel(repo, 'Other');
  await newModel(repo, 'empty');
  for (const [i, name] of NAMES.entries()) {
    const json = i % 2 === 0;
    const content = json ? contentOfJson(i) : 'x'.repeat(i * 10);
    for (const source of i % 3 === 0 ? [content, content] : [content])
      await dataPut(
        repo,
        {
          model: i % 4 === 1 ? 'Other' : 'm',
          name,
          source: [source],
          tags: { env: i % 2 === 0 ? 'prod' : 'tést', [`t.${i}`]: `${i}`, ...(i === 2 && { type: 'log' }) },
          contentType: json ? 'application/json' : 'text/plain',
          lifetime: i % 2 === 0 ? '10d' : 'infinite',
        },
        NEVER,
      );
  }
}

const TEXTS = ['m', 'Other', 'a', 'B', 'ä', 'z', 'prod', 'tést', '10d', 'text/plain', 'log', 'data', '2026', '\u{1F600}', '\uffee', '', 'x'];
const text = fc.constantFrom(...TEXTS).map((word) => JSON.stringify(word));
const number = fc.oneof(fc.integer({ min: -2, max: 80 }).map(String), fc.constantFrom('1.5', '10.0', '9007199254740993'));
const sign = fc.constantFrom('==', '!=', '<', '<=', '>', '>=');
const ordering = fc.constantFrom('<', '<=', '>', '>=');
const textField = fc.constantFrom('name', 'modelName', 'contentType', 'dataType', 'lifetime', 'createdAt', 'ownerType', 'tags.env', 'tags["t.2"]', 'tags.type');
const numberField = fc.constantFrom('size', 'version', 'generation');
const simple = fc.oneof(
  fc.tuple(textField, sign, text).map(([field, op, word]) => `${field} ${op} ${word}`),
  fc.tuple(text, sign, textField).map(([word, op, field]) => `${word} ${op} ${field}`),
  fc.tuple(numberField, ordering, number).map(([field, op, n]) => `${field} ${op} ${n}`),
  fc.tuple(fc.integer({ min: -2, max: 80 }), sign, numberField).map(([n, op, field]) => `${n} ${op} ${field}`),
  fc.tuple(textField, text).map(([field, word]) => `${field}.startsWith(${word})`),
  fc.tuple(textField, fc.array(text, { minLength: 1, maxLength: 3 })).map(([field, words]) => `${field} in [${words.join(', ')}]`),
  fc.constantFrom(
    'isLatest',
    '!isLatest',
    'isLatest == false',
    'true',
    'false',
    'size != version',
    '"env" in tags',
    'attributes.n > 1',
    'attributes.n + 1 == 3',
  ),
  fc.constantFrom(
    'attributes.deep.r == 1.5',
    'attributes.list.exists(x, x == "x")',
    'content.contains("xx")',
    'name.matches("^[a-z]$")',
    'has(attributes.toString)',
  ),
  fc.constantFrom(
    'size(tags) > 2',
    'size / 10 == 2',
    'tags.all(k, k != "type")',
    'attributes.deep.__proto__ == 2',
    'tags[name] == "x"',
    '10 / (size - 20) > 0',
  ),
);
const predicates = fc.letrec<{ any: string; joined: string }>((tie) => ({
  any: fc.oneof({ weight: 3, arbitrary: simple }, { weight: 2, arbitrary: tie('joined') }),
  joined: fc.oneof(
    fc.tuple(tie('any'), fc.constantFrom('&&', '&&', '||'), tie('any')).map(([a, op, b]) => `(${a}) ${op} (${b})`),
    tie('any').map((one) => `!(${one})`),
  ),
})).any;

test('a predicate takes the same from the catalog as from the tree', async (t) => {
  const repo = await libraryRepo(t);
  await stocked(repo);
  const all = await walk(repo);
  await fc.assert(
    fc.asyncProperty(predicates, async (source) => {
      const predicate = await compile(source, 'predicate', 'bool');
      const asked = concernsAllVersions(predicate);
      const wanted = all.filter((record) => (asked || record.isLatest) && predicate.evaluate(valuesOf(repo, { ...record }, predicate.fields)) === true);
      assert.deepEqual((await dataQuery(repo, { predicate: source })).results, wanted);
    }),
    { numRuns: 150 },
  );
});

test('the pages of a query, in any order, are all of it, each result once', async (t) => {
  const repo = await libraryRepo(t);
  await stocked(repo);
  const predicate = 'version > 0';
  const sortable = QUERY_FIELDS.flatMap(({ name, column }) => (column === undefined || name === 'tags' ? [] : [name]));
  for (const orderBy of [undefined, ...sortable]) {
    for (const desc of [false, true]) {
      const given = { predicate, desc, ...(orderBy !== undefined && { orderBy }) };
      const whole = (await dataQuery(repo, given)).results as QueryRecord[];
      const keys = whole.map((record) => record[orderBy as keyof QueryRecord] as string | number);
      const rising = keys.map((key, i) => (i === 0 ? 0 : compareKeys(keys[i - 1] ?? '', key)));
      if (orderBy !== undefined)
        assert.ok(
          rising.every((sense) => (desc ? sense >= 0 : sense <= 0)),
          `${orderBy} ${desc}`,
        );
      const pages: unknown[] = [];
      for (let after: string | undefined, more = true; more; ) {
        const page: Awaited<ReturnType<typeof dataQuery>> = await dataQuery(repo, { ...given, limit: 4, ...(after !== undefined && { after }) });
        pages.push(...page.results);
        ({ next: after, limited: more } = page);
      }
      assert.deepEqual(pages, whole, `${orderBy} ${desc}`);
    }
  }
  await assert.rejects(dataQuery(repo, { predicate, after: 'nonsense' }), { code: 'usage' });
  for (const orderBy of ['tags', 'content', 'nothing', 'toString']) await assert.rejects(dataQuery(repo, { predicate, orderBy }), { code: 'usage' });
});

function compareKeys(a: string | number | boolean, b: string | number | boolean): number {
  return typeof a === 'string' && typeof b === 'string' ? order(a, b) : Number(a) - Number(b);
}

test('a query selects, and says what it cannot understand', async (t) => {
  const repo = await libraryRepo(t);
  await stocked(repo);
  const select = async (expression: string): Promise<unknown> =>
    (await dataQuery(repo, { predicate: 'modelName == "m" && name in ["a", "ä"]', select: expression })).results;
  assert.deepEqual(await select('name'), ['a', 'ä']);
  assert.deepEqual(await select('attributes.n'), [0, 2]);
  assert.deepEqual(await select('{"n": attributes.n + 1, "v": [version, size > 0]}'), [
    { n: 1, v: [2, true] },
    { n: 3, v: [1, true] },
  ]);
  assert.deepEqual(await select('attributes.missing'), [null, null]);
  assert.deepEqual(await select('timestamp("2026-01-02T03:04:05Z")'), ['2026-01-02T03:04:05.000Z', '2026-01-02T03:04:05.000Z']);
  for (const [predicate, message] of [
    ['nam == "a"', /^There is no field "nam"\.$/],
    ['size >', /cannot be understood/],
    ['', /cannot be understood/],
    ['size', /its answer is int/],
    ['size == "a"', /cannot be understood/],
    ['1 == 1; 2', /cannot be understood/],
    ['('.repeat(1000), /cannot be understood/],
  ] as const)
    await assert.rejects(dataQuery(repo, { predicate }), { code: 'usage', message }, predicate);
  await assert.rejects(dataQuery(repo, { predicate: 'true', select: 'nam' }), { code: 'usage', message: /no field "nam"/ });
  await assert.rejects(dataQuery(repo, { predicate: 'nam' }), ({ hint }: { hint: string }) => /modelName/.test(hint));
});

test('SQL reads the view, and nothing else is done by it', async (t) => {
  const repo = await libraryRepo(t);
  await stocked(repo);
  const all = await walk(repo);
  const { columns, rows, total } = await dataSql(repo, { sql: 'select modelName, count(*) n, sum(size) "all" from data group by 1 order by 1 desc;' });
  assert.deepEqual([columns, total], [['modelName', 'n', 'all'], 2]);
  assert.deepEqual(
    rows.map(([model, n]) => [model, n]),
    ['m', 'Other'].map((model) => [model, all.filter(({ modelName }) => modelName === model).length]),
  );
  const one = async (sql: string): Promise<unknown> => (await dataSql(repo, { sql })).rows;
  assert.deepEqual(await one(`select attributes ->> '$.n', content from data where name = 'ä' -- the end`), [[2, contentOfJson(2)]]);
  assert.deepEqual(await one('select 1 a, 2 a'), [[1, 2]]);
  assert.deepEqual(await one("with x as (select 9007199254740993 n) select n, x'00ff', null from x"), [['9007199254740993', 'AP8=', null]]);
  assert.deepEqual((await dataSql(repo, { sql: 'select name, tags from data where false' })).columns, ['name', 'tags']);
  const { columns: every } = await dataSql(repo, { sql: 'select * from data limit 1' });
  assert.deepEqual(
    every,
    QUERY_FIELDS.map(({ name }) => name),
  );
  const refused = [
    '',
    'delete from versions',
    'select 1; select 2',
    "attach 'x' as y",
    'pragma query_only = false',
    'select nothing from data',
    'select 1) union (select 2',
  ];
  for (const sql of [...refused, 'with x as (select 1) insert into versions select * from x', 'vacuum', 'explain select 1', 'create table t (x)'])
    await assert.rejects(dataSql(repo, { sql }), { code: 'usage', message: /^The SQL cannot be carried out/ }, sql);
  await assert.rejects(dataSql(repo, { sql: "select json_extract('{', '$')" }), { code: 'usage' });
  await assertEqual(repo);
});

function contentOfJson(i: number): string {
  return `{"n":${i},"list":[${i},"x"],"deep":{"__proto__":${i},"r":1.5}}`;
}

/** Each is done to a repository with a catalog that is caught up. */
const EVENTS: Readonly<Record<string, (repo: Repo) => Promise<unknown>>> = {
  nothing: async () => {},
  'a next version': (repo) => putAll(repo, 'm', 'a', 'next'),
  'a new artifact': (repo) => putAll(repo, 'empty', 'new', 'next', 'last'),
  'a delete of the latest': (repo) => dataDelete(repo, { model: 'm', name: 'a', version: 2 }, NEVER),
  'a delete of the first': (repo) => dataDelete(repo, { model: 'm', name: 'a', version: 1 }, NEVER),
  'a delete of an artifact': (repo) => dataDelete(repo, { model: 'm', name: 'ä' }, NEVER),
  'a delete, and a new one of that name': async (repo) => {
    await dataDelete(repo, { model: 'm', name: 'a' }, NEVER);
    await putAll(repo, 'm', 'a', 'again');
  },
  'a rename, and another one in its place': async (repo) => {
    await dataRename(repo, { model: 'm', oldName: 'a', newName: 'b' }, NEVER);
    await dataRename(repo, { model: 'm', oldName: 'ä', newName: 'a' }, NEVER);
  },
  'a rename of a model': (repo) => modelRename(repo, { model: 'm', newName: 'renamed' }, NEVER),
  'a delete of a model': (repo) => modelDelete(repo, { model: 'm', withData: true }, NEVER),
  'a definition that is gone, and comes back': async (repo) => {
    const path = join(repo.root, 'models/store/m.yaml');
    const definition = readFileSync(path, 'utf8');
    rmSync(path);
    await assertEqual(repo);
    writeFileSync(path, definition);
  },
  'a data fence that another machine holds': async (repo) => {
    hold(repo, { kind: 'data', modelId: await idOf(repo) }, formatHolder({ ...currentProcess(), machine: '0123456789ab', nonce: newNonce() }));
    await assertEqual(repo);
  },
  'no catalog': async (repo) => rmSync(repo.layout.catalogs, { recursive: true }),
  'a catalog without its file': async (repo) => rmSync(fileOf(repo)),
  'an empty file': async (repo) => truncateSync(fileOf(repo)),
  'half a file': async (repo) => truncateSync(fileOf(repo), 20_000),
  'a file that is not a database': async (repo) => writeFileSync(fileOf(repo), 'x'.repeat(100_000)),
  'a directory in the place of the file': async (repo) => {
    const path = fileOf(repo);
    rmSync(path);
    mkdirSync(join(path, 'x'), { recursive: true });
  },
  'a catalog of another version': async (repo) => {
    const database = await Database.open(fileOf(repo));
    database.exec('pragma user_version = 7; drop table versions');
    database.close();
  },
  'a catalog without a table': async (repo) => {
    const database = await Database.open(fileOf(repo));
    database.exec('drop table versions');
    database.close();
  },
  'a catalog that a process which died had': async (repo) => {
    const path = join(fileOf(repo), '..');
    mkdirSync(join(path, 'index.db.lock'));
    renameSync(path, repo.layout.catalog(deadHolder(formatHolder({ ...currentProcess(), nonce: newNonce() }))));
  },
  'two catalogs': async (repo) => {
    cpSync(join(fileOf(repo), '..'), repo.layout.catalog('free-000000000000'), { recursive: true });
    await putAll(repo, 'm', 'a', 'since then');
  },
  'datastore compact': (repo) => datastoreCompact(repo, {}, NEVER),
};

function fileOf({ layout }: Repo): string {
  const [name = ''] = readdirSync(layout.catalogs);
  return join(layout.catalog(name), 'index.db');
}

async function idOf(repo: Repo): Promise<string> {
  return (await walk(repo)).find(({ modelName }) => modelName === 'm')?.modelId ?? '';
}

test('after anything, a query answers what is in the tree', async (t) => {
  for (const [title, act] of Object.entries(EVENTS)) {
    await t.test(title, async (t) => {
      const repo = await libraryRepo(t);
      await stocked(repo);
      await assertEqual(repo);
      await act(repo);
      await assertEqual(repo);
      await assertEqual(repo, 'size > 0 && name.matches("a")');
      const left = readdirSync(repo.layout.catalogs);
      assert.equal(left.length, 1, `${left}`);
      if (!title.includes('another machine'))
        assert.deepEqual([(await datastoreCheck(repo, {}, NEVER)).findings, (await datastoreStatus(repo)).catalog.state], [[], 'present']);
    });
  }
});

test('where the catalog belongs to a process that lives, a query makes another one in a while, and so does a compaction', async (t) => {
  const repo = await libraryRepo(t);
  await stocked(repo);
  await assertEqual(repo);
  const holder = formatHolder({ ...currentProcess(), nonce: newNonce() });
  renameSync(join(fileOf(repo), '..'), repo.layout.catalog(holder));
  const impatient = { ...repo, timing: { ...repo.timing, lockTimeoutMs: 100 } };
  await putAll(repo, 'm', 'a', 'next');
  await assertEqual(impatient);
  assert.deepEqual((await datastoreStatus(repo)).catalog.state, 'in_use');
  await datastoreCompact(impatient);
  await assertEqual(impatient);
  assert.ok(existsSync(join(repo.layout.catalog(holder), 'index.db')), 'what another process works with stays');
});

test('a query with --read-only writes nothing, and answers the same', async (t) => {
  const repo = await libraryRepo(t);
  await stocked(repo);
  await assertEqual({ ...repo, readOnly: true });
  assert.ok(!existsSync(repo.layout.catalogs));
  await assert.rejects(datastoreCompact({ ...repo, readOnly: true }), { code: 'read_only' });
});

test('what cannot be read is told beside what can, and no longer than it is so', async (t) => {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  await putAll(repo, 'm', 'a', 'one', 'two');
  await putAll(repo, 'm', 'b', 'one', 'two');
  await assertEqual(repo);
  const path = join(repo.layout.version(id, 'a', 3), METADATA);
  await putAll(repo, 'm', 'a', 'three');
  const metadata = readFileSync(path);
  writeFileSync(path, '{');
  for (let round = 0; round < 2; round++) {
    const { results, failed } = await dataQuery(repo, { predicate: 'size > 0' });
    assert.deepEqual([(results as QueryRecord[]).map(({ name }) => name), failed.map(({ name, code }) => [name, code])], [['b'], [['a', 'corrupt']]]);
  }
  writeFileSync(path, metadata);
  await assertEqual(repo);
  assert.deepEqual((await dataQuery(repo, { predicate: 'size > 0' })).failed, []);
});
