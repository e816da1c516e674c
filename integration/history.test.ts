/** Eight processes that put, swap, read, list, delete and run methods at random, are stopped, woken and killed; and whether all they were told fits together. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brokenHistory, cleanHistory, type HistoryOptions } from './support/history.js';
import type { Edit } from './support/mutant.js';

test('a random history of eight processes, some stopped and some killed, is linearizable and loses nothing (P1-P4, P9)', async (t) => {
  await cleanHistory(t, { seconds: 12 });
});

interface Mutant {
  readonly title: string;
  readonly edits: readonly Edit[];
  readonly aim?: NonNullable<HistoryOptions['aim']>;
}

const MUTANTS: readonly Mutant[] = [
  {
    title: 'the expected version is not looked at',
    edits: [{ file: 'operations/data-put.ts', from: 'if (before === undefined) expectVersion(latestVersion(writer, input.name), input);', to: '' }],
  },
  {
    title: 'a commit does not pass through the fence',
    edits: [
      { file: 'store/commit.ts', from: 'await step(fence, join(fence.session.staging, slot), inside);', to: '' },
      {
        file: 'store/commit.ts',
        from: 'await step(fence, inside, destination);',
        to: 'await rename(join(fence.session.staging, slot), destination); void inside;',
      },
    ],
    aim: { what: 'stop', point: 'put.before-commit' },
  },
  {
    title: 'an intent that a dead holder left is not carried out',
    edits: [
      {
        file: 'store/recover.ts',
        from: 'await rollForward(fence, join(fence.path, name));',
        to: 'await moveToTrash(fence, join(fence.path, name)); void rollForward;',
      },
    ],
    aim: { what: 'kill', point: 'outputs.one-out' },
  },
];

describe('a history is found wanting when', () => {
  for (const { title, edits, aim } of MUTANTS) {
    test(title, async (t) => {
      const kinds = await brokenHistory(t, edits, { seconds: 5, ...(aim === undefined ? {} : { aim }) });
      assert.notEqual(kinds.size, 0, 'nothing was found');
    });
  }
});
