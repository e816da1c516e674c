/** What the tests themselves keep to: every child process has a limit (L14), and nothing stands in for the program or its store (D13). */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { tempRepo } from './support/repo.js';
import { launch, markedProcesses, ROOT } from './support/swamp.js';

interface Source {
  readonly path: string;
  readonly text: string;
}

const TESTS: readonly Source[] = ['integration', 'src', 'bench']
  .flatMap((dir) => readdirSync(join(ROOT, dir), { recursive: true, encoding: 'utf8' }).map((path) => `${dir}/${path}`))
  .filter((path) => /\.(ts|mjs)$/.test(path) && path !== 'integration/harness.test.ts' && (!path.startsWith('src/') || path.endsWith('.test.ts')))
  .sort()
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));

/** The one place that starts a process that goes on: it kills the whole group at its limit. */
const HARNESS = 'integration/support/swamp.ts';

/** Calls by which a process starts and that give it no limit. */
function unlimited({ path, text }: Source): string[] {
  if (!/from 'node:child_process'/.test(text)) return [];
  const calls = [...text.matchAll(/(?<![\w.])(?:spawn|exec|execFile|fork)(?:Sync)?\(/g)].map(({ index }) => callAt(text, index));
  return calls.filter((call) => !/\btimeout: /.test(call)).map((call) => `${path}: ${call.slice(0, 60)}`);
}

/** The call that begins here, up to the parenthesis that closes it. */
function callAt(text: string, from: number): string {
  let depth = 0;
  for (let at = text.indexOf('(', from); at < text.length; at++) {
    if (text[at] === '(') depth++;
    if (text[at] === ')' && --depth === 0) return text.slice(from, at + 1);
  }
  return text.slice(from);
}

describe('a child process of a test', () => {
  test('has a time limit, wherever it is started (L14)', () => {
    assert.ok(TESTS.filter(({ text }) => text.includes("from 'node:child_process'")).length > 10);
    const found = TESTS.flatMap(unlimited);
    assert.deepEqual(
      found.filter((call) => !call.startsWith(`${HARNESS}: spawn(command, args, `)),
      [],
    );
    assert.equal(found.length, 1, 'the harness has one place where a process starts');
  });

  test('that does not end is killed at its limit with all that it started, and the test fails with what it had said (L14)', async (t) => {
    const repo = await tempRepo(t);
    const stuck = launch(repo, 'sh', ['-c', 'echo begun; sleep 300 & sleep 300'], { timeoutMs: 500 });
    await assert.rejects(stuck.exited, /still running after \d+ ms; its process group was killed\n--- stdout\nbegun/);
    assert.deepEqual(markedProcesses(repo.base), []);
  });
});

test('no test replaces a part of the program, of the store or of Node: what they run is the real thing (D13)', () => {
  const replacing = /\bmock\b\s*[,.}]|\bmock\(|\b(?:registerHooks|module\.register)\(|\bfs\.\w+ = |\bprocess\.(?:kill|hrtime) = /;
  assert.deepEqual(
    TESTS.filter(({ text }) => replacing.test(text)).map(({ path }) => path),
    // A probe that takes the time of each rename, which is made all the same; clocks that differ, which are its subject.
    ['integration/programs/hold-time.ts', 'src/locks/queue.test.ts'],
  );
});
