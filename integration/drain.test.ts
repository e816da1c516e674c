/**
 * L2, L3, L6, N1 to N4: why there are two drains, a second look, a closed state and a last look. Each order of events is made by
 * stopping processes, never by waiting; and the suite proves that each test can fail, by asking it of a program that lacks the step.
 */
import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { dataDelete } from '../src/operations/data-delete.js';
import { brokenRepo } from './support/broken.js';
import { CASES } from './support/drain-cases.js';
import { libraryRepo, NEVER, newModel, putAll } from './support/library-repo.js';
import { tempRepo } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';
import { ROOT } from './support/swamp.js';

const test = sampledTest(2);

describe('the order of events', { concurrency: 2 }, () => {
  for (const { title, scenario } of CASES) {
    test(title, async (t) => {
      assert.equal(await scenario(await tempRepo(t)), 'holds');
    });
  }
});

describe('the reason for each step is in design/protocol.md, with the order of events that it prevents (L3)', () => {
  const text = readFileSync(join(ROOT, 'design/protocol.md'), 'utf8');
  for (const { argued, edits } of CASES) {
    if (argued === undefined) continue;
    const [section, label] = argued;
    test(`${section}: ${label}`, () => {
      const body = text.split(/^##+ /m).find((part) => part.startsWith(`${section}\n`)) ?? '';
      const drawn = body.split('\n').filter((line) => /^ {4}\S/.test(line) || /^ {4} {4}/.test(line));
      assert.ok(drawn.length >= 4, `"${section}" draws nothing`);
      assert.match(body, new RegExp(`\\b${label}\\b`));
      const source = readFileSync(join(ROOT, 'src', edits[0]?.file ?? ''), 'utf8');
      assert.match(source, new RegExp(`\\b${label}\\b`));
    });
  }
});

test('a drain of locks that nobody holds sleeps nowhere: a delete alone sets no timer but heartbeats, and no watch (L5)', async (t) => {
  const repo = await libraryRepo(t);
  await newModel(repo, 'm');
  await putAll(repo, 'm', 'a', 'seed', 'more');
  const armed: string[] = [];
  const hook = createHook({
    init: (_id, type, _trigger, resource: { _idleTimeout?: number }) => {
      if (type === 'FSEVENTWRAP' || (type === 'Timeout' && (resource._idleTimeout ?? 0) < repo.timing.heartbeatMs))
        armed.push(`${type} ${resource._idleTimeout ?? ''}`);
    },
  });
  hook.enable();
  t.after(() => hook.disable());
  await dataDelete(repo, { model: 'm', name: 'a' }, NEVER);
  hook.disable();
  assert.deepEqual(armed, []);
});

describe('each of these tests fails when its step is taken out (a sample; most of those for nested commands in the long form alone)', {
  concurrency: 2,
}, () => {
  for (const { without, scenario, edits, verdict } of sampled(
    CASES.filter(({ late }) => late !== true),
    3,
  )) {
    test(`${without}: ${verdict} (L3)`, async (t) => {
      assert.equal(await scenario(await brokenRepo(t, ...edits)), verdict);
    });
  }
});
