import assert from 'node:assert/strict';
import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { libraryRepo, newModel, putAll } from '../../integration/support/library-repo.js';
import { ARTIFACT_RECORD, METADATA } from '../layout/layout.js';
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
