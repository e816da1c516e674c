import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Layout, type LockName } from '../layout/layout.js';
import { timingFrom } from '../timing.js';
import { currentProcess, formatHolder, newNonce } from './holder.js';
import { listLocks, surveyLocks } from './survey.js';

const ID = '11111111-1111-4111-8111-111111111111';
const DATA: LockName = { kind: 'data', modelId: ID };
const timing = timingFrom({});

function emptyLayout(t: TestContext): Layout {
  const base = mkdtempSync(join(tmpdir(), 'swamp-survey-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  return new Layout(base);
}

function own(): string {
  return formatHolder({ ...currentProcess(), nonce: newNonce() });
}

/** One fence with these entries, and what the survey says of it. */
function verdictOf(t: TestContext, entry: string, heartbeat = new Date()): string | undefined {
  const layout = emptyLayout(t);
  const path = join(layout.fence(DATA), entry);
  mkdirSync(path, { recursive: true });
  utimesSync(path, heartbeat, heartbeat);
  const [found, ...more] = surveyLocks(layout, timing);
  assert.deepEqual(more, []);
  return found?.state === 'held' ? found.seen.verdict : found?.state;
}

test('a datastore without fences has the global lock alone, and nothing is held', (t) => {
  const layout = emptyLayout(t);
  assert.deepEqual(listLocks(layout), [{ kind: 'global' }]);
  assert.deepEqual(surveyLocks(layout, timing), []);
});

test('a free lock is not listed', (t) => {
  assert.equal(verdictOf(t, '7.free-0123456789ab'), undefined);
});

test('the lock of a living process with a fresh heartbeat is live', (t) => {
  assert.equal(verdictOf(t, `7.${own()}`), 'live');
});

test('a heartbeat older than the ttl is stale', (t) => {
  assert.equal(verdictOf(t, `7.${own()}`, new Date(Date.now() - timing.ttlMs - 1_000)), 'stale');
});

test('a heartbeat in the future of this clock is not stale', (t) => {
  assert.equal(verdictOf(t, `7.${own()}`, new Date(Date.now() + 3_600_000)), 'live');
});

test('a process that has ended is dead, whatever its heartbeat', (t) => {
  assert.equal(verdictOf(t, `7.${formatHolder({ ...currentProcess(), pid: 2 ** 31 - 2, nonce: newNonce() })}`), 'dead');
});

test('a recycled pid is dead', (t) => {
  assert.equal(verdictOf(t, `7.${formatHolder({ ...currentProcess(), started: '1', nonce: newNonce() })}`), 'dead');
});

test('the same pid on another machine is live', (t) => {
  assert.equal(verdictOf(t, `7.${formatHolder({ ...currentProcess(), machine: '0123456789ab', started: '1', nonce: newNonce() })}`), 'live');
});

test('a holder that cannot be read is unreadable, and stale after the ttl', (t) => {
  assert.equal(verdictOf(t, '7.somebody'), 'unreadable');
  assert.equal(verdictOf(t, '7.somebody', new Date(Date.now() - timing.ttlMs - 1_000)), 'stale');
});

test('a fence with an entry without an epoch, with none, and with two is damaged', (t) => {
  assert.equal(verdictOf(t, 'free'), 'damaged');
  const layout = emptyLayout(t);
  mkdirSync(layout.fence(DATA), { recursive: true });
  mkdirSync(join(layout.fence({ kind: 'run', modelId: ID }), '1.free-0123456789ab'), { recursive: true });
  mkdirSync(join(layout.fence({ kind: 'run', modelId: ID }), '2.free-0123456789ab'));
  assert.deepEqual(
    surveyLocks(layout, timing).map((found) => found.state === 'damaged' && [found.lock.kind, found.entries.length]),
    [
      ['data', 0],
      ['run', 2],
    ],
  );
});

test('a file where a fence belongs is damaged', (t) => {
  const layout = emptyLayout(t);
  mkdirSync(layout.modelFences(ID), { recursive: true });
  writeFileSync(layout.fence(DATA), '');
  assert.deepEqual(
    surveyLocks(layout, timing).map(({ state }) => state),
    ['damaged'],
  );
});

test('locks that cannot be listed are an error, not "no locks"', (t) => {
  const layout = emptyLayout(t);
  mkdirSync(layout.root);
  writeFileSync(layout.fences, '');
  assert.throws(() => surveyLocks(layout, timing), { code: 'ENOTDIR' });
});
