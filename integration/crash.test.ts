/** Each command killed at points that it passes by name, also between two system calls of the campaign (L12, P3, P4, P8, O4). */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { commandOf, judge, lookAt, type Verb } from './support/campaign.js';
import { VERBS } from './support/campaign-verbs.js';
import { traceOf } from './support/failpoints.js';
import { copyRepo, tempRepo } from './support/repo.js';
import { isSampled, LONG } from './support/scale.js';
import { start } from './support/swamp.js';

describe('killed at a point that it passes, a command leaves a whole store', { concurrency: 2 }, () => {
  for (const [i, verb] of VERBS.entries()) if (isSampled(i, 6)) test(verb.title, (t) => killThroughout(t, verb, i));
});

/** `first`: which point the sample begins with. */
async function killThroughout(t: TestContext, verb: Verb, first: number): Promise<void> {
  const origin = await tempRepo(t, verb.bare === true ? { check: false } : { pending: 'allowed' });
  await verb.prepare(origin);
  const before = await lookAt(origin);
  const traced = copyRepo(origin);
  const { args, options } = commandOf(verb, traced);
  const points = await traceOf(traced, args, options);
  t.diagnostic(`${points.length} points`);
  let [killed, missed] = [0, 0];
  for (const [i, name] of points.entries()) {
    if (LONG ? i % 3 !== 0 : !isSampled(first + i, Math.min(30, points.length))) continue;
    const repo = copyRepo(origin);
    const command = commandOf(verb, repo);
    const result = await start(repo, command.args, { ...command.options, env: { SWAMP_FAILPOINTS: `#${i + 1}=kill` } }).exited;
    if (result.code === 0) missed++;
    else {
      const where = (cause: unknown): never => assert.fail(new Error(`killed at point ${i + 1} (${name}): ${String(cause)}`, { cause }));
      await judge(verb, { repo, result, fault: 'kill' }, before).catch(where);
      killed++;
    }
  }
  // Waits are timed, so a run may pass a point more or less than the one that was traced.
  assert.ok(killed > 0 && missed <= 2, `${missed} of ${points.length} were not reached`);
}
