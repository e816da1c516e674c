/** `data put --batch`: an answer for each line, in order, when its item is durable; with `--atomic` all of them or none. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type BatchItem, openRepo, SwampError } from '../src/index.js';
import { Pauses } from './support/failpoints.js';
import { mountedRepo, onMounts } from './support/mounted.js';
import { contentOf, createModel, put, type TestRepo, tempRepo, versionsOf } from './support/repo.js';
import { LONG } from './support/scale.js';
import { finished, launch, type Result, run, start } from './support/swamp.js';

const BATCH = ['data', 'put', 'm', '--batch'];
const ATOMIC = [...BATCH, '--atomic'];

interface Answer {
  readonly line: number;
  readonly name?: string;
  readonly version?: number;
  readonly changed?: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}

function answersIn({ stdout }: Pick<Result, 'stdout'>): Answer[] {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Answer);
}

/** `a:1` for a version, `usage` for a failure. */
function brief({ line, name, version, error }: Answer): string {
  return `${line} ${error === undefined ? `${name}:${version}` : error.code}`;
}

function lines(...items: readonly (object | string)[]): string {
  return items.map((item) => `${typeof item === 'string' ? item : JSON.stringify(item)}\n`).join('');
}

function many(count: number, from = 0): object[] {
  return Array.from({ length: count }, (_, i) => ({ name: `n/${from + i}`, content: `content ${from + i}` }));
}

async function repoWithModel(t: Parameters<typeof tempRepo>[0]): Promise<TestRepo> {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  return repo;
}

test('each line is answered in its order; what cannot be stored is an answer, too, and the rest goes on', async (t) => {
  const repo = await repoWithModel(t);
  await createModel(repo, 'other');
  writeFileSync(join(repo.dir, 'file'), 'from a file');
  const stdin = lines(
    { name: 'text', content: 'one' },
    '',
    { name: 'bytes', contentBase64: 'AP8=' },
    '{"name": "json", "json": {"big": 12345678901234567890, "s": "}\\"{"} }',
    { name: 'file', file: 'file' },
    { name: 'text', content: 'two', tags: { k: 'v' }, contentType: 'text/plain' },
    { name: 'text', content: 'two', ifChanged: true },
    { name: 'elsewhere', model: 'other', content: 'x' },
    'no JSON',
    '[]',
    { name: 'x', content: '1', json: 2 },
    { name: 'x' },
    { nme: 'x', content: '' },
    { name: 'x', contentBase64: 'AP8' },
    { name: 'x', file: '/dev/stdin' },
    { name: 'x', file: 'none' },
    { name: 'text', content: 'three', expectVersion: 1 },
    { name: 'x', model: 'none', content: '' },
    { name: '', content: '' },
    '{"name": "last", "content": ""}',
  ).trimEnd();
  const result = await run(repo, BATCH, { stdin, expect: 64, process: true });
  const expected =
    'text:1 bytes:1 json:1 file:1 text:2 text:2 elsewhere:1 usage usage usage usage usage usage usage io conflict model_not_found name_invalid last:1'.split(
      ' ',
    );
  assert.deepEqual(
    answersIn(result).map(brief),
    expected.map((one, i) => `${i === 0 ? 1 : i + 2} ${one}`),
  );
  assert.match(result.stderr, /^swamp: 11 of 19 items were not stored\. The first is on line 9: /);
  assert.equal(answersIn(result)[5]?.changed, false);
  assert.equal(await contentOf(repo, 'm', 'json'), '{"big": 12345678901234567890, "s": "}\\"{"}');
  assert.equal(await contentOf(repo, 'm', 'file'), 'from a file');
  const { tags, contentType } = await openRepo(repo.dir).data.record({ model: 'm', name: 'text' });
  assert.deepEqual({ tags, contentType }, { tags: { k: 'v' }, contentType: 'text/plain' });
});

