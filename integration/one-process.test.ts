/** Many operations of one process: they cost as much each as one alone, none fails for their number, and none waits where nobody sees it. */
import assert from 'node:assert/strict';
import { existsSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { SwampError } from '../src/errors.js';
import { openRepo } from '../src/index.js';
import { currentProcess, formatHolder, newNonce } from '../src/locks/holder.js';
import { dataPut } from '../src/operations/data-put.js';
import type { Repo } from '../src/repo.js';
import { timingFrom } from '../src/timing.js';
import { hold, libraryRepo, newModel } from './support/library-repo.js';
import { createModel, put, tempRepo, versionsOf } from './support/repo.js';
import { SWAMP_BIN } from './support/swamp.js';

const CROWD = 100;

/** A holder in another container: it cannot be seen, so it counts as live until its ttl. */
function elsewhere(): string {
  return formatHolder({ ...currentProcess(), pidNamespace: '1', nonce: newNonce() });
}

function putN(repo: Repo, n: number, signals: readonly AbortSignal[] = []): Promise<PromiseSettledResult<{ readonly version: number }>[]> {
  return Promise.allSettled(
    Array.from({ length: n }, (_, i) => dataPut(repo, { model: 'm', name: 'a', source: [`${i}`] }, { signal: signals[i] ?? new AbortController().signal })),
  );
}

test('puts at once look at the clock and at their locks as often as one after the other, and file no ticket', async (t) => {
  let looks = 0;
  const timing = { ...timingFrom({}), now: () => ++looks && performance.now() };
  const repo = await libraryRepo(t, { timing });
  const modelId = await newModel(repo, 'm');
  for (let i = 0; i < 10; i++) await putN(repo, 1);
  const alone = looks / 10;
  looks = 0;
  const results = await putN(repo, CROWD);
  const versions = results.map((result) => (result.status === 'fulfilled' ? result.value.version : String(result.reason)));
  assert.deepEqual(new Set(versions), new Set(Array.from({ length: CROWD }, (_, i) => i + 11)));
  assert.ok(looks / CROWD < alone + 6, `${looks / CROWD} looks a put, ${alone} alone`);
  assert.equal(existsSync(repo.layout.queue({ kind: 'data', modelId })), false, 'one contender for each process');
});

test('behind a holder that does not let go, all that wait at once give up at the deadline of one, and name it (L5)', async (t) => {
  const repo = await libraryRepo(t, { timing: timingFrom({}, '400') });
  const modelId = await newModel(repo, 'm');
  await putN(repo, 1);
  hold(repo, { kind: 'data', modelId }, elsewhere());
  const since = performance.now();
  const results = await putN(repo, 20);
  const took = performance.now() - since;
  for (const result of results) {
    assert.ok(result.status === 'rejected' && result.reason instanceof SwampError, 'somebody did not fail');
    assert.equal(result.reason.code, 'lock_timeout');
    assert.match(result.reason.message, /data lock.*held by pid/);
  }
  assert.ok(took < (20 * 400) / 2, `all in ${Math.round(took)} ms`);
});

test('a signal takes an operation out of the line, wherever it is, and the others go on (L12)', async (t) => {
  const repo = await libraryRepo(t);
  const modelId = await newModel(repo, 'm');
  await putN(repo, 1);
  const entry = hold(repo, { kind: 'data', modelId }, elsewhere());
  const aborters = Array.from({ length: 9 }, () => new AbortController());
  const running = putN(
    repo,
    9,
    aborters.map(({ signal }) => signal),
  );
  for (const i of [0, 4, 8]) setTimeout(() => aborters[i]?.abort(new Error(`stopped ${i}`)), 100);
  setTimeout(() => renameSync(entry, join(dirname(entry), '99.free-000000000000')), 200);
  // One that is handed the turn in the very moment in which it is stopped hands it on.
  aborters[5]?.signal.addEventListener('abort', () => {});
  setTimeout(() => aborters[5]?.abort(new Error('stopped 5')), 200);
  const results = await running;
  const told = results.map((result) => (result.status === 'fulfilled' ? 'done' : (result.reason as Error).message));
  assert.deepEqual(
    told.filter((_, i) => i !== 5),
    ['stopped 0', 'done', 'done', 'done', 'stopped 4', 'done', 'done', 'stopped 8'],
  );
});

test('deletes, puts and methods of one program at once, with nested deletes and puts of their own, all end (L10, N1 to N4)', async (t) => {
  const repo = await tempRepo(t);
  const swamp = `'${process.execPath}' '${SWAMP_BIN}'`;
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'seed');
  await createModel(repo, 'q', `echo x | ${swamp} data put m nested && ${swamp} data delete m a --force`);
  await createModel(repo, 'p', `${swamp} data delete q old --force; ${swamp} model create store "made-$$"`);
  const library = openRepo(repo.dir, { lockTimeoutMs: 60_000 });
  await library.data.put({ model: 'q', name: 'old', source: ['x'] });
  await library.data.put({ model: 'p', name: 'old', source: ['x'] });
  const puts = (model: string): Promise<unknown>[] => Array.from({ length: 5 }, (_, i) => library.data.put({ model, name: 'b', source: [`${i}`] }));
  const work: readonly Promise<unknown>[] = [
    ...['p', 'q', 'p'].map((model) => library.model.run({ model })),
    ...['p', 'q', 'm'].flatMap(puts),
    library.data.delete({ model: 'p', name: 'old' }),
    library.data.delete({ model: 'q', name: 'old' }),
    library.data.delete({ model: 'm', all: true }),
  ];
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason;
  assert.deepEqual(await versionsOf(repo, 'p', 'old'), []);
  assert.deepEqual(await versionsOf(repo, 'q', 'b'), [1, 2, 3, 4, 5]);
});
