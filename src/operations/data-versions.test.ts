import assert from 'node:assert/strict';
import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { libraryRepo, NEVER, newModel, putAll } from '../../integration/support/library-repo.js';
import { ARTIFACT_RECORD, METADATA } from '../layout/layout.js';
import { dataDelete } from './data-delete.js';
import { dataGet } from './data-get.js';
import { dataVersions } from './data-versions.js';

test('an older version is never told as the latest: when that has no record, all is corrupt', async (t) => {
  const repo = await libraryRepo(t);
  const id = await newModel(repo, 'm');
  await putAll(repo, 'm', 'a', '1', '2', '3');
  rmSync(join(repo.layout.version(id, 'a', 2), METADATA));
  const { versions } = await dataVersions(repo, { model: 'm', name: 'a' });
  assert.deepEqual(
    versions.map(({ version, isLatest }) => [version, isLatest]),
    [
      [3, true],
      [1, false],
    ],
  );
  rmSync(join(repo.layout.version(id, 'a', 3), METADATA));
  await assert.rejects(dataVersions(repo, { model: 'm', name: 'a' }), { code: 'corrupt', message: /\/3\/metadata\.json/ });
});

for (const file of [ARTIFACT_RECORD, join('1', METADATA)]) {
  test(`${file} of 600 MB is damage, and is not read`, async (t) => {
    const repo = await libraryRepo(t);
    const id = await newModel(repo, 'm');
    await putAll(repo, 'm', 'a', '1');
    truncateSync(join(repo.layout.artifact(id, 'a'), file), 600 * 1000 * 1000);
    const before = process.memoryUsage().rss;
    await assert.rejects(dataGet(repo, { model: 'm', name: 'a' }), { code: 'corrupt', message: /has more than 4194304 bytes/ });
    assert.ok(process.memoryUsage().rss - before < 100 * 1000 * 1000);
  });
}

test('a limit gives the newest, on which `before` goes on, over versions that were deleted, as the whole list has them', async (t) => {
  const repo = await libraryRepo(t);
  await newModel(repo, 'm');
  await putAll(repo, 'm', 'a', ...Array.from({ length: 90 }, (_, i) => String(i)));
  for (let version = 5; version <= 80; version++) await dataDelete(repo, { model: 'm', name: 'a', version }, NEVER);
  const numbers = ({ versions }: Awaited<ReturnType<typeof dataVersions>>): number[] => versions.map(({ version }) => version);
  const all = await dataVersions(repo, { model: 'm', name: 'a' });
  assert.deepEqual([numbers(all).length, all.total, all.more], [14, 14, false]);
  for (const limit of [1, 3, 10, 14, 15]) {
    const found: number[] = [];
    for (let before: number | undefined; ; ) {
      const page = await dataVersions(repo, { model: 'm', name: 'a', limit, ...(before === undefined ? {} : { before }) });
      found.push(...numbers(page));
      assert.deepEqual(
        page.versions.filter(({ isLatest }) => isLatest).map(({ version }) => version),
        before === undefined ? [90] : [],
      );
      if (!page.more) break;
      before = page.versions.at(-1)?.version ?? 0;
    }
    assert.deepEqual(found, numbers(all), `pages of ${limit}`);
  }
  assert.deepEqual(numbers(await dataVersions(repo, { model: 'm', name: 'a', before: 5 })), [4, 3, 2, 1]);
});