test('an item is answered without waiting for the next one; what flags say holds where an item does not', async (t) => {
  const repo = await tempRepo(t);
  const running = start(repo, ['data', 'put', '--batch', '--create', '--tag', 'k=v'], { stdin: 'open' });
  for (const name of ['a', 'b', 'a']) {
    running.write(lines({ name, content: name, model: 'made' }));
    await running.says(new RegExp(`"name":"${name}","version":${name === 'a' && running.stdout().includes('"name":"b"') ? 2 : 1}`));
  }
  running.closeStdin();
  assert.equal(answersIn(await finished(running)).length, 3);
  assert.deepEqual((await openRepo(repo.dir).data.record({ model: 'made', name: 'b' })).tags, { k: 'v' });
});

for (const end of ['SIGINT', 'SIGKILL'] as const) {
  test(`what was answered before ${end} is there, whatever else had come (L12)`, async (t) => {
    const repo = await repoWithModel(t);
    const running = start(repo, BATCH, { stdin: 'open' });
    running.write(lines(...many(1_500)));
    await running.says(/"line":200,/);
    running.kill(end);
    const result = await running.exited;
    assert.equal(result.signal, end);
    // The reader of a pipe may have the beginning of a line.
    const answered = answersIn({ stdout: result.stdout.slice(0, result.stdout.lastIndexOf('\n') + 1) });
    assert.ok(answered.length >= 200 && answered.length < 1_500, `${answered.length}`);
    const { groups } = await openRepo(repo.dir).data.list({ model: 'm' });
    const there = new Set(groups.flatMap(({ items }) => items.map(({ name }) => name)));
    assert.deepEqual(
      answered.filter(({ name = '' }) => !there.has(name)),
      [],
    );
    await run(repo, ['datastore', 'sweep']);
  });
}

test('a reader that goes away ends a batch with 141', async (t) => {
  const repo = await repoWithModel(t);
  const running = launch(repo, 'sh', ['-c', `{ "$0" "$1" data put m --batch; echo $? >code; } | head -n 1; cat code`, process.execPath, repo.bin], {
    stdin: lines(...many(600)),
  });
  assert.match((await finished(running)).stdout, /"line":1,.*\n141\n$/s);
});

test('nothing is answered before its group is durable: a version that can be seen already is not', async (t) => {
  const repo = await repoWithModel(t);
  await put(repo, 'm', 'a', '0');
  const points = new Pauses(repo, ['write.committed']);
  const running = start(repo, BATCH, { stdin: lines({ name: 'a', content: '1' }, { name: 'b', content: '1' }), env: points.env });
  await points.at('write.committed', running);
  assert.deepEqual([await versionsOf(repo, 'm', 'a'), await versionsOf(repo, 'm', 'b'), running.stdout()], [[1, 2], [1], '']);
  points.go('write.committed');
  assert.deepEqual(answersIn(await finished(running)).map(brief), ['1 a:2', '2 b:1']);
});

for (const point of ['put.before-commit#3', 'write.entered']) {
  test(`a batch that loses its lock at ${point} stores each item once (P1)`, async (t) => {
    const repo = await repoWithModel(t);
    await put(repo, 'm', 'n/1', 'before');
    const points = new Pauses(repo, [point]);
    const running = start(repo, BATCH, { stdin: lines(...many(5)), env: points.env });
    await points.at(point, running);
    await run(repo, ['datastore', 'lock', 'release', '--force']);
    await put(repo, 'm', 'between', 'x');
    points.go(point);
    const answers = answersIn(await finished(running));
    assert.deepEqual(
      answers.map(brief),
      many(5).map((_, i) => `${i + 1} n/${i}:${i === 1 ? 2 : 1}`),
    );
    for (const i of [0, 1, 2, 3, 4]) assert.equal((await versionsOf(repo, 'm', `n/${i}`)).length, i === 1 ? 2 : 1);
  });
}

test('on a disk that fills up items fail as no_space, and a smaller one after them is stored', onMounts, async (t) => {
  const repo = await mountedRepo(t, 'size=3m');
  await repo.swamp(['model', 'create', 'store', 'm']);
  const large = { content: 'x'.repeat(1_500_000) };
  const items = [
    { name: 'a', ...large },
    { name: 'b', ...large },
    { name: 'c', ...large },
    { name: 'd', content: 'small' },
  ];
  const { stdout } = await repo.swamp(BATCH, { stdin: lines(...items), expect: 74 });
  const answers = answersIn({ stdout });
  assert.equal(answers.length, 4);
  assert.ok(answers.slice(0, 3).some(({ error }) => error?.code === 'no_space'));
  assert.equal(answers[3]?.version, 1, stdout);
  assert.match((await repo.swamp(['datastore', 'check'])).stdout, /no damage, 0 pending/);
});

