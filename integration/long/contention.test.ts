/** L6 over a longer time: nobody is starved, whoever else streams by. */
import { describe, test } from 'node:test';
import { expectFair, type Kind } from '../support/contention.js';

const mix = (writers: number, structural: number): readonly Kind[] => [...Array<Kind>(writers).fill('writer'), ...Array<Kind>(structural).fill('structural')];

describe('everybody gets a turn in half a minute (L6)', { concurrency: 1 }, () => {
  for (const [writers, structural] of [
    [8, 0],
    [7, 1],
    [4, 4],
    [1, 7],
    [0, 8],
  ] as const) {
    test(`${writers} writers, ${structural} structural commands`, (t) => expectFair(t, mix(writers, structural), 30));
  }
});
