/** Multi-part writes as large as they come: gigabytes in bounded memory, and ten thousand parts (B5). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openRepo } from '../../src/index.js';
import { sha256 } from '../support/parts.js';
import { createModel, type TestRepo, tempRepo } from '../support/repo.js';
import { finished, type Result, runJson, start } from '../support/swamp.js';

const GIB = 1024 ** 3;
const MOST_BYTES = 150e6;

/** Runs `swamp` to its end; the most memory it had, in bytes, as the system counted it. Undefined where that is not told. */
async function measured(repo: TestRepo, args: readonly string[]): Promise<{ readonly result: Result; readonly peak: number | undefined }> {
  const running = start(repo, args, { timeoutMs: 600_000 });
  let peak: number | undefined;
  const timer = setInterval(() => {
    peak = Math.max(peak ?? 0, peakOf(running.pid) ?? 0);
  }, 20);
  try {
    return { result: await finished(running), peak };
  } finally {
    clearInterval(timer);
  }
}

function peakOf(pid: number): number | undefined {
  try {
    const [, kilobytes] = /^VmHWM:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

test('two gibibytes in five parts are sent, completed, verified, checked and read in less than 150 MB', { skip: process.platform !== 'linux' }, async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const { uploadId } = await runJson<{ uploadId: string }>(repo, ['data', 'upload', 'begin', 'm', 'big']);
  const file = join(repo.base, 'zeros');
  writeFileSync(file, '');
  truncateSync(file, (2 * GIB) / 4 - 1);
  const tail = join(repo.base, 'tail');
  writeFileSync(tail, 'tail');
  const out = join(repo.base, 'out');
  const commands = [
    ...[1, 2, 3, 4].map((number) => ['data', 'upload', 'part', uploadId, String(number), file]),
    ['data', 'upload', 'part', uploadId, '5', tail],
    ['data', 'upload', 'complete', uploadId, '--parts', '5'],
    ['data', 'get', 'm', 'big', '--verify', '-o', out],
    ['datastore', 'check'],
  ];
  for (const args of commands) {
    const { result, peak } = await measured(repo, args);
    t.diagnostic(`${args.slice(0, 3).join(' ')}: ${Math.round((peak ?? 0) / 1e6)} MB, ${Math.round(result.ms / 100) / 10} s`);
    assert.ok(peak !== undefined && peak < MOST_BYTES, `${args.join(' ')} took ${peak} bytes`);
  }
  const expected = createHash('sha256');
  const zeros = Buffer.alloc(1024 * 1024);
  for (let left = 2 * GIB - 4; left > 0; left -= zeros.length) expected.update(left < zeros.length ? zeros.subarray(0, left) : zeros);
  const { checksum } = await runJson<{ checksum: string }>(repo, ['data', 'get', 'm', 'big', '--metadata']);
  assert.equal(checksum, expected.update('tail').digest('hex'));
  assert.equal(statSync(out).size, 2 * GIB);
});

test('ten thousand parts, the most there can be, are one content; beyond a thousand no file is held open', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const { upload, data, datastore } = openRepo(repo.dir);
  const { uploadId } = await upload.begin({ model: 'm', name: 'many' });
  const texts = Array.from({ length: 10_000 }, (_, i) => `${i + 1}\n`);
  const send = async (from: number): Promise<void> => {
    for (let i = from; i < texts.length; i += 8) await upload.part({ upload: uploadId, partNumber: i + 1, source: [texts[i] ?? ''] });
  };
  await Promise.all(Array.from({ length: 8 }, (_, from) => send(from)));
  const { checksum } = await upload.complete({ upload: uploadId, parts: 10_000 });
  assert.equal(checksum, sha256(texts.join('')));
  const { openContent } = await data.get({ model: 'm', name: 'many', verify: true });
  assert.equal((await openContent().setEncoding('utf8').toArray()).join(''), texts.join(''));
  const reading = (await data.get({ model: 'm', name: 'many' })).openContent();
  await once(reading, 'readable');
  await data.delete({ model: 'm', name: 'many' });
  await assert.rejects(reading.resume().toArray(), { code: 'version_not_found' });
  assert.deepEqual((await datastore.check()).findings, []);
});