describe('--atomic', () => {
  test('stores all or nothing: an item that cannot be stored keeps the others from being, each line says why', async (t) => {
    const repo = await repoWithModel(t);
    await put(repo, 'm', 'old', '0');
    const good = await run(repo, ATOMIC, { stdin: lines({ name: 'old', content: '1' }, { name: 'new', content: '1' }), process: true });
    assert.deepEqual(answersIn(good).map(brief), ['1 old:2', '2 new:1']);
    for (const [bad, code] of [
      [{ name: 'x', content: '1', expectVersion: 3 }, 'conflict'],
      [{ name: 'y', content: '1' }, 'usage'],
      ['no JSON', 'usage'],
      [{ name: 'x', file: 'none' }, 'io'],
      [{ name: 'x', content: '', model: 'other' }, 'usage'],
    ] as const) {
      await run(repo, ['model', 'create', 'store', 'other'], { expect: [0, 73] });
      const { stdout } = await run(repo, ATOMIC, {
        stdin: lines({ name: 'old', content: '2' }, { name: 'y', content: '2' }, bad),
        process: true,
        expect: 'any',
      });
      assert.deepEqual(answersIn({ stdout }).map(brief), [`1 ${code}`, `2 ${code}`, `3 ${code}`]);
      assert.deepEqual([await versionsOf(repo, 'm', 'old'), await versionsOf(repo, 'm', 'x')], [[1, 2], []]);
    }
  });

  for (const [point, after] of [
    ['batch.before-intent', []],
    ['intent.published', [1]],
    ['steps.out#2', [1]],
  ] as const) {
    test(`killed at ${point}, ${after.length === 0 ? 'none' : 'all'} of it is there after the next command`, async (t) => {
      const repo = await repoWithModel(t);
      await put(repo, 'm', 'n/0', 'before');
      const { signal } = await start(repo, ATOMIC, { stdin: lines(...many(5)), env: { SWAMP_FAILPOINTS: `${point}=kill` } }).exited;
      assert.equal(signal, 'SIGKILL');
      await put(repo, 'm', 'other', 'x');
      for (const i of [1, 2, 3, 4]) assert.deepEqual(await versionsOf(repo, 'm', `n/${i}`), after, `n/${i}`);
      assert.deepEqual(await versionsOf(repo, 'm', 'n/0'), after.length === 0 ? [1] : [1, 2]);
      await run(repo, ['datastore', 'sweep']);
    });
  }

  test('10,000 items at most', async (t) => {
    const repo = await repoWithModel(t);
    const count = LONG ? 10_000 : 300;
    const answers = answersIn(await run(repo, ATOMIC, { stdin: lines(...many(count)), process: true }));
    assert.equal(answers.length, count);
    assert.equal(readdirSync(join(repo.layout.stagings)).length, 0);
    const { stdout } = await run(repo, ATOMIC, { stdin: lines(...many(10_002, 20_000).map(() => 'bad')), process: true, expect: 64 });
    assert.equal(answersIn({ stdout }).length, 10_002);
  });
});

test('the library takes a stream and gives one; a signal ends it, and what came before is stored', async (t) => {
  const repo = await repoWithModel(t);
  const { data } = openRepo(repo.dir);
  const end = new AbortController();
  async function* items(): AsyncGenerator<BatchItem | Error> {
    yield { name: 'a', content: new Uint8Array([1]) };
    yield new SwampError('usage', 'not to be had');
    yield { name: 'j', json: { a: 1 } };
    await new Promise(() => undefined);
  }
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const answer of data.batch({ model: 'm', items: items() }, { signal: end.signal })) {
      seen.push('error' in answer ? answer.error.code : `${answer.name}:${answer.version}`);
      if (seen.length === 3) end.abort(new Error('enough'));
    }
  }, /enough/);
  assert.deepEqual(seen, ['a:1', 'usage', 'j:1']);
  assert.equal(await contentOf(repo, 'm', 'j'), '{"a":1}');
});
