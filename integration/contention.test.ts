/** Section 10 and L6: a contended lock goes from hand to hand in milliseconds, and everybody gets a turn. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { openRepo } from '../src/index.js';
import { currentProcess, formatHolder, newNonce } from '../src/locks/holder.js';
import { contend, expectFair, handOffs, type Kind, median } from './support/contention.js';
import { createModel, put, tempRepo } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';

const test = sampledTest(2);

/** The best of several: other work on this machine delays single hand-offs, and whole batches. */
const BATCHES = 3;
const LIMIT_MS = 10;
const DEAD = 30;
const GRACE_MS = 200;
const HOUR_MS = 3_600_000;

test('a contended data fence is handed to the next waiter, another process, in less than 10 ms (median)', async (t) => {
  const repo = await tempRepo(t);
  const modelId = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'seed');
  const medians: number[] = [];
  for (let i = 0; i < BATCHES && Math.min(...medians) >= LIMIT_MS; i++) {
    const times = handOffs(await contend(repo, modelId, ['writer', 'writer', 'writer'], { times: 40 }));
    assert.ok(times.length >= 60, `only ${times.length} hand-offs`);
    medians.push(median(times));
    t.diagnostic(`${times.length} hand-offs: median ${median(times).toFixed(1)} ms, 90% within ${(times[Math.floor(times.length * 0.9)] ?? 0).toFixed(1)} ms`);
  }
  assert.ok(Math.min(...medians) < LIMIT_MS, `medians ${medians.map((ms) => ms.toFixed(1)).join(', ')} ms`);
});

test('tickets of waiters that died in another container hold a free lock up by one grace, not by one each', async (t) => {
  const repo = await tempRepo(t);
  const modelId = await createModel(repo, 'm');
  const queue = repo.layout.queue({ kind: 'data', modelId });
  mkdirSync(queue, { recursive: true });
  const ticket = (i: number): string => `${String(i).padStart(13, '0')}-a-${formatHolder({ ...currentProcess(), pidNamespace: '1', nonce: newNonce() })}.json`;
  for (let i = 0; i < DEAD; i++) writeFileSync(join(queue, ticket(i)), '{}');
  const since = performance.now();
  await openRepo(repo.dir).data.put({ model: 'm', name: 'a', source: ['x'] });
  const took = performance.now() - since;
  assert.ok(took < (DEAD * GRACE_MS) / 3, `the put took ${Math.round(took)} ms`);
  assert.deepEqual(readdirSync(queue), []);
});

const WRITER: Kind = 'writer';
const STRUCTURAL: Kind = 'structural';

describe('everybody gets a turn (L6)', { concurrency: 1 }, () => {
  const cases: readonly (readonly [string, readonly Kind[]])[] = [
    ['seven writers do not starve a structural command', [...Array<Kind>(7).fill(WRITER), STRUCTURAL]],
    ['seven structural commands do not starve a writer', [WRITER, ...Array<Kind>(7).fill(STRUCTURAL)]],
  ];
  for (const [title, kinds] of sampled(cases, 2)) test(title, (t) => expectFair(t, kinds, 3));
  test('a structural command of a host whose clock is an hour ahead gets its turn beside four others', (t) =>
    expectFair(t, Array<Kind>(5).fill(STRUCTURAL), 2, HOUR_MS));
});

test('a program may end all that it does at once by one signal: Node takes its listeners for no leak', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const [library, { signal }] = [openRepo(repo.dir), new AbortController()];
  const warnings: string[] = [];
  const heard = ({ message }: Error): unknown => warnings.push(message);
  process.on('warning', heard);
  t.after(() => process.off('warning', heard));
  const puts = await Promise.all(Array.from({ length: 20 }, (_, i) => library.data.put({ model: 'm', name: 'a', source: [`${i}`] }, { signal })));
  assert.equal(new Set(puts.map(({ version }) => version)).size, 20);
  assert.deepEqual(warnings, []);
});
