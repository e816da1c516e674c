/**
 * The power goes right after a command has answered: everything that it acknowledged is there, and nothing is damaged (P4, P6).
 * It goes at any other moment: nothing is damaged, and what was there before is there, or taken away as a whole.
 */
import { describe, test } from 'node:test';
import { VERBS } from '../support/campaign-verbs.js';
import { answered, expectSurvives, expectWholeThroughout, syncsOf } from '../support/power-cut.js';
import { cannotTrace } from '../support/strace.js';

describe('through a power cut', { concurrency: 2, skip: cannotTrace() ?? false }, () => {
  for (const verb of VERBS)
    test(verb.title, async (t) => {
      const answer = await answered(t, verb);
      await expectSurvives(answer);
      await expectWholeThroughout(answer);
      const needless: string[] = [];
      for (const { call, label } of syncsOf(answer))
        await expectSurvives(answer, call).then(
          () => needless.push(label),
          () => undefined,
        );
      t.diagnostic(`${verb.title}: ${syncsOf(answer).length} syncs; not needed by what was acknowledged: ${needless.join(', ') || 'none'}`);
    });
});
