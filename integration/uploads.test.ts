/** Multi-part writes: parts from many processes, completion against whatever else goes on, and what becomes of the unfinished (B5, B6, D9, D11). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe } from 'node:test';
import { type OpenRepo, openRepo, SwampError } from '../src/index.js';
import { backupOf } from './support/backup-of.js';
import { Pauses } from './support/failpoints.js';
import { partContent, sha256, wholeContent } from './support/parts.js';
import { told } from './support/program.js';
import { randomFrom, seedOfThisRun } from './support/random.js';
import { refused } from './support/refused.js';
import { contentOf, createModel, put, type TestRepo, tempRepo, versionsOf } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';
import { finished, type Running, run, runJson, start, startProgram } from './support/swamp.js';
import { until } from './support/until.js';

const test = sampledTest(2);

interface Completed {
  readonly version: number;
  readonly size: number;
  readonly checksum: string;
  readonly contentPath: string;
  readonly changed: boolean;
}
interface Listed {
  readonly uploads: readonly { readonly uploadId: string; readonly modelName: string; readonly name: string; readonly parts: number; readonly bytes: number }[];
}

async function begin(repo: TestRepo, name: string, ...flags: readonly string[]): Promise<string> {
  return (await runJson<{ uploadId: string }>(repo, ['data', 'upload', 'begin', 'm', name, ...flags])).uploadId;
}

/** An upload with these texts as its parts 1, 2, ... */
async function uploadOf(repo: TestRepo, name: string, ...texts: readonly string[]): Promise<string> {
  const { upload } = openRepo(repo.dir);
  const { uploadId } = await upload.begin({ model: 'm', name });
  for (const [i, text] of texts.entries()) await upload.part({ upload: uploadId, partNumber: i + 1, source: [text] });
  return uploadId;
}

function complete(repo: TestRepo, id: string, ...flags: readonly string[]): Promise<Completed> {
  return runJson<Completed>(repo, ['data', 'upload', 'complete', id, ...flags]);
}

async function listed(repo: TestRepo): Promise<Listed['uploads']> {
  return (await runJson<Listed>(repo, ['data', 'upload', 'list'])).uploads;
}

/** The directory of an upload that takes parts. */
function placeOf(repo: TestRepo, id: string): string {
  return repo.layout.upload(id.slice(0, 36), id);
}

function rejects(work: Promise<unknown>, code: string): Promise<void> {
  return assert.rejects(work, (error: unknown) => error instanceof SwampError && error.code === code);
}

