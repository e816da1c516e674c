/** The library as a Node program uses it: what it opens it gives back, and what it is given is checked at one door. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { configureSync, type LogRecord } from '@logtape/logtape';
import { type Cancel, type DataGetInput, type DataPutInput, initRepo, type OpenRepo, openRepo, SwampError } from '../src/index.js';
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

/** What each operation is given, and what is said of it. */
const REFUSED: readonly (readonly [title: string, call: (repo: OpenRepo) => Promise<unknown>, message: RegExp])[] = [
  ['a field that is not known', ({ data }) => data.put({ ...PUT, expectedVersion: 3 } as DataPutInput), /^data\.put: there is no field "expectedVersion"/],
  ['an option that is not known', ({ data }) => data.put(PUT, { sginal: 1 } as Cancel), /^data\.put, options: there is no field "sginal"/],
  ['a signal that is none', ({ data }) => data.list({}, { signal: 'x' } as unknown as Cancel), /"signal" must be an AbortSignal/],
  ['a number as content', ({ data }) => data.put({ ...PUT, source: 7 as unknown as string }), /"source" must be text, bytes/],
  ['numbers as pieces of a content', ({ data }) => data.put({ ...PUT, source: [7] as unknown as string[] }), /must give text or bytes, not a number/],
  ['numbers of two bytes as content', ({ data }) => data.put({ ...PUT, source: new Uint16Array(2) as unknown as Uint8Array }), /"source" must be text, bytes/],
  [
    'numbers of two bytes as a piece of a content',
    ({ data }) => data.put({ ...PUT, source: [new Uint16Array(2) as unknown as Uint8Array] }),
    /must give text or bytes, not an object \(Uint16Array\)/,
  ],
  [
    'a view of bytes as a piece of a content',
    ({ data }) => data.put({ ...PUT, source: [new DataView(new ArrayBuffer(2)) as unknown as Uint8Array] }),
    /must give text or bytes, not an object \(DataView\)/,
  ],
  ['text that is not Unicode', ({ data }) => data.put({ ...PUT, source: 'a\ud800b' }), /not well-formed Unicode/],
  ['text that ends within a character', ({ data }) => data.put({ ...PUT, source: ['a\ud83d'] }), /not well-formed Unicode/],
  ['bytes within a character', ({ data }) => data.put({ ...PUT, source: ['a\ud83d', Buffer.from('b'), '\udc0a'] }), /not well-formed Unicode/],
  ['a file without a name', ({ data }) => data.put({ ...PUT, source: { file: '' } }), /"source" must be text, bytes/],
  ['a file whose name no file can have', ({ data }) => data.put({ ...PUT, source: { file: 'a\0b' } }), /"source" must be text, bytes/],
  ['no content', ({ data }) => data.put({ model: 'm', name: 'a' } as DataPutInput), /"source" must be text, bytes/],
  ['a negative version', ({ data }) => data.put({ ...PUT, expectVersion: -1 }), /"expectVersion" must be a whole number from 0, not -1/],
  [
    'a version as text',
    ({ data }) => data.get({ model: 'm', name: 'a', version: '1' as unknown as number }),
    /"version" must be a whole number from 1, not a string/,
  ],
  ['a name in place of an object', ({ data }) => data.get('a' as unknown as DataGetInput), /^data\.get: an object is expected, not a string/],
  ['nothing', ({ model }) => (model.get as () => Promise<unknown>)(), /^model\.get: "model" must be a text/],
  [
    'a part beyond the last',
    ({ upload }) => upload.part({ upload: 'x', partNumber: 10_001, source: 'x' }),
    /"partNumber" must be a whole number from 1 to 10000, not 10001/,
  ],
  ['no choice', ({ data }) => data.delete({ model: 'm' }), /a name, prefix, or all/],
];
const PUT = { model: 'm', name: 'a', source: 'secret' };

