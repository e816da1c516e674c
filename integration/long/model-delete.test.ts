/** The long form of O1 and O3: 200 rounds of 16 deletes at once; exactly 200 lines in the teardown's file. */
import { test } from 'node:test';
import { oneWinner } from '../support/one-winner.js';

test('of 16 deletes at once one removes and one runs the teardown, and all succeed, 200 times (O1, O3)', (t) => oneWinner(t, { rounds: 200, processes: 16 }));
