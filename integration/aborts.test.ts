/** An abort ends its own operation and nothing else: no other operation, no other file of the program, no version that was acknowledged. */
import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openRepo } from '../src/index.js';
import { told } from './support/program.js';
import { seedOfThisRun } from './support/random.js';
import { createModel, tempRepo } from './support/repo.js';
import { finished, run, shellCode, start, startProgram } from './support/swamp.js';
import { until } from './support/until.js';

interface Acknowledged {
  readonly name: string;
  readonly version: number;
  readonly size: number;
  readonly checksum: string;
}

test('reads that are aborted leave the writes and the files of the same program alone', async (t) => {
  const seed = seedOfThisRun();
  t.diagnostic(`SWAMP_SEED=${seed}`);
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'm');
  const { stdout, stderr } = await finished(startProgram(repo, 'aborter', ['4000', seed], { timeoutMs: 60_000 }));
  assert.equal(stderr, '', 'a warning of Node is a leak');
  const documents = told<Acknowledged | { readonly aborted: number; readonly reads: number; readonly leaked: number }>(stdout);
  const [summary] = documents.flatMap((one) => ('aborted' in one ? [one] : []));
  const acknowledged = documents.flatMap((one) => ('name' in one ? [one] : []));
  assert.ok(acknowledged.length > 3 && (summary?.aborted ?? 0) > 20, JSON.stringify([acknowledged.length, summary]));
  assert.equal(summary?.leaked, 0, 'descriptors are left open');
  for (const { name, version, size, checksum } of acknowledged) {
    const content = readFileSync(join(repo.layout.version(id, name, version), 'content'));
    assert.deepEqual([content.length, createHash('sha256').update(content).digest('hex')], [size, checksum], `${name} ${version}`);
  }
});

test('Ctrl-C in "data upload complete" ends it as a signal does, at any moment; the upload stays', async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'm');
  const { upload, data } = openRepo(repo.dir);
  const { uploadId } = await upload.begin({ model: 'm', name: 'a' });
  const part = join(repo.base, 'part');
  writeFileSync(part, Buffer.alloc(24_000_000, 'part '));
  for (const partNumber of [1, 2, 3]) await upload.part({ upload: uploadId, partNumber, source: { file: part } });
  const endings: (number | null)[] = [];
  for (let i = 0; i < 6; i++) {
    const completing = start(repo, ['data', 'upload', 'complete', uploadId]);
    await until('it reads the parts', () => !existsSync(repo.layout.upload(id, uploadId)) || completing.hasExited());
    await delay(randomInt(40));
    completing.kill('SIGINT');
    endings.push(shellCode(await completing.exited));
    if ((await upload.list({})).uploads.length === 0) break;
  }
  assert.deepEqual(
    endings.filter((code) => code !== 130 && code !== 0),
    [],
    JSON.stringify(endings),
  );
  if (endings.includes(0)) return;
  await run(repo, ['data', 'upload', 'complete', uploadId, '--parts', '3']);
  assert.equal((await data.get({ model: 'm', name: 'a', verify: true })).record.size, 72_000_000);
});
