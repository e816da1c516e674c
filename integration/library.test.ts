/** The library as a Node program uses it: what it opens it gives back, and what it is given is checked at one door. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openRepo } from '../src/index.js';
import { createModel, put, tempRepo } from './support/repo.js';
import { finished, launch, run } from './support/swamp.js';
import { until } from './support/until.js';

/** The files of the repository that this process holds open; none where that is not known. */
function openIn(dir: string): number {
  if (process.platform !== 'linux') return 0;
  const links = readdirSync('/proc/self/fd', { withFileTypes: true }).filter((entry) => entry.isSymbolicLink());
  return links.filter(({ name }) => targetOf(name).startsWith(dir)).length;
}

function targetOf(number: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${number}`);
  } catch (error) {
    // The descriptor of the listing itself.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

describe('a version that was looked up', () => {
  test('opens nothing until it is read, and belongs to one reader', async (t) => {
    const repo = await tempRepo(t);
    const { data } = openRepo(repo.dir);
    await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'one');
    const got = await data.get({ model: 'm', name: 'a' });
    assert.equal((await data.record({ model: 'm', name: 'a', verify: true })).checksum, got.record.checksum);
    assert.equal(openIn(repo.dir), 0);
    const stream = got.openContent();
    await once(stream, 'readable');
    for (const second of [() => got.openContent(), () => got.bytes(), () => got.text()])
      await assert.rejects(async () => second(), { code: 'usage', message: /read or disposed of before/ });
    assert.equal((await stream.setEncoding('utf8').toArray()).join(''), 'one');
    const disposed = await data.get({ model: 'm', name: 'a' });
    const begun = disposed.openContent();
    await once(begun, 'readable');
    await disposed[Symbol.asyncDispose]();
    assert.ok(begun.destroyed);
    await assert.rejects(disposed.text(), { code: 'usage' });
    await until('a read that was under way has ended, and its file is closed', () => openIn(repo.dir) === 0);
  });

  test('is read wherever it is now; one that was deleted is not taken for another', async (t) => {
    const repo = await tempRepo(t);
    const { data, model } = openRepo(repo.dir);
    await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'one');
    const got = await data.get({ model: 'm', name: 'a' });
    await data.rename({ model: 'm', oldName: 'a', newName: 'b' });
    await model.rename({ model: 'm', newName: 'n' });
    assert.equal(await got.text(), 'one');
    const gone = await data.get({ model: 'n', name: 'b' });
    await data.delete({ model: 'n', name: 'b' });
    await put(repo, 'n', 'b', 'two');
    await assert.rejects(gone.text(), { code: 'version_not_found', message: /was deleted before it was read/ });
  });

  test('is given out in one piece up to 64 MiB, and as a stream above that', async (t) => {
    const repo = await tempRepo(t);
    const { data } = openRepo(repo.dir);
    await createModel(repo, 'm');
    const file = join(repo.base, 'large');
    writeFileSync(file, '');
    truncateSync(file, 64 * 1024 * 1024 + 1);
    await data.put({ model: 'm', name: 'large', source: { file } });
    const got = await data.get({ model: 'm', name: 'large' });
    await assert.rejects(got.text(), { code: 'usage', hint: /openContent/ });
    let size = 0;
    for await (const chunk of got.openContent() as AsyncIterable<Buffer>) size += chunk.length;
    assert.equal(size, 64 * 1024 * 1024 + 1);
    const { stderr } = await run(repo, ['data', 'get', 'm', 'large', '--json'], { expect: 64 });
    assert.match(stderr, /-o FILE/);
  });
});

test('a content of more parts than the process may hold open is read all the same, and a listing opens none', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const { upload } = openRepo(repo.dir);
  const { uploadId } = await upload.begin({ model: 'm', name: 'many' });
  const texts = Array.from({ length: 150 }, (_, i) => `${i + 1}\n`);
  const send = async (from: number): Promise<void> => {
    for (let i = from; i < texts.length; i += 10) await upload.part({ upload: uploadId, partNumber: i + 1, source: texts[i] ?? '' });
  };
  await Promise.all(Array.from({ length: 10 }, (_, from) => send(from)));
  const limited = (command: string): ReturnType<typeof finished> => finished(launch(repo, 'bash', ['-c', `ulimit -n 80 && ${command}`]));
  await limited(`swamp data upload complete ${uploadId}`);
  assert.equal((await limited('swamp data get m many --verify')).stdout, texts.join(''));
  assert.match((await limited('swamp data list m')).stdout, /many/);
});
