/** The checker itself: hand-made histories of one artifact, of which it must accept some and refuse the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Act, artifactSpecification, type Fact } from './artifact.js';
import { findUnexplained, type Operation } from './linearizable.js';

type Made = Omit<Operation<Act>, 'certain'> & { readonly certain?: boolean };

function op(id: string, from: number, to: number, act: Act): Operation<Act> {
  return { id, act, from, to, certain: true };
}

/** A call whose process died: it may have taken effect until `to`, or never. */
function perhaps(id: string, from: number, to: number, act: Act): Operation<Act> {
  return { id, act, from, to, certain: false };
}

const put = (version: number, expected?: number): Act => ({ do: 'put', version, ...(expected === undefined ? {} : { expected }) });
const latest = (version: number): Act => ({ do: 'latest', version });
const versions = (...list: number[]): Act => ({ do: 'versions', versions: list });

/** The id of the first operation that nothing explains, or undefined. */
function unexplained(operations: readonly Made[], facts: Readonly<Record<number, Fact>> = {}): string | undefined {
  const known = new Map(Object.entries(facts).map(([version, fact]) => [Number(version), fact]));
  for (const { act, id } of operations) {
    if (act.do === 'put' && act.version !== undefined) known.set(act.version, { owner: id, ...known.get(act.version) });
  }
  return findUnexplained(
    artifactSpecification(known),
    operations.map((one) => ({ certain: true, ...one })),
  )?.operation.id;
}

test('a history of one process is explained when every answer follows from the one before', () => {
  const history = [
    op('never', 0, 1, { do: 'never' }),
    op('absent', 2, 3, latest(0)),
    op('first', 4, 5, put(1)),
    op('second', 6, 7, put(2, 1)),
    op('look', 8, 9, { do: 'look', version: 1, latest: false }),
    op('drop', 10, 11, { do: 'drop', version: 2 }),
    op('older', 12, 13, latest(1)),
    op('dropped', 14, 15, { do: 'dropped', version: 2 }),
    op('unborn', 16, 17, { do: 'unborn', version: 3 }),
    op('third', 18, 19, put(3)),
    op('list', 20, 21, versions(1, 3)),
    op('remove', 22, 23, { do: 'remove', count: 2 }),
    op('gone', 24, 25, { do: 'gone' }),
    op('miss', 26, 27, { do: 'miss', version: 3 }),
    op('again', 28, 29, put(4, 0)),
    op('last', 30, 31, versions(4)),
  ];
  assert.equal(unexplained(history, { 1: { generation: 5 }, 3: { generation: 5 }, 4: { generation: 9 } }), undefined);
});

test('concurrent calls may have their moments in any order', () => {
  const history = [
    op('first', 0, 10, put(2)),
    op('second', 0, 10, put(1)),
    op('delete', 0, 10, { do: 'remove', count: 1 }),
    op('sees one', 0, 10, latest(1)),
    op('sees none', 0, 10, latest(0)),
    op('after', 11, 12, versions(2)),
  ];
  assert.equal(unexplained(history), undefined);
});

test('a lost update is found: of two swaps from one version, only one can have happened', () => {
  assert.equal(unexplained([op('seed', 0, 1, put(1)), op('one', 2, 9, put(2, 1)), op('other', 3, 8, put(3, 1))]), 'other');
  assert.equal(unexplained([op('seed', 0, 1, put(1)), op('one', 2, 9, put(2, 1)), op('other', 3, 8, { do: 'conflict', expected: 1, actual: 2 })]), undefined);
});

test('a swap that was refused although its version was there is found', () => {
  assert.equal(unexplained([op('seed', 0, 1, put(1)), op('swap', 2, 3, { do: 'conflict', expected: 1, actual: 1 })]), 'swap');
});

test('a stale read after a completed put is found, a read beside the put is not stale', () => {
  const puts = [op('first', 0, 1, put(1)), op('second', 2, 5, put(2))];
  assert.equal(unexplained([...puts, op('read', 6, 7, latest(1))]), 'read');
  assert.equal(unexplained([...puts, op('read', 4, 7, latest(1))]), undefined);
});

test('a read that goes back behind another read is found, although the put is still going on', () => {
  const history = [op('first', 0, 1, put(1)), op('second', 2, 9, put(2)), op('new', 3, 4, latest(2)), op('old', 5, 6, latest(1))];
  assert.equal(unexplained(history), 'old');
});

test('a double winner of a delete is found', () => {
  const seed = op('seed', 0, 1, put(1));
  const winner = op('winner', 2, 9, { do: 'remove', count: 1 });
  assert.equal(unexplained([seed, winner, op('other', 2, 8, { do: 'remove', count: 1 })]), 'winner');
  assert.equal(unexplained([seed, winner, op('other', 2, 8, { do: 'gone' })]), undefined);
});

test('a delete that counts wrongly is found', () => {
  assert.equal(unexplained([op('first', 0, 1, put(1)), op('second', 2, 3, put(2)), op('delete', 4, 5, { do: 'remove', count: 1 })]), 'delete');
});

