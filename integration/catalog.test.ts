/** The catalog among processes: beside writers, killed at any point, on a disk that is full or read-only, a query answers what is in the tree. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openRepo } from '../src/index.js';
import { traceOf } from './support/failpoints.js';
import { mountedRepo, onMounts } from './support/mounted.js';
import { copyRepo, createModel, put, type TestRepo, tempRepo } from './support/repo.js';
import { isSampled, LONG } from './support/scale.js';
import { cannotTrace } from './support/strace.js';
import { finished, launch, run, runJson, start } from './support/swamp.js';
import { until } from './support/until.js';

const ALL = ['data', 'query', 'version > 0', '--select', 'modelName + " " + name + " " + string(version)', '--json'];

interface Answer {
  readonly results: readonly string[];
}

/** What a walk of the tree finds, in the form of `ALL`. */
async function walk({ dir }: TestRepo): Promise<string[]> {
  const { data } = openRepo(dir);
  const found: string[] = [];
  for (const { modelName: model, name } of (await data.list()).groups.flatMap(({ items }) => items))
    for (const { version } of (await data.versions({ model, name })).versions) found.push(`${model} ${name} ${version}`);
  return found.sort();
}

async function answer(repo: TestRepo): Promise<string[]> {
  return [...(await runJson<Answer>(repo, ALL)).results].sort();
}

async function stocked(repo: TestRepo): Promise<void> {
  for (const model of ['m', 'n']) {
    await createModel(repo, model);
    for (const name of ['a', 'b', 'a']) await put(repo, model, name, name);
  }
}

test('beside writers and deleters every answer holds what was acknowledged before it, and nothing that was deleted before it; at rest it equals the tree', {
  timeout: 120_000,
}, async (t) => {
  const repo = await tempRepo(t);
  await stocked(repo);
  const rounds = LONG ? 60 : 6;
  const script = `i=0; while [ $i -lt ${rounds} ]; do i=$((i + 1)); echo "$i" | swamp data put "$0" "k$i" -q && echo "put k$i" >>"$0.log"
    if [ $((i % 2)) = 0 ]; then echo "gone k$i" >>"$0.log"; swamp data delete "$0" "k$i" -q --force && echo "deleted k$i" >>"$0.log"; fi; done; : >"$0.done"`;

  const writers = ['m', 'n'].map((model) =>
    launch(repo, 'sh', ['-c', script, model], { env: { PATH: `${repo.path}:${process.env['PATH']}` }, timeoutMs: 100_000 }),
  );
  const log = (model: string): string[] => {
    const path = join(repo.dir, `${model}.log`);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
  };
  const { data } = openRepo(repo.dir);
  let looks = 0;
  while (!['m', 'n'].every((model) => existsSync(join(repo.dir, `${model}.done`)))) {
    const before = new Map(['m', 'n'].map((model) => [model, log(model)]));
    const { results } = await data.query({ predicate: 'name.startsWith("k")', select: 'modelName + " " + name' });
    const after = new Map(['m', 'n'].map((model) => [model, log(model)]));
    looks++;
    for (const [model, lines] of before) {
      const seen = new Set(results.filter((one) => String(one).startsWith(`${model} `)).map((one) => String(one).slice(2)));
      for (const line of lines) {
        const [what, name = ''] = line.split(' ');
        if (what === 'put' && !after.get(model)?.includes(`gone ${name}`)) assert.ok(seen.has(name), `${model} ${name} was acknowledged before`);
        if (what === 'deleted') assert.ok(!seen.has(name), `${model} ${name} was deleted before`);
      }
    }
  }
  for (const writer of writers) await finished(writer);
  t.diagnostic(`${looks} queries`);
  assert.deepEqual(await answer(repo), await walk(repo));
});

test('queries of many processes at once answer alike, and leave one catalog', async (t) => {
  const repo = await tempRepo(t);
  await stocked(repo);
  const expected = await walk(repo);
  const queries = Array.from({ length: 4 }, () => start(repo, ALL));
  for (const query of queries) assert.deepEqual([...(JSON.parse((await finished(query)).stdout) as Answer).results].sort(), expected);
  assert.equal(readdirSync(repo.layout.catalogs).length, 1);
});