describe('parts', { concurrency: 2 }, () => {
  test('come from 8 processes in any order, two of which are killed and resumed: the content is exact, without a stray part (B5, B6)', async (t) => {
    const seed = seedOfThisRun();
    t.diagnostic(`SWAMP_SEED=${seed}`);
    const random = randomFrom(seed);
    const repo = await tempRepo(t, { pending: 'allowed' });
    await createModel(repo, 'm');
    const id = await begin(repo, 'big');
    const shuffled = Array.from({ length: 64 }, (_, i) => i + 1)
      .map((number) => ({ number, at: random.below(1e6) }))
      .sort((a, b) => a.at - b.at)
      .map(({ number }) => number);
    const shares = Array.from({ length: 8 }, (_, i) => shuffled.filter((_, j) => j % 8 === i));
    const send = (numbers: readonly number[]): Running => startProgram(repo, 'uploader', [id, seed, numbers.join(',')], { timeoutMs: 60_000 });
    const acknowledged = ({ stdout }: Pick<Running, 'stdout'>): number[] => told<{ partNumber: number }>(stdout()).map(({ partNumber }) => partNumber);
    await Promise.all(
      shares.map(async (numbers, i) => {
        const sender = send(numbers);
        if (i < 2) {
          await until('it has sent some', () => acknowledged(sender).length >= 2 || sender.hasExited());
          sender.kill('SIGKILL');
          await sender.exited;
          const left = numbers.filter((number) => !acknowledged(sender).includes(number));
          await finished(send(left));
        } else await finished(sender);
      }),
    );
    const whole = wholeContent(seed, 64);
    assert.deepEqual(
      (await listed(repo)).map(({ uploadId, name, parts, bytes }) => ({ uploadId, name, parts, bytes })),
      [{ uploadId: id, name: 'big', parts: 64, bytes: whole.length }],
    );
    const result = await complete(repo, id, '--parts', '64');
    assert.deepEqual([result.size, result.checksum], [whole.length, sha256(whole)]);
    const { openContent, record } = await openRepo(repo.dir).data.get({ model: 'm', name: 'big', verify: true });
    assert.ok((await buffer(openContent())).equals(whole));
    const parts = readdirSync(join(repo.dir, record.contentPath)).map(Number);
    assert.deepEqual(
      parts.sort((a, b) => a - b),
      Array.from({ length: 64 }, (_, i) => i + 1),
    );
    assert.deepEqual(await listed(repo), []);
    await run(repo, ['datastore', 'sweep']);
    assert.deepEqual(readdirSync(repo.layout.stagings), []);
  });

  test('of one number are sent by two processes at once: the last one is there, whole', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const id = await begin(repo, 'a');
    const texts = ['a'.repeat(50_000), 'b'.repeat(70_000)];
    const pauses = texts.map(() => new Pauses(repo, ['part.staged']));
    const senders = texts.map((stdin, i) => start(repo, ['data', 'upload', 'part', id, '1', '--json'], { stdin, env: pauses[i]?.env ?? {} }));
    for (const [i, sender] of senders.entries()) await pauses[i]?.at('part.staged', sender);
    pauses[1]?.go('part.staged');
    await finished(senders[1] as Running);
    pauses[0]?.go('part.staged');
    await finished(senders[0] as Running);
    assert.equal((await complete(repo, id)).checksum, sha256(texts[0] ?? ''));
  });

  test('are replaced, shrink, and may be empty; the content is what was sent last', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const id = await uploadOf(repo, 'a', 'first version of it', 'b', 'c');
    await run(repo, ['data', 'upload', 'part', id, '1'], { stdin: 'A' });
    await run(repo, ['data', 'upload', 'part', id, '2'], { stdin: '' });
    const file = join(repo.base, 'file');
    writeFileSync(file, 'from a file');
    const part = await runJson<object>(repo, ['data', 'upload', 'part', id, '3', file]);
    assert.deepEqual(part, { uploadId: id, partNumber: 3, size: 11, checksum: sha256('from a file') });
    await complete(repo, id);
    assert.equal(await contentOf(repo, 'm', 'a'), 'Afrom a file');
  });

  test('have a number from 1 to 10,000, a source that can be read, and an upload', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const id = await begin(repo, 'a');
    for (const number of ['0', '10001', '-1', '1.5', 'one', '']) await refused(repo, ['data', 'upload', 'part', id, number], 'usage');
    await refused(repo, ['data', 'upload', 'part', id, '1', join(repo.base, 'none')], 'io');
    await refused(repo, ['data', 'upload', 'part', id, '1', repo.base], 'io');
    await refused(repo, ['data', 'upload', 'part', id, '1', '--nope'], 'usage');
    await refused(repo, ['data', 'upload', 'abort', ''], 'usage');
    for (const wrong of ['..', `${id}x`, `${id.slice(0, -1)}/`, `../${id}`, id.replace(/.$/, 'g')]) {
      await refused(repo, ['data', 'upload', 'part', wrong, '1'], 'upload_not_found', { stdin: 'x' });
      await refused(repo, ['data', 'upload', 'abort', wrong], 'upload_not_found');
    }
    await run(repo, ['data', 'upload', 'part', id, '10000'], { stdin: 'x' });
    assert.match((await refused(repo, ['data', 'upload', 'complete', id], 'incomplete_chunks')).message, /parts 1, 2, 3, 4, 5, \.\.\. are missing/);
  });
});

