/**
 * L4: writers against deleters. No command fails because of another one, and every acknowledged version is there, or was
 * taken by a delete.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { COLLISION, type Deleted, deletesAgainst, hammer, writingPrograms } from './support/race.js';
import { createModel, type TestRepo, tempRepo, versionsOf } from './support/repo.js';
import { LONG } from './support/scale.js';
import { finished, run, start } from './support/swamp.js';

/** 250 are promised, and are made by the demo and the long form, too. */
const DELETES = LONG ? 250 : 15;
/** Of each of five models. */
const ROUNDS = LONG ? 10 : 1;

test(`of ${DELETES} deletes in a tight loop, each a process, against 4 writers, none fails (L4)`, async (t) => {
  await deletesAgainst(t, DELETES, writingPrograms);
});

test(`in ${5 * ROUNDS} rounds of a slow method and a delete started 30 ms later, none fails (L4, P9)`, async (t) => {
  const repo = await tempRepo(t);
  // Five models, so that the rounds of one sleep while those of another work.
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map((model) => rounds(repo, model, ROUNDS)));
});

async function rounds(repo: TestRepo, model: string, count: number): Promise<void> {
  await createModel(repo, model, 'sleep 0.3; echo done');
  await run(repo, ['model', 'method', 'run', model, 'execute']);
  for (let i = 0, before = 1; i < count; i++) {
    const method = start(repo, ['model', 'method', 'run', model, 'execute']);
    await delay(30);
    const deleter = start(repo, ['data', 'delete', model, 'result', '--force', '--json']);
    const results = await Promise.all([finished(method), finished(deleter)]);
    for (const { stderr } of results) assert.doesNotMatch(stderr, COLLISION);
    const { versionsDeleted } = JSON.parse(results[1].stdout) as Deleted;
    const left = (await versionsOf(repo, model, 'result')).length;
    // It came before the method, or it waited and took what that wrote.
    assert.deepEqual({ left, versionsDeleted }, left === 0 ? { left, versionsDeleted: before + 1 } : { left: 1, versionsDeleted: before });
    before = left;
  }
}

test('hundreds of puts and deletes by 4 writers and 2 deleters lose and repeat nothing (L4, P1, P3, P4)', async (t) => {
  await hammer(t, { seconds: 1 });
});