test('killed at any point of a query or a compaction, the next query answers what is in the tree, and the store is whole', { timeout: 240_000 }, async (t) => {
  const origin = await tempRepo(t);
  await stocked(origin);
  for (const [what, args] of [
    ['the first query', ALL],
    ['a query that catches up', ALL],
    ['a compaction', ['datastore', 'compact']],
  ] as const) {
    if (what !== 'the first query') await answer(origin);
    await put(origin, 'm', 'a', what);
    const expected = await walk(origin);
    const points = await traceOf(copyRepo(origin), args);
    assert.ok(points.includes('catalog.one-model') && points.includes('catalog.taken'), `${points}`);
    let killed = 0;
    for (const [i, point] of points.entries()) {
      if (!LONG && !isSampled(i, 6)) continue;
      const repo = copyRepo(origin);
      const { signal } = await start(repo, args, { env: { SWAMP_FAILPOINTS: `#${i + 1}=kill` } }).exited;
      if (signal === 'SIGKILL') killed++;
      assert.deepEqual(await answer(repo), expected, `${what}, killed at ${point}`);
      assert.equal(readdirSync(repo.layout.catalogs).length, 1, `${what}, killed at ${point}`);
      await run(repo, ['datastore', 'check']);
    }
    assert.ok(killed > 0);
  }
});

test('killed in the middle of a transaction, a query leaves nothing half done to the next one', {
  skip: cannotTrace() ?? false,
  timeout: 120_000,
}, async (t) => {
  const repo = await tempRepo(t);
  await stocked(repo);
  await answer(repo);
  await put(repo, 'm', 'a', 'since then');
  const strace = (one: TestRepo, log: string, how: string): Promise<unknown> =>
    launch(one, 'strace', ['-f', '-qq', '-o', log, '-e', how, process.execPath, one.bin, ...ALL], { timeoutMs: 60_000 }).exited;
  const log = join(repo.base, 'writes');
  await strace(copyRepo(repo), log, 'trace=pwrite64');
  const writes = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.includes('pwrite64(')).length;
  assert.ok(writes > 4, `${writes} writes`);
  t.diagnostic(`${writes} writes`);
  for (let at = 1; at <= writes; at++) {
    if (!LONG && !isSampled(at, Math.ceil(writes / 3))) continue;
    const one = copyRepo(repo);

    await strace(one, '/dev/null', `inject=pwrite64:signal=KILL:when=${at}`);
    assert.deepEqual(await answer(one), await walk(one), `killed at write ${at}`);
  }
});

test('on a disk that is full or read-only a query answers the same, and a compaction says what is wrong', onMounts, async (t) => {
  const repo = await mountedRepo(t, 'size=2m');
  for (const model of ['m', 'n']) {
    await repo.swamp(['model', 'create', 'store', model]);
    for (const name of ['a', 'b', 'a']) await repo.swamp(['data', 'put', model, name], { stdin: name });
  }
  const answered = async (): Promise<readonly string[]> => (JSON.parse((await repo.swamp(ALL)).stdout) as Answer).results;
  await repo.sh('cat /dev/zero >../filler 2>/dev/null; sync -f ..');
  const full = await answered();
  const compaction = await repo.swamp(['datastore', 'compact', '--json'], { expect: 74 });
  assert.match(compaction.stderr, /"code":"(no_space|io)"/);
  assert.match((await repo.swamp(['datastore', 'check'])).stdout, /no damage/);
  await repo.sh('rm ../filler');
  const plenty = await answered();
  await repo.swamp(['data', 'put', 'm', 'c'], { stdin: 'c' });
  await repo.sh('mount -o remount,ro ..');
  const behind = await answered();
  await repo.sh('mount -o remount,rw ..');
  assert.deepEqual(full, plenty);
  assert.deepEqual(behind, [...plenty, 'm c 1'].sort());
  assert.deepEqual(await answered(), behind);
});

test('a closed pipe and a signal leave a catalog that the next query takes', async (t) => {
  const repo = await tempRepo(t);
  await stocked(repo);

  const piped = launch(repo, 'sh', ['-c', 'swamp data query true --select "name + name" | true'], { env: { PATH: `${repo.path}:${process.env['PATH']}` } });
  await piped.exited;
  const query = start(repo, ALL, { env: { SWAMP_FAILPOINTS: 'catalog.listed=pause' } });
  await until('the catalog is taken', () => existsSync(repo.layout.catalogs) && readdirSync(repo.layout.catalogs).length > 0);
  query.kill('SIGKILL');
  await query.exited;
  assert.deepEqual(await answer(repo), await walk(repo));
  assert.equal(readdirSync(repo.layout.catalogs).length, 1);
});