describe('a completion', { concurrency: 2 }, () => {
  test('wants exactly the parts declared, and tells artifact and part (B5)', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const id = await uploadOf(repo, 'some name', 'one', 'two', 'three');
    unlinkSync(join(placeOf(repo, id), 'parts', '2'));
    const gap = await refused(repo, ['data', 'upload', 'complete', id], 'incomplete_chunks');
    assert.deepEqual([gap.data['name'], gap.data['part'], gap.data['missing']], ['some name', 2, [2]]);
    await run(repo, ['data', 'upload', 'part', id, '2'], { stdin: 'TWO' });
    const few = await refused(repo, ['data', 'upload', 'complete', id, '--parts', '2'], 'incomplete_chunks');
    assert.deepEqual(few.data['extra'], [3]);
    const many = await refused(repo, ['data', 'upload', 'complete', id, '--parts', '4'], 'incomplete_chunks');
    assert.deepEqual(many.data['missing'], [4]);
    await refused(repo, ['data', 'upload', 'complete', id, '--parts', '10001'], 'usage');
    assert.deepEqual(await versionsOf(repo, 'm', 'some name'), []);
    await complete(repo, id, '--parts', '3');
    assert.equal(await contentOf(repo, 'm', 'some name'), 'oneTWOthree');
    assert.match((await refused(repo, ['data', 'upload', 'complete', id], 'upload_not_found')).hint, /data versions/);
  });

  test('of nothing fails, unless nothing was declared: a content of zero bytes is fine (B6)', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const id = await begin(repo, 'a');
    await refused(repo, ['data', 'upload', 'complete', id], 'incomplete_chunks');
    assert.equal((await complete(repo, id, '--parts', '0')).size, 0);
    assert.equal(await contentOf(repo, 'm', 'a'), '');
    await complete(repo, await uploadOf(repo, 'a', ''));
    assert.equal(await contentOf(repo, 'm', 'a', 2), '');
  });

  test('refuses a part that changed on disk since it was sent, and takes it when it is sent again (B5)', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const id = await uploadOf(repo, 'a', 'one', 'two');
    writeFileSync(join(placeOf(repo, id), 'parts', '2'), 'twO');
    const { data, hint } = await refused(repo, ['data', 'upload', 'complete', id], 'checksum_mismatch');
    assert.deepEqual([data['name'], data['part']], ['a', 2]);
    assert.match(hint, /upload part/);
    await run(repo, ['data', 'upload', 'part', id, '2'], { stdin: 'two' });
    await complete(repo, id);
    assert.equal(await contentOf(repo, 'm', 'a'), 'onetwo');
  });

  test('goes by what begin was told: compare and swap, only what is new, tags, lifetime, a new model', async (t) => {
    const repo = await tempRepo(t);
    const first = await begin(repo, 'a', '--create', '--expect-version', '0', '--lifetime', '2w', '--gc', '3', '--tag', 'k=v', '--content-type', 'text/plain');
    await run(repo, ['data', 'upload', 'part', first, '1'], { stdin: 'one' });
    await complete(repo, first);
    const record = await runJson<Record<string, unknown>>(repo, ['data', 'get', 'm', 'a']);
    assert.deepEqual(
      [record['lifetime'], record['garbageCollection'], record['tags'], record['contentType'], record['content']],
      ['2w', '3', { k: 'v' }, 'text/plain', 'one'],
    );
    const late = await begin(repo, 'a', '--expect-version', '0');
    await run(repo, ['data', 'upload', 'part', late, '1'], { stdin: 'two' });
    await refused(repo, ['data', 'upload', 'complete', late], 'conflict');
    assert.equal((await listed(repo)).length, 1, 'it is as it was');
    await run(repo, ['data', 'upload', 'abort', late]);
    const same = await begin(repo, 'a', '--if-changed');
    for (const [i, stdin] of ['o', 'ne'].entries()) await run(repo, ['data', 'upload', 'part', same, String(i + 1)], { stdin });
    const unchanged = await complete(repo, same);
    assert.deepEqual([unchanged.version, unchanged.changed], [1, false]);
    assert.deepEqual(await listed(repo), []);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1]);
    await refused(repo, ['data', 'upload', 'begin', 'm', 'a', '--lifetime', 'long'], 'usage');
    await refused(repo, ['data', 'upload', 'begin', 'm', ''], 'usage');
  });

  test('beside late parts takes none of them: their upload is gone (B6)', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const id = await uploadOf(repo, 'a', 'one', 'two');
    const pauses = new Pauses(repo, ['part.staged']);
    const late = start(repo, ['data', 'upload', 'part', id, '2', '--json'], { stdin: 'LATE', env: pauses.env });
    await pauses.at('part.staged', late);
    await complete(repo, id);
    pauses.go('part.staged');
    const { stdout, stderr } = await finished(late, 66);
    assert.equal(stdout, '');
    assert.match(stderr, /"upload_not_found"/);
    assert.equal(await contentOf(repo, 'm', 'a'), 'onetwo');
  });

  test('under way is not disturbed by a part, an abort, or another completion; while it looks at the parts no lock is held', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const id = await uploadOf(repo, 'a', 'one');
    const pauses = new Pauses(repo, ['upload.aside']);
    const completing = start(repo, ['data', 'upload', 'complete', id, '--json'], { env: pauses.env });
    await pauses.at('upload.aside', completing);
    for (const args of [
      ['part', id, '2'],
      ['abort', id],
      ['complete', id],
    ]) {
      const { data, message } = await refused(repo, ['data', 'upload', ...args], 'upload_not_found', { stdin: 'x' });
      assert.deepEqual([data['completing'], data['pid']], [true, completing.pid], message);
    }
    await put(repo, 'm', 'a', 'put meanwhile');
    assert.deepEqual(
      (await listed(repo)).map(({ uploadId }) => uploadId),
      [id],
    );
    // Nobody puts back what a living process has moved aside.
    assert.deepEqual((await runJson<{ removed: unknown[] }>(repo, ['datastore', 'sweep'])).removed, []);
    pauses.go('upload.aside');
    assert.equal((JSON.parse((await finished(completing)).stdout) as Completed).version, 2);
  });

  test('and an abort at the same time: one of them wins, the other is told', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    let completed = 0;
    for (let round = 0; round < 6; round++) {
      const id = await uploadOf(repo, `a${round}`, 'one');
      const both = [
        ['complete', id],
        ['abort', id],
      ].map((args) => start(repo, ['data', 'upload', ...args, '--json']));
      const codes = await Promise.all(both.map(async (one) => (await one.exited).code));
      assert.deepEqual(codes.toSorted(), [0, 66]);
      if (codes[0] === 0) completed++;
      assert.deepEqual(await versionsOf(repo, 'm', `a${round}`), codes[0] === 0 ? [1] : []);
    }
    t.diagnostic(`${completed} of 6 completed`);
    assert.deepEqual(await listed(repo), []);
  });

  for (const point of ['upload.aside', 'upload.before-begin'] as const) {
    test(`D11: whose model is deleted at ${point} fails and leaves nothing behind`, async (t) => {
      const repo = await tempRepo(t);
      const modelId = await createModel(repo, 'm');
      const id = await uploadOf(repo, 'a', 'one');
      const pauses = new Pauses(repo, [point]);
      const args = point === 'upload.aside' ? ['complete', id] : ['begin', 'm', 'b'];
      const late = start(repo, ['data', 'upload', ...args, '--json'], { env: pauses.env });
      await pauses.at(point, late);
      await run(repo, ['model', 'delete', 'm', '--force']);
      pauses.go(point);
      assert.match((await finished(late, 66)).stderr, /"model_not_found"/);
      for (const path of [repo.layout.modelUploads(modelId), repo.layout.model(modelId)]) assert.equal(existsSync(path), false, path);
      for (const rest of [
        ['part', id, '1'],
        ['complete', id],
        ['abort', id],
      ]) {
        await refused(repo, ['data', 'upload', ...rest], 'model_not_found', { stdin: 'x' });
      }
    });
  }

  test('whose upload a restore has taken away meanwhile is told, and keeps nobody from the model', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const backup = await backupOf(repo.dir, join(repo.base, 'backup'));
    const id = await uploadOf(repo, 'a', 'one');
    const pauses = new Pauses(repo, ['stage.complete']);
    const late = start(repo, ['data', 'upload', 'complete', id, '--json'], { env: pauses.env });
    await pauses.at('stage.complete', late);
    await run(repo, ['backup', 'restore', backup, '--mode', 'replace', '--force']);
    pauses.go('stage.complete');
    assert.match((await finished(late, 66)).stderr, /"upload_not_found"/);
    assert.equal((await put(repo, 'm', 'a', 'next')).version, 1);
  });

  test('that lost its lock before it had published, and is refused then, puts the upload back', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const id = await begin(repo, 'a', '--expect-version', '0');
    await openRepo(repo.dir).upload.part({ upload: id, partNumber: 1, source: ['one'] });
    const pauses = new Pauses(repo, ['upload.before-intent']);
    const completing = start(repo, ['data', 'upload', 'complete', id, '--json'], { env: pauses.env });
    await pauses.at('upload.before-intent', completing);
    await run(repo, ['datastore', 'lock', 'release', '--model', 'm', '--force']);
    await put(repo, 'm', 'a', 'another');
    pauses.go('upload.before-intent');
    assert.match((await finished(completing, 73)).stderr, /"conflict"/);
    assert.ok(existsSync(placeOf(repo, id)), 'it takes parts again');
  });

  test('that holds the data fence makes a delete wait, which then finds data', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const id = await uploadOf(repo, 'a', 'one');
    const pauses = new Pauses(repo, ['upload.before-intent']);
    const completing = start(repo, ['data', 'upload', 'complete', id], { env: pauses.env });
    await pauses.at('upload.before-intent', completing);
    const deleting = start(repo, ['model', 'delete', 'm', '--force', '--json']);
    await deleting.says(/Waiting for/);
    pauses.go('upload.before-intent');
    await finished(completing);
    assert.match((await finished(deleting, 73)).stderr, /"container_not_empty"/);
    await run(repo, ['model', 'delete', 'm', '--with-data', '--force']);
  });
});

