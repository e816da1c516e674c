/** Locks for people: at every width whole, the stuck ones first, each with its next step; and what is pending, with the command that goes on. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DatastoreStatusResult } from '../../operations/datastore-status.js';
import type { LockRecord } from '../../operations/lock-status.js';
import { clip, wrap } from './lines.js';
import { lockFacts, lockLines, lockSummary, lockText } from './locks.js';
import { statusText } from './status.js';

const ID = '523ffdc3-8648-47ae-a1a2-1fb185d39bbc';
const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

function lock(fields: Partial<LockRecord> = {}): LockRecord {
  return {
    ...{ lock: 'run', modelId: ID, modelName: 'nightly', state: 'held', holder: '7.x', host: 'vm', pid: 41, command: 'model method run nightly execute' },
    ...{ acquiredAt: ago(12_000), heartbeatAt: ago(3_000), verdict: 'live', waiters: [] },
    ...fields,
  } as LockRecord;
}

const waiter = { kind: 'drain', command: 'data delete nightly a', host: 'vm', pid: 42, since: ago(5_000) } as const;
const damaged = lock({
  lock: 'data',
  state: 'damaged',
  verdict: 'unreadable',
  holder: '3.free-a 4.free-b',
  host: null,
  pid: null,
  command: null,
  acquiredAt: null,
  heartbeatAt: null,
});
const MANY = [
  lock({ lock: 'global', modelId: null, pid: 42, state: 'draining', command: 'data delete nightly a' }),
  lock({ verdict: 'dead' }),
  lock({ verdict: 'stale', waiters: [waiter] }),
  damaged,
];

describe('locks', () => {
  for (const columns of [20, 40, 80, 200]) {
    it(`fit ${columns} columns, and lose nothing`, () => {
      const lines = lockLines(MANY, columns);
      for (const { text } of lines) assert.ok([...text].length <= columns, text);
      const words = lines
        .map(({ text }) => text)
        .join('')
        .replaceAll(/\s/g, '');
      for (const fact of ['datadeletenightlya', 'swampdatastorecheck--repair', 'lockrelease--force--modelnightly', 'draining', 'stale', 'pid41onvm'])
        assert.ok(words.includes(fact), fact);
    });
  }

  it('stand with what needs a person first, and what mends itself last', () => {
    const titles = lockLines(MANY, 200).flatMap(({ text }) => /^(?:data|run|global)\b.*? (damaged|held|draining) +(\S+)/.exec(text)?.slice(1).join(' ') ?? []);
    assert.deepEqual(titles, ['damaged unreadable', 'held stale', 'draining live', 'held dead']);
    assert.deepEqual(
      lockLines(MANY, 200).flatMap(({ text, alarm }) => (alarm === true ? [text.split(' ')[0]] : [])),
      ['data', 'run'],
    );
  });

  it('tell who waits for whom, and for how long', () => {
    const lines = lockText(MANY, { colour: false });
    assert.match(lines, /^ {2}<- "data delete nightly a" \(pid 42 on vm\) waits for its holder to end, for 5\.\d s$/m);
    assert.match(lines, /^global .*\n {2}-> its holder waits for run of nightly, for 5\.\d s$/m);
    assert.equal(lockSummary(MANY), '4 locks held (1 damaged, 1 stale, 1 live, 1 dead); 1 waits');
  });

  it('that are live are worth a step only when somebody waits for a minute', () => {
    assert.doesNotMatch(lockText([lock({ waiters: [waiter] })], { colour: false }), /next:/);
    const long = lock({ waiters: [{ ...waiter, since: ago(90_000) }] });
    assert.match(
      lockText([long], { colour: false }),
      /next: end its holder \(pid 41 on vm\), or put it out: swamp datastore lock release --force --model nightly/,
    );
  });

  it('have no age in their facts: two looks at one state are the same', () => {
    assert.deepEqual(lockFacts([lock({ acquiredAt: ago(1), heartbeatAt: ago(1) })]), lockFacts([lock()]));
  });

  it('have colour where it is wanted, and none elsewhere', () => {
    const text = lockText([damaged], { colour: true });
    assert.ok(text.includes('\u001b[31m') && text.includes('\u001b[39m'), text);
    assert.ok(!lockText([damaged], { colour: false }).includes('\u001b'));
  });
});

describe('lines', () => {
  it('are broken at blanks where there are any, and indented further', () => {
    const broken = (text: string, columns: number): string[] => wrap({ text }, columns).map((line) => line.text);
    assert.deepEqual(broken('  one two three', 10), ['  one two', '    three']);
    assert.deepEqual(broken('abcdefghij', 4), ['abcd', '  ef', '  gh', '  ij']);
    assert.deepEqual(broken('a', 4), ['a']);
    assert.deepEqual(broken('', 4), ['']);
    assert.equal(broken('  one two', Number.POSITIVE_INFINITY).length, 1);
  });

  it('are cut with a mark', () => {
    assert.equal(clip({ text: 'abcdef' }, 4).text, 'abc…');
    assert.equal(clip({ text: 'abcd' }, 4).text, 'abcd');
  });
});

describe('the state of a datastore', () => {
  const nothing: DatastoreStatusResult = {
    healthy: true,
    bytes: 10,
    sweeps: [],
    pins: [],
    teardowns: [],
    kept: [],
    manual: [],
    uploads: [],
    locks: [],
    changeLogs: [],
    catalog: { state: 'absent', bytes: 0 },
    unreadable: [],
  };
  const shown = (fields: Partial<DatastoreStatusResult>): string => statusText({ ...nothing, ...fields }, { colour: false });

  it('in order has no next step', () => {
    assert.match(shown({}), /^Healthy: +yes\nSize: +10 B\nLocks: +No lock is held\.\n/);
    assert.doesNotMatch(shown({}), /Next:/);
  });

  it('says why it is not healthy, and which command is next, the most urgent first', () => {
    const text = shown({
      healthy: false,
      locks: [damaged],
      sweeps: [{ path: 'p', kind: 'trash', bytes: 5, message: 'waits' }],
      teardowns: [
        { id: ID, name: 'box', state: 'failed' },
        { id: ID, name: 'bag', state: 'pending' },
      ],
      kept: [{ modelId: ID, path: 'k', kind: 'kept', bytes: 7, message: 'waits' }],
      manual: [{ path: 'n.yaml', kind: 'second_name', bytes: 0, message: 'is the same file; rename' }],
    });
    assert.match(text, /^Healthy: +no: a lock is damaged, a teardown failed\n/);
    const commands = [...text.matchAll(/^ {2}(swamp .*)$/gm)].map(([, command]) => command);
    assert.deepEqual(commands, ['swamp datastore check --repair', `swamp model delete ${ID}`, 'swamp datastore sweep', 'swamp datastore sweep --kept']);
    assert.match(text, /finishes 1 thing and 1 delete method/);
    assert.match(text, /^second_name: n\.yaml is the same file; rename$/m);
  });

  it('counts what is too much for a list', () => {
    const sweeps = Array.from({ length: 30 }, (_, i) => ({ path: `p${i}`, kind: 'trash' as const, bytes: 1, message: 'waits' }));
    assert.match(shown({ sweeps }), /p19\nand 10 more\n/);
  });
});
