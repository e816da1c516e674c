/** `swamp session`: a reply to each request, as it ends; whatever a request is, the next one is answered. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Pauses } from './support/failpoints.js';
import { contentOf, createModel, put, tempRepo, versionsOf } from './support/repo.js';
import { LONG } from './support/scale.js';
import { finished, launch, type Running, run, start } from './support/swamp.js';
import { until } from './support/until.js';

interface Reply {
  readonly id: string | number | null;
  readonly result?: { readonly version?: number; readonly content?: string; readonly contentEncoding?: string; readonly size?: number };
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string | null };
}

function repliesIn(stdout: string): Reply[] {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Reply);
}

function lines(...requests: readonly (object | string)[]): string {
  return requests.map((one) => `${typeof one === 'string' ? one : JSON.stringify(one)}\n`).join('');
}

test('what is no request, or cannot be done, is an error reply, and the end of the input ends the session with 0', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'one');
  const wrong: readonly (readonly [object | string, string | number | null, RegExp])[] = [
    ['x', null, /not JSON/],
    ['[1]', null, /not a JSON object/],
    [{ id: 1 }, 1, /needs an "op"/],
    [{ id: {}, op: 'info' }, null, /id of a request/],
    [{ id: 2, op: 'data.lst' }, 2, /no operation "data\.lst"/],
    [{ id: 3, op: '__proto__' }, 3, /no operation/],
    [{ id: 4, op: 'data.put', args: [] }, 4, /"args" must be an object/],
    [{ id: 5, op: 'data.put', args: { model: 'm', name: 'a', sourc: '' } }, 5, /no field "sourc"/],
    [{ id: 6, op: 'data.get', args: { model: 'm', name: 'none' } }, 6, /no data named "none"/],
    [{ id: 7, op: 'model.exec', args: {} }, 7, /streams of the session/],
    [{ id: 8, op: 'info', arg: {} }, 8, /no field "arg"/],
    [{ id: 9, op: 'data.put', args: { model: 'm', name: 'a', source: { base64: 'x' } } }, 9, /not valid Base64/],
    [{ id: 10, op: 'data.put', args: { model: 'm', name: 'a', source: 'x'.repeat(16 * 1024 * 1024 + 1) } }, 10, /at most 16777216 bytes/],
    [`{"id":11,"op":"${'x'.repeat(32 * 1024 * 1024)}"}`, null, /longer than/],
  ];
  const { stdout } = await run(repo, ['session'], {
    stdin: lines(...wrong.map(([request]) => request), { id: 'last', op: 'data.versions', args: { model: 'm', name: 'a' } }),
  });
  const replies = repliesIn(stdout);
  assert.equal(replies.length, wrong.length + 1);
  for (const [request, id, message] of wrong)
    assert.ok(
      replies.some((reply) => reply.id === id && message.test(reply.error?.message ?? '')),
      `${JSON.stringify(request).slice(0, 100)}: ${stdout.slice(0, 2_000)}`,
    );
  assert.ok(replies.some(({ id, result }) => id === 'last' && result !== undefined));
});

test('contents go in and out as text, as Base64, and by files', async (t) => {
  const repo = await tempRepo(t);
  writeFileSync(join(repo.dir, 'in'), 'from a file');
  const args = { model: 'm', create: true };
  const session = start(repo, ['session'], { stdin: 'open' });
  for (const [i, source] of ['text', { base64: 'AP8=' }, { file: 'in' }].entries())
    session.write(lines({ id: i, op: 'data.put', args: { ...args, name: `n${i}`, source } }));
  await until('all is put', () => repliesIn(session.stdout()).length === 3);
  for (const i of [0, 1]) session.write(lines({ id: i + 3, op: 'data.get', args: { model: 'm', name: `n${i}` } }));
  session.write(lines({ id: 5, op: 'data.get', args: { model: 'm', name: 'n2', file: 'out' } }));
  session.closeStdin();
  const replies = new Map(repliesIn((await finished(session)).stdout).map((reply) => [reply.id, reply]));
  assert.deepEqual([replies.get(3)?.result?.content, replies.get(4)?.result?.content, replies.get(4)?.result?.contentEncoding], ['text', 'AP8=', 'base64']);
  assert.deepEqual([readFileSync(join(repo.dir, 'out'), 'utf8'), replies.get(5)?.result?.content], ['from a file', undefined]);
});

test('a request that waits holds up no other one, and is ended by a signal with its locks released (L12)', async (t) => {
  const repo = await tempRepo(t);
  for (const model of ['m', 'n']) await createModel(repo, model);
  const points = new Pauses(repo, ['write.entered']);
  const holder = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'held', env: points.env });
  await points.at('write.entered', holder);
  const session = start(repo, ['session'], { stdin: 'open' });
  const putting = (id: number, model: string): object => ({ id, op: 'data.put', args: { model, name: 'a', source: 'x' } });
  session.write(lines(putting(1, 'm'), putting(2, 'n')));
  await until('the other one is answered', () => repliesIn(session.stdout()).some(({ id }) => id === 2));
  session.kill('SIGTERM');
  const { signal, stdout } = await session.exited;
  assert.deepEqual([signal, repliesIn(stdout).map(({ id }) => id)], ['SIGTERM', [2]]);
  points.go('write.entered');
  await finished(holder);
  assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1]);
});

test('a reader that goes away ends a session with 141', async (t) => {
  const repo = await tempRepo(t);
  const shell = `{ yes '{"id":1,"op":"model.list"}' | "$0" "$1" session; echo $? >code; } | head -n 1; cat code`;
  const { stdout } = await finished(launch(repo, 'sh', ['-c', shell, process.execPath, repo.bin]));
  assert.match(stdout, /^\{"id":1,"result".*\n141\n$/);
});

test(`${LONG ? '10,000' : '300'} puts and gets through one session: each is answered once, and its memory is flat`, { timeout: 900_000 }, async (t) => {
  const repo = await tempRepo(t);
  const rounds = LONG ? 20 : 3;
  const each = LONG ? 250 : 50;
  await createModel(repo, 'm');
  const session = start(repo, ['session'], { stdin: 'open', timeoutMs: 800_000 });
  const memory: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < each; i++) {
      session.write(lines({ id: `p${round}/${i}`, op: 'data.put', args: { model: 'm', name: `n${i % 100}`, source: `${round} ${i}` } }));
      session.write(lines({ id: `g${round}/${i}`, op: 'data.versions', args: { model: 'm', name: 'n0' } }));
    }
    await until('the round is answered', () => session.stdout().split('\n').length > (round + 1) * each * 2, { timeoutMs: 200_000 });
    memory.push(residentOf(session));
  }
  session.closeStdin();
  const replies = repliesIn((await finished(session)).stdout);
  assert.equal(new Set(replies.map(({ id }) => id)).size, rounds * each * 2);
  assert.deepEqual(
    replies.filter(({ id, error }) => error !== undefined && !(String(id).startsWith('g0') && error.code === 'data_not_found')),
    [],
  );
  assert.equal((await versionsOf(repo, 'm', 'n0')).length, rounds * Math.ceil(each / 100));
  assert.ok((await contentOf(repo, 'm', 'n1')).length > 0);
  const [first = 0] = memory.slice(Math.floor(rounds / 4));
  t.diagnostic(`resident: ${memory.map((kb) => Math.round(kb / 1024)).join(', ')} MB`);
  if (LONG && first > 0) assert.ok((memory.at(-1) ?? 0) < first * 1.3, `grew from ${first} to ${memory.at(-1)} kB`);
});

/** In kB; 0 where there is no /proc. */
function residentOf({ pid }: Running): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