describe('an unfinished upload', { concurrency: 2 }, () => {
  test('does not keep its model from being deleted, and goes with it (D9)', async (t) => {
    const repo = await tempRepo(t);
    const modelId = await createModel(repo, 'm');
    await uploadOf(repo, 'a', 'one', 'two');
    await run(repo, ['model', 'delete', 'm', '--force']);
    assert.equal(existsSync(repo.layout.modelUploads(modelId)), false);
    assert.deepEqual(await listed(repo), []);
    assert.deepEqual(readdirSync(repo.layout.trashes), []);
  });

  test('that is abandoned gives no part to a later one of the same name (B6)', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const old = await uploadOf(repo, 'a', 'OLD', 'OLD', 'OLD');
    await complete(repo, await uploadOf(repo, 'a', 'new', 'er'));
    assert.equal(await contentOf(repo, 'm', 'a'), 'newer');
    await run(repo, ['data', 'delete', 'm', 'a', '--force']);
    await complete(repo, await uploadOf(repo, 'a', 'again'));
    assert.equal(await contentOf(repo, 'm', 'a'), 'again');
    assert.deepEqual(
      (await listed(repo)).map(({ uploadId, parts, bytes }) => [uploadId, parts, bytes]),
      [[old, 3, 9]],
    );
    const { uploads } = await runJson<Listed>(repo, ['datastore', 'status']);
    assert.deepEqual(
      uploads.map(({ uploadId }) => uploadId),
      [old],
    );
    assert.deepEqual((await runJson<{ removed: unknown[] }>(repo, ['datastore', 'sweep'])).removed, []);
    await run(repo, ['data', 'upload', 'abort', old]);
    await refused(repo, ['data', 'upload', 'abort', old], 'upload_not_found');
    assert.deepEqual(readdirSync(repo.layout.trashes), []);
  });

  for (const point of ['upload.aside', 'upload.before-intent']) {
    for (const next of sampled(['part', 'complete', 'abort', 'sweep'] as const, 2)) {
      test(`whose completion died at ${point} is put back by ${next}, and lost nothing`, async (t) => {
        const repo = await tempRepo(t, { pending: 'allowed' });
        await createModel(repo, 'm');
        const id = await uploadOf(repo, 'a', 'one');
        const died = await start(repo, ['data', 'upload', 'complete', id], { env: { SWAMP_FAILPOINTS: `${point}=kill` } }).exited;
        assert.equal(died.signal, 'SIGKILL');
        const { pending } = await runJson<{ pending: { kind: string }[] }>(repo, ['datastore', 'check']);
        assert.ok(pending.some(({ kind }) => kind === 'upload'));
        assert.deepEqual(
          (await listed(repo)).map(({ uploadId, parts }) => [uploadId, parts]),
          [[id, 1]],
        );
        if (next === 'sweep') await run(repo, ['datastore', 'sweep']);
        else await run(repo, ['data', 'upload', next, id, ...(next === 'part' ? ['2'] : [])], { stdin: 'two' });
        if (next === 'part' || next === 'sweep') await complete(repo, id);
        assert.deepEqual(await versionsOf(repo, 'm', 'a'), next === 'abort' ? [] : [1]);
        if (next !== 'abort') assert.equal(await contentOf(repo, 'm', 'a'), next === 'part' ? 'onetwo' : 'one');
        await run(repo, ['datastore', 'sweep']);
        assert.deepEqual((await runJson<{ pending: unknown[] }>(repo, ['datastore', 'check'])).pending, []);
      });
    }
  }

  test('whose completion died after it had published is a version, whoever comes next, and its retry succeeds', async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    await createModel(repo, 'm');
    for (const point of ['intent.published', 'steps.take', 'steps.out']) {
      for (const next of sampled(['put', 'retry', 'abort'] as const, 3)) {
        const name = `${point} ${next}`;
        const id = await uploadOf(repo, name, 'one', 'two');
        const died = await start(repo, ['data', 'upload', 'complete', id], { env: { SWAMP_FAILPOINTS: `${point}=kill` } }).exited;
        assert.equal(died.signal, 'SIGKILL');
        if (next === 'put') await put(repo, 'm', 'other', name);
        else if (next === 'retry') assert.equal((await complete(repo, id)).version, 1);
        else await refused(repo, ['data', 'upload', 'abort', id], 'upload_not_found');
        assert.equal(await contentOf(repo, 'm', name), 'onetwo', name);
        assert.deepEqual(await versionsOf(repo, 'm', name), [1]);
        assert.deepEqual(await listed(repo), []);
      }
    }
  });
});