test('what no operation takes is refused as usage, in the words of a program, and its value is never told', async (t) => {
  const repo = await tempRepo(t);
  const library = openRepo(repo.dir);
  await createModel(repo, 'm');
  for (const [title, call, message] of REFUSED)
    await assert.rejects(call(library), (error) => {
      assert.ok(error instanceof SwampError, title);
      assert.equal(error.code, 'usage', title);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /--|secret/, title);
      return true;
    });
  assert.deepEqual((await library.data.list()).total, 0);
  assert.throws(() => openRepo(repo.dir, { lockTimeoutMs: -5 }), { code: 'usage', message: /"lockTimeoutMs" must be/ });
});

test('text and bytes are content', async (t) => {
  const repo = await tempRepo(t);
  const { data } = openRepo(repo.dir);
  await createModel(repo, 'm');
  const bytes = Buffer.from('\u{1f40a} bytes');
  for (const source of [
    bytes.toString(),
    bytes,
    new Uint8Array(bytes),
    [bytes.toString()],
    Readable.from([bytes]),
    new Blob([bytes]).stream(),
    bytes.toString().split(''),
  ]) {
    await data.put({ model: 'm', name: 'a', source: source as string });
    assert.equal(await (await data.get({ model: 'm', name: 'a' })).text(), bytes.toString());
  }
});

test('every operation that is called with a signal that has fired does nothing, and throws its reason', async (t) => {
  const repo = await tempRepo(t);
  const library = openRepo(repo.dir);
  const reason = new Error('too late');
  const cancel = { signal: AbortSignal.abort(reason) };
  const groups = Object.values(library).filter((group): group is OpenRepo['model'] => typeof group === 'object');
  let called = 0;
  for (const method of groups.flatMap((group) => Object.values(group) as ((...given: unknown[]) => Promise<unknown> | AsyncGenerator)[])) {
    const begun = method.length === 1 ? method(cancel) : method({}, cancel);
    // Those without a required field answer with the reason; the others ask for the field first.
    await assert.rejects('next' in begun ? begun.next() : begun, (error) => error === reason || (error as SwampError).code === 'usage');
    called++;
  }
  assert.ok(called > 20);
  await assert.rejects(library.model.list({}, cancel), reason);
  await assert.rejects(library.datastore.lockStatus(cancel), reason);
  await assert.rejects(initRepo(join(repo.base, 'new'), cancel), reason);
});

test('notices are records of the loggers that the host program has configured, and go nowhere without', async (t) => {
  const repo = await tempRepo(t);
  const library = openRepo(repo.dir);
  await createModel(repo, 'm');
  const stray = join(repo.dir, 'models/store/{stray}.yml');
  writeFileSync(stray, '');
  await library.model.list();
  const records: LogRecord[] = [];
  configureSync({
    reset: true,
    sinks: { host: (record) => void records.push(record) },
    loggers: [{ category: 'swamp', lowestLevel: 'info', sinks: ['host'] }, QUIET],
  });
  t.after(() => configureSync({ reset: true, sinks: {}, loggers: [QUIET] }));
  await library.model.list();
  rmSync(stray);
  const [{ category, level, message, properties } = assert.fail('no record')] = records;
  assert.deepEqual([category, level, properties], [['swamp', 'model'], 'warning', { path: 'models/store/{stray}.yml', line: undefined }]);
  assert.match(message.join(''), /^models\/store\/\{stray\}\.yml/);
  assert.equal(records.length, 1);
});

const QUIET = { category: ['logtape', 'meta'], lowestLevel: 'fatal' as const, sinks: [] };

test('a dozen runs at once in one program raise no warning', async (t) => {
  const repo = await tempRepo(t);
  const warnings: Error[] = [];
  const listen = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listen);
  t.after(() => process.off('warning', listen));
  const { model } = openRepo(repo.dir, { lockTimeoutMs: 60_000 });
  const names = Array.from({ length: 12 }, (_, i) => `run${i}`);
  for (const name of names) await createModel(repo, name, 'sleep 0.3');
  const { signal } = new AbortController();
  await Promise.all(names.map((name) => model.run({ model: name }, { signal })));
  assert.deepEqual(warnings.map(String), []);
});