test('a resurrected version is found, in a read of the latest, of the version and of the list', () => {
  const before = [op('first', 0, 1, put(1)), op('second', 2, 3, put(2)), op('drop', 4, 5, { do: 'drop', version: 2 })];
  for (const act of [latest(2), { do: 'look', version: 2, latest: true }, versions(1, 2)] as const) {
    assert.equal(unexplained([...before, op('read', 6, 7, act)]), 'read', JSON.stringify(act));
  }
});

test('a vanished version is found', () => {
  assert.equal(unexplained([op('first', 0, 1, put(1)), op('second', 2, 3, put(2)), op('list', 4, 5, versions(2))]), 'list');
  assert.equal(unexplained([op('first', 0, 1, put(1)), op('read', 2, 3, latest(0))]), 'read');
});

test('a number given out again after a delete is found, and so is one left out', () => {
  const removed = [op('first', 0, 1, put(1)), op('delete', 2, 3, { do: 'remove', count: 1 })];
  assert.equal(unexplained([...removed, op('again', 4, 5, put(1))]), 'again');
  assert.equal(unexplained([...removed, op('jump', 4, 5, put(3))]), 'jump');
});

test('an artifact that comes into being again has a greater generation, and one that goes on has the same (P4, D8)', () => {
  const two = [op('first', 0, 1, put(1)), op('second', 4, 5, put(2))];
  const removed = op('delete', 2, 3, { do: 'remove', count: 1 });
  assert.equal(unexplained([...two, removed], { 1: { generation: 7 }, 2: { generation: 7 } }), 'second');
  assert.equal(unexplained([...two, removed], { 1: { generation: 7 }, 2: { generation: 6 } }), 'second');
  assert.equal(unexplained([...two, removed], { 1: { generation: 7 }, 2: { generation: 8 } }), undefined);
  assert.equal(unexplained(two, { 1: { generation: 7 }, 2: { generation: 8 } }), 'second');
  assert.equal(unexplained(two, { 1: { generation: 7 }, 2: { generation: 7 } }), undefined);
});

test('a put whose process died may have happened, or not, but not after its death', () => {
  const seed = op('seed', 0, 1, put(1));
  assert.equal(unexplained([seed, perhaps('cut off', 2, 5, { do: 'put' }), op('read', 6, 7, versions(1))]), undefined);
  assert.equal(unexplained([seed, perhaps('cut off', 2, 5, put(2)), op('read', 6, 7, versions(1, 2))]), undefined);
  assert.equal(unexplained([seed, perhaps('cut off', 2, 5, put(2)), op('early', 6, 7, versions(1)), op('late', 8, 9, versions(1, 2))]), 'late');
});

test('a put that nobody saw explains a number that is left out, and the count of a delete', () => {
  const history = (cutOff: readonly Operation<Act>[]): Operation<Act>[] => [
    op('seed', 0, 1, put(1)),
    ...cutOff,
    op('delete', 6, 7, { do: 'remove', count: 2 }),
    op('next', 8, 9, put(3)),
  ];
  const lost = [1, 2, 3].map((i) => perhaps(`cut off ${i}`, 2, 5 + i, { do: 'put' }));
  assert.equal(unexplained(history(lost)), undefined);
  assert.equal(unexplained(history([])), 'delete');
});

test('a delete whose process died may have happened, but only to what was there before its death', () => {
  const seed = op('seed', 0, 1, put(1));
  const remove = perhaps('cut off', 2, 5, { do: 'remove' });
  assert.equal(unexplained([seed, remove, op('read', 6, 7, latest(0))]), undefined);
  assert.equal(unexplained([seed, remove, op('read', 6, 7, latest(1))]), undefined);
  assert.equal(unexplained([seed, remove, op('later', 6, 7, put(2)), op('read', 8, 9, latest(0))]), 'read');
});

test('a delete of whatever is there explains an artifact that is gone, and none', () => {
  const clear = op('clear', 2, 9, { do: 'clear' });
  assert.equal(unexplained([clear, op('none', 10, 11, latest(0))]), undefined);
  assert.equal(unexplained([op('seed', 0, 1, put(1)), clear, op('still there', 3, 4, latest(1)), op('gone', 10, 11, { do: 'gone' })]), undefined);
  assert.equal(unexplained([op('seed', 0, 1, put(1)), clear, op('still there', 10, 11, latest(1))]), 'still there');
  // It may have found nothing, before the first put.
  assert.equal(unexplained([clear, op('seed', 3, 4, put(1)), op('read', 10, 11, latest(1))]), undefined);
});

test('a long history of many at once is decided in time that grows with its length', () => {
  const history: Operation<Act>[] = [];
  for (let i = 0; i < 10_000; i++) {
    history.push(op(`put ${i}`, i * 10, i * 10 + 35, put(i + 1)));
    history.push(op(`read ${i}`, i * 10 + 5, i * 10 + 40, latest(i + 1)));
    if (i % 100 === 0) history.push(perhaps(`cut off ${i}`, i * 10, Number.POSITIVE_INFINITY, { do: 'put' }));
  }
  const began = performance.now();
  assert.equal(unexplained(history), undefined);
  assert.ok(performance.now() - began < 10_000, `${performance.now() - began} ms`);
});