describe('a version in parts', { concurrency: 2 }, () => {
  /** `a` in two versions: `one`, put as one file, and `two` `three`, in parts. */
  async function stocked(
    t: Parameters<typeof tempRepo>[0],
  ): Promise<{ readonly repo: TestRepo; readonly id: string; readonly library: OpenRepo; readonly parts: string }> {
    const repo = await tempRepo(t, { check: false });
    const id = await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'one');
    await complete(repo, await uploadOf(repo, 'a', 'two', 'three'));
    return { repo, id, library: openRepo(repo.dir), parts: join(repo.layout.version(id, 'a', 2), 'parts') };
  }

  async function expectClean(repo: TestRepo): Promise<void> {
    const { findings, pending } = await openRepo(repo.dir).datastore.check();
    assert.deepEqual([findings, pending], [[], []]);
  }

  test('is got, listed, counted, renamed and deleted like any other', async (t) => {
    const { repo, id } = await stocked(t);
    assert.equal((await run(repo, ['data', 'get', 'm', 'a'])).stdout, 'twothree');
    assert.equal((await run(repo, ['data', 'get', 'm', 'a', '--version', '1'])).stdout, 'one');
    const record = await runJson<Record<string, unknown>>(repo, ['data', 'get', 'm', 'a', '--metadata']);
    assert.deepEqual([record['size'], record['checksum'], record['contentPath']], [8, sha256('twothree'), `.swamp/v3/data/${id}/a/2/parts`]);
    assert.equal((await runJson<Record<string, unknown>>(repo, ['data', 'get', 'm', 'a']))['content'], 'twothree');
    const file = join(repo.base, 'out');
    await run(repo, ['data', 'get', 'm', 'a', '-o', file, '--verify']);
    assert.equal(readFileSync(file, 'utf8'), 'twothree');
    const { groups } = await runJson<{ groups: { items: { name: string; size: number }[] }[] }>(repo, ['data', 'list', 'm']);
    assert.deepEqual(
      groups[0]?.items.map(({ name, size }) => [name, size]),
      [['a', 8]],
    );
    assert.equal((await runJson<{ bytes: number }>(repo, ['repo', 'info'])).bytes, 11);
    assert.equal((await runJson<{ checked: { bytes: number } }>(repo, ['datastore', 'check'])).checked.bytes, 11);
    const same = await runJson<Completed>(repo, ['data', 'put', 'm', 'a', '--if-changed'], { stdin: 'twothree' });
    assert.deepEqual([same.changed, same.version, same.contentPath], [false, 2, `.swamp/v3/data/${id}/a/2/parts`]);
    await run(repo, ['data', 'rename', 'm', 'a', 'b']);
    assert.equal((await run(repo, ['data', 'get', 'm', 'a'])).stdout, 'twothree');
    await run(repo, ['data', 'delete', 'm', 'b', '--version', '2', '--force']);
    assert.equal(await contentOf(repo, 'm', 'b'), 'one');
    assert.equal((await complete(repo, await uploadOf(repo, 'b', 'x'))).version, 3, 'P4');
    await run(repo, ['data', 'delete', 'm', 'b', '--force']);
    await expectClean(repo);
  });

  test('is read to its end although it was deleted and swept meanwhile (P3)', async (t) => {
    const { repo, library } = await stocked(t);
    const content = (await library.data.get({ model: 'm', name: 'a' })).openContent();
    await once(content, 'readable');
    await run(repo, ['data', 'delete', 'm', 'a', '--force']);
    assert.deepEqual(readdirSync(repo.layout.trashes), []);
    assert.equal((await buffer(content)).toString(), 'twothree');
    await expectClean(repo);
  });

  test('that is damaged is told with its part before a byte is given out (B5)', async (t) => {
    const damage: readonly (readonly [
      how: string,
      damage: (parts: string) => void,
      code: 'incomplete_chunks' | 'checksum_mismatch',
      verified: boolean,
      kind: string,
    ])[] = [
      ['a part is missing', (parts) => unlinkSync(join(parts, '2')), 'incomplete_chunks', false, 'missing_file'],
      ['a part is too long', (parts) => appendFileSync(join(parts, '2'), '!'), 'checksum_mismatch', false, 'size_mismatch'],
      ['a part is too short', (parts) => truncateSync(join(parts, '2'), 1), 'checksum_mismatch', false, 'size_mismatch'],
      ['a part is another', (parts) => writeFileSync(join(parts, '2'), 'THREE'), 'checksum_mismatch', true, 'checksum_mismatch'],
    ];
    for (const [how, break_, code, verified, kind] of damage) {
      const { repo, parts } = await stocked(t);
      break_(parts);
      const { data } = await refused(repo, ['data', 'get', 'm', 'a', ...(verified ? ['--verify'] : [])], code);
      assert.deepEqual([data['name'], data['part']], ['a', 2], how);
      const { findings } = await openRepo(repo.dir).datastore.check();
      assert.deepEqual(
        findings.map((finding) => [finding.kind, finding.path]),
        [[kind, join(parts, '2').slice(repo.dir.length + 1)]],
        how,
      );
    }
  });

  test('takes no part that its record does not declare; check tells of it (B6)', async (t) => {
    const { repo, parts } = await stocked(t);
    writeFileSync(join(parts, '3'), 'STRAY');
    assert.equal(await contentOf(repo, 'm', 'a'), 'twothree');
    const { findings } = await openRepo(repo.dir).datastore.check();
    assert.deepEqual(
      findings.map(({ kind, path }) => [kind, path]),
      [['unknown_entry', join(parts, '3').slice(repo.dir.length + 1)]],
    );
    renameSync(join(parts, '3'), join(repo.base, '3'));
    await expectClean(repo);
  });

  test('whose record does not add up is damaged (B6)', async (t) => {
    const { repo, library, id } = await stocked(t);
    const path = join(repo.layout.version(id, 'a', 2), 'metadata.json');
    const record = JSON.parse(readFileSync(path, 'utf8')) as { parts: { number: number }[] };
    for (const parts of [[], [record.parts[1]], [record.parts[1], record.parts[0]], 'two', [null]]) {
      writeFileSync(path, JSON.stringify({ ...record, parts }));
      await rejects(library.data.get({ model: 'm', name: 'a' }), 'corrupt');
    }
  });
});

test('the library does the same', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const { upload, data } = openRepo(repo.dir);
  const { uploadId } = await upload.begin({ model: 'm', name: 'a', tags: { k: 'v' } });
  await Promise.all([3, 1, 2].map((partNumber) => upload.part({ upload: uploadId, partNumber, source: [partContent('library', partNumber)] })));
  assert.equal((await upload.list({ model: 'm' })).uploads[0]?.parts, 3);
  const { version, checksum } = await upload.complete({ upload: uploadId, parts: 3 });
  assert.deepEqual([version, checksum], [1, sha256(wholeContent('library', 3))]);
  assert.deepEqual((await data.get({ model: 'm', name: 'a' })).record.tags, { k: 'v' });
  await rejects(upload.abort({ upload: uploadId }), 'upload_not_found');
  await rejects(upload.part({ upload: uploadId, partNumber: 1, source: ['x'] }), 'upload_not_found');
  await rejects(upload.part({ upload: uploadId, partNumber: 1.5, source: ['x'] }), 'usage');
});
