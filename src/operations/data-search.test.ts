import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { libraryRepo, NEVER, newModel, putAll } from '../../integration/support/library-repo.js';
import { METADATA } from '../layout/layout.js';
import type { Repo } from '../repo.js';
import { dataList } from './data-list.js';
import { dataPut } from './data-put.js';
import { type DataSearchInput, dataSearch } from './data-search.js';

/** Three models with the same names in two of them; returns the id of the first. */
async function stocked(repo: Repo): Promise<string> {
  const [id = ''] = [await newModel(repo, 'Build'), await newModel(repo, 'nightly'), await newModel(repo, 'empty')];
  const put = (model: string, name: string, given: object): Promise<unknown> => dataPut(repo, { model, name, source: [name], ...given }, NEVER);
  await put('Build', 'report/1', { tags: { type: 'file', env: 'prod' }, contentType: 'text/plain; charset=utf-8' });
  await put('Build', 'totals', { tags: { env: 'test', __proto__x: '1' }, contentType: 'application/json', lifetime: '10d' });
  await put('nightly', 'report/1', { tags: { type: 'log', env: 'prod' } });
  await put('nightly', 'ärger', {});
  return id;
}

const FOUND: readonly (readonly [input: DataSearchInput, names: readonly string[]])[] = [
  [{}, ['Build report/1', 'Build totals', 'nightly report/1', 'nightly ärger']],
  [{ text: 'REPORT' }, ['Build report/1', 'nightly report/1']],
  [{ text: 'nightLY' }, ['nightly report/1', 'nightly ärger']],
  [{ text: 'ÄRG' }, ['nightly ärger']],
  [{ text: 'env=pr' }, ['Build report/1', 'nightly report/1']],
  [{ text: 'json' }, ['Build totals']],
  [{ model: 'nightly', text: 'report' }, ['nightly report/1']],
  [{ tags: { env: 'prod', type: 'log' } }, ['nightly report/1']],
  [{ tags: { toString: 'x' } }, []],
  [{ type: 'data' }, ['Build totals', 'nightly ärger']],
  [{ contentType: 'text/plain' }, ['Build report/1']],
  [{ contentType: 'text/plain; charset=utf-8' }, ['Build report/1']],
  [{ contentType: 'text' }, []],
  [{ lifetime: '10d' }, ['Build totals']],
  [{ ownerType: 'manual', text: 'totals' }, ['Build totals']],
  [{ ownerType: 'model-method' }, []],
  [{ since: '1h', text: 'totals' }, ['Build totals']],
  [{ since: '2999-01-01' }, []],
];

test('data search', async (t) => {
  const repo = await libraryRepo(t);
  const id = await stocked(repo);
  for (const [input, names] of FOUND) {
    await t.test(`finds with ${JSON.stringify(input)}: ${names.join(', ') || 'nothing'}`, async () => {
      const { results, total, limited, query, filters } = await dataSearch(repo, input);
      const { text = '', ...rest } = input;
      assert.deepEqual(
        results.map(({ modelName, name }) => `${modelName} ${name}`),
        names,
      );
      assert.deepEqual([total, limited, query, filters], [names.length, false, text, rest]);
    });
  }
  await t.test('says when the limit left something out, and when it did not', async () => {
    for (const [limit, limited] of [
      [3, true],
      [4, false],
    ] as const) {
      const found = await dataSearch(repo, { limit });
      assert.deepEqual([found.total, found.limited], [limit, limited]);
    }
  });
  await t.test('refuses what is not a time', async () => {
    for (const since of ['yesterday', '1', '', '2026', '12s', '2026-13-40'])
      await assert.rejects(dataSearch(repo, { since }), { code: 'usage', message: /^--since must be/ }, since);
  });
  await t.test('finds the latest version alone, and lists what is damaged beside what is not', async () => {
    await putAll(repo, 'nightly', 'ärger', 'two');
    writeFileSync(join(repo.layout.version(id, 'totals', 1), METADATA), '{');
    const { results, failed } = await dataSearch(repo, { type: 'data' });
    assert.deepEqual([results.map(({ version }) => version), failed.map(({ name, code }) => [name, code])], [[2], [['totals', 'corrupt']]]);
  });
});

test('data list of all models goes on where it ended, whatever its limit, also behind a model that is gone', async (t) => {
  const repo = await libraryRepo(t);
  await stocked(repo);
  const all = ['Build report/1', 'Build totals', 'nightly report/1', 'nightly ärger'];
  for (let limit = 1; limit <= 5; limit++) {
    const seen: string[] = [];
    for (let next: string | undefined = '', more = true; more; ) {
      const page: Awaited<ReturnType<typeof dataList>> = await dataList(repo, { limit, ...(next !== '' && { after: next }) });
      seen.push(...page.groups.flatMap(({ items }) => items.map(({ modelName, name }) => `${modelName} ${name}`)).sort());
      ({ next = '', more } = page);
      assert.equal(more, next !== '');
    }
    assert.deepEqual([...seen].sort(), all, `limit ${limit}`);
  }
  const after = async (place: string): Promise<number> => (await dataList(repo, { after: place })).total;
  assert.deepEqual([await after('Build/report/1'), await after('Cold/zzz'), await after('nightly/ärger')], [3, 2, 0]);
  await assert.rejects(dataList(repo, { after: 'report' }), { code: 'usage', message: /MODEL\/NAME/ });
});
