/** The judge of histories: hand-made ones, sound and not, told as the workers tell them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Violation } from './account.js';
import { judge } from './judge.js';
import { AUDIT, type Entry, type Op, type Operations, SHELL_MODEL, type ToldError } from './record.js';

const A = { model: 'first', name: 'a' };
const RESULT = { model: SHELL_MODEL, name: 'result' };
const LOG = { model: SHELL_MODEL, name: 'log' };

type End<K extends Op> = { readonly answer?: Operations[K]['answer']; readonly error?: Partial<ToldError> & { readonly code: string } };

/** Calls one after the other, each of one millisecond unless it says otherwise. */
class Script {
  readonly #entries: Entry[] = [];
  #now = 0;
  #audits = 0;

  call<K extends Op>(token: string, op: K, call: Operations[K]['call'], end: End<K>, span?: readonly [number, number]): this {
    const [from, to] = span ?? [this.#now + 1, this.#now + 2];
    this.#now = Math.max(this.#now, to);
    const error = end.error === undefined ? {} : { error: { message: '', data: {}, stalledMs: 0, ...end.error } };
    this.#entries.push({ token, op, call, from, to, ...(end.answer === undefined ? {} : { answer: end.answer }), ...error } as Entry);
    return this;
  }

  put(
    token: string,
    version: number,
    more: { readonly generation?: number; readonly checksum?: string; readonly span?: readonly [number, number] } = {},
  ): this {
    const answer = { version, generation: more.generation ?? 1, checksum: more.checksum ?? `sha ${token}` };
    return this.call(token, 'put', { ...A, sha: `sha ${token}` }, { answer }, more.span);
  }

  /** A put of which nobody knows what became. */
  cutOff(token: string, span?: readonly [number, number]): this {
    return this.call(token, 'put', { ...A, sha: `sha ${token}` }, {}, span);
  }

  get(token: string, version: number, by: string, more: Partial<Operations['get']['answer']> & { readonly place?: Operations['versions']['call'] } = {}): this {
    const { place = A, ...rest } = more;
    const sha = `sha ${by}`;
    return this.call(token, 'get', place, { answer: { version, generation: 1, latest: true, checksum: sha, sha, by, ...rest } });
  }

  remove(token: string, count: number, place = A, span?: readonly [number, number]): this {
    return this.call(token, 'delete', place, { answer: { count, already: count === 0 } }, span);
  }

  run(token: string, end: End<'run'>, span?: readonly [number, number]): this {
    return this.call(token, 'run', { model: SHELL_MODEL, sha: `sha ${token}`, exit: 0 }, end, span);
  }

  /** What is there at the end, by number and writer. */
  audit(place: Operations['versions']['call'], ...versions: readonly (readonly [number, string])[]): this {
    const token = `${AUDIT}.${++this.#audits}`;
    if (versions.length === 0) return this.call(token, 'versions', place, { error: { code: 'data_not_found' } });
    return this.call(token, 'versions', place, { answer: { versions: versions.map(([version, by]) => [version, `sha ${by}`] as const) } });
  }

  judged(): Violation[] {
    return judge({ entries: this.#entries, events: [] });
  }

  /** The kinds of what is wrong, each once. */
  kinds(): string[] {
    return [...new Set(this.judged().map(({ kind }) => kind))].sort();
  }
}

test('a history in which all fits together has no violation', () => {
  const script = new Script()
    .call('1.1.1', 'get', A, { error: { code: 'data_not_found' } })
    .put('1.1.2', 1)
    .put('1.1.3', 2)
    .get('2.1.1', 2, '1.1.3')
    .call('2.1.2', 'put', { ...A, sha: 'sha 2.1.2', expect: 1 }, { error: { code: 'conflict', data: { actualVersion: 2 } } })
    .call('2.1.3', 'list', { model: 'first' }, { answer: { items: [{ ...A, version: 2, by: '1.1.3' }] } })
    .call('2.1.4', 'delete', { ...A, version: 1 }, { answer: { count: 1, already: false } })
    .run('1.1.4', { answer: { result: 1, log: 1, began: 20, ended: 21 } }, [19, 25])
    .call('1.1.5', 'clear', { model: 'first', prefix: 'a' }, { answer: { count: 1, failed: 0 } })
    .put('1.1.6', 3, { generation: 7 })
    .audit(A, [3, '1.1.6'])
    .audit(LOG, [1, '1.1.4']);
  assert.deepEqual(script.judged(), []);
});

test('a call that fails because of another one is told', () => {
  assert.deepEqual(new Script().call('1.1.1', 'put', { ...A, sha: 'x' }, { error: { code: 'io', message: 'ENOTEMPTY' } }).kinds(), ['failed']);
  assert.deepEqual(new Script().call('1.1.1', 'get', A, { error: { code: 'version_not_found' } }).kinds(), ['failed']);
});

test('a lost update is told', () => {
  const script = new Script().put('1.1.1', 1);
  for (const [token, version] of [
    ['1.1.2', 2],
    ['2.1.1', 3],
  ] as const)
    script.call(token, 'put', { ...A, sha: `sha ${token}`, expect: 1 }, { answer: { version, generation: 1, checksum: `sha ${token}` } }, [3, 9]);
  assert.deepEqual(script.kinds(), ['unexplained']);
});

test('a stale read after a completed put is told', () => {
  assert.deepEqual(new Script().put('1.1.1', 1).put('1.1.2', 2).get('2.1.1', 1, '1.1.1').kinds(), ['unexplained']);
});

test('a double winner of a delete is told', () => {
  assert.deepEqual(new Script().put('1.1.1', 1).remove('1.1.2', 1, A, [3, 9]).remove('2.1.1', 1, A, [3, 9]).kinds(), ['unexplained']);
});

test('a version that comes back after its delete is told', () => {
  assert.deepEqual(new Script().put('1.1.1', 1).remove('1.1.2', 1).get('2.1.1', 1, '1.1.1').kinds(), ['unexplained']);
});

test('an acknowledged version that is gone without a delete is told', () => {
  const script = new Script().put('1.1.1', 1).put('1.1.2', 2).audit(A, [2, '1.1.2']);
  assert.deepEqual(script.kinds(), ['unexplained', 'vanished']);
  const before = new Script().put('1.1.1', 1).remove('1.1.2', 1).put('1.1.3', 2, { generation: 5 }).audit(A);
  assert.ok(before.kinds().includes('vanished'), 'a delete before the write does not count');
});

test('content that is not what its writer wrote, or that nobody wrote, is told', () => {
  const put = (): Script => new Script().put('1.1.1', 1);
  assert.deepEqual(put().get('2.1.1', 1, '1.1.1', { sha: 'half of it' }).kinds(), ['number']);
  assert.deepEqual(put().get('2.1.1', 1, '1.1.1', { sha: 'half of it', checksum: 'half of it' }).kinds(), ['number']);
  assert.deepEqual(new Script().cutOff('1.1.1').get('2.1.1', 1, '1.1.1', { sha: 'half of it', checksum: 'half of it' }).kinds(), ['content']);
  assert.deepEqual(put().get('2.1.1', 1, '1.1.1', { by: null }).kinds(), ['content']);
  assert.deepEqual(new Script().get('2.1.1', 1, '9.9.9').kinds(), ['content', 'unexplained']);
});

test('a number given out twice, and a call that wrote two versions, are told', () => {
  assert.ok(new Script().put('1.1.1', 1).put('2.1.1', 1).kinds().includes('number'));
  assert.ok(new Script().cutOff('1.1.1', [1, 2]).get('2.1.1', 1, '1.1.1').get('2.1.2', 2, '1.1.1').kinds().includes('number'));
});

test('numbers that go back in time are told', () => {
  assert.deepEqual(new Script().put('1.1.1', 2).put('1.1.2', 1).kinds(), ['order', 'unexplained']);
});

test('a generation that changes under an artifact is told', () => {
  assert.deepEqual(new Script().put('1.1.1', 1).put('1.1.2', 2, { generation: 5 }).kinds(), ['unexplained']);
});

test('what was told as not written, and is there, is told', () => {
  const lost = { error: { code: 'lock_lost', stalledMs: 3_000, data: { kept: 'somewhere' } } };
  assert.deepEqual(new Script().run('1.1.1', lost).judged(), []);
  assert.ok(new Script().run('1.1.1', lost).get('2.1.1', 1, '1.1.1', { place: LOG }).kinds().includes('untold'));
});

test('a run that loses its lock without having stood still, or keeps nothing, is told', () => {
  assert.deepEqual(new Script().run('1.1.1', { error: { code: 'lock_lost', stalledMs: 100, data: { kept: 'somewhere' } } }).kinds(), ['failed']);
  assert.deepEqual(new Script().run('1.1.1', { error: { code: 'lock_lost', stalledMs: 3_000, produced: true } }).kinds(), ['failed']);
  assert.deepEqual(new Script().run('1.1.1', { error: { code: 'lock_lost', stalledMs: 3_000, produced: false } }).kinds(), []);
});

test('the outputs of a method whose process died are seen both or neither', () => {
  const cutOff = (): Script => new Script().run('1.1.1', {}, [1, 4]);
  const next = { answer: { result: 2, log: 1, began: 11, ended: 11 } };
  assert.deepEqual(cutOff().audit(RESULT).audit(LOG).kinds(), []);
  assert.deepEqual(cutOff().get('2.1.1', 1, '1.1.1', { place: RESULT }).audit(RESULT, [1, '1.1.1']).audit(LOG, [1, '1.1.1']).kinds(), []);
  // A result, and never a log: the next run got the log's number.
  const half = cutOff().get('2.1.1', 1, '1.1.1', { place: RESULT }).run('2.1.2', next, [10, 12]);
  assert.ok(half.audit(RESULT, [1, '1.1.1'], [2, '2.1.2']).audit(LOG, [1, '2.1.2']).kinds().includes('half'));
});

test('what a dead process had published is out when the next write returns', () => {
  const late = (version: number): Script =>
    new Script()
      .run('1.1.1', {}, [1, 4])
      .call('2.1.1', 'put', { model: SHELL_MODEL, name: 'a/b', sha: 'sha 2.1.1' }, { answer: { version: 1, generation: 1, checksum: 'sha 2.1.1' } }, [5, 6])
      .call(
        '2.1.2',
        'get',
        LOG,
        version === 0
          ? { error: { code: 'data_not_found' } }
          : { answer: { version, generation: 1, latest: true, checksum: 'sha 1.1.1', sha: 'sha 1.1.1', by: '1.1.1' } },
      );
  assert.deepEqual(late(1).audit(LOG, [1, '1.1.1']).kinds(), []);
  assert.deepEqual(late(0).audit(LOG).kinds(), []);
  assert.deepEqual(late(0).audit(LOG, [1, '1.1.1']).kinds(), ['unexplained']);
});

test('damage that a check finds in the midst of it all is told', () => {
  assert.deepEqual(new Script().call('1.1.1', 'check', {}, { answer: { findings: ['record_invalid: x'] } }).kinds(), ['left']);
});

test('a run that a delete overtook is told (P9)', () => {
  const overtaken = (span: readonly [number, number]): string[] =>
    new Script()
      .run('1.1.1', { answer: { result: 1, log: 1, began: 2, ended: 3 } }, [1, 4])
      .remove('2.1.1', 1, LOG, span)
      .run('1.1.2', { answer: { result: 2, log: 2, began: 12, ended: 20 } }, [11, 21])
      .kinds();
  assert.deepEqual(overtaken([5, 6]), []);
  assert.deepEqual(overtaken([13, 30]), []);
  assert.deepEqual(overtaken([13, 14]), ['overtaken']);
});
