/** `swamp demo` stops at so many deletes or after so many seconds, whichever is first, and its verdict says how much was tried. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { tempRepo } from './support/repo.js';
import { sampledTest } from './support/scale.js';
import { finished, run } from './support/swamp.js';
import { onTerminal, startOnTerminal } from './support/terminal.js';

const test = sampledTest(2);

const LIMIT = { timeoutMs: 60_000 };

describe('the demo', { concurrency: 2 }, () => {
  test('stops at the deletes asked for, long before its time is up', async (t) => {
    const { stdout, ms } = await run(await tempRepo(t), ['demo', '--deletes', '3', '--writers', '1', '--seconds', '600'], LIMIT);
    assert.match(stdout, /\nDeletes: +3 of 3/);
    assert.match(stdout, /\nPassed: in 3 deletes against 1 writer there was no error, .*\n$/);
    assert.ok(ms < LIMIT.timeoutMs);
  });

  test('stops when its time is up, and says that it tried less than was asked for', async (t) => {
    const { stdout } = await run(await tempRepo(t), ['demo', '--deletes', '100000', '--writers', '1', '--seconds', '1'], LIMIT);
    assert.match(
      stdout,
      /\nPassed: in [0-9]+ deletes? against 1 writer .*\nThe time was up after 1 s, at [0-9]+ of 100000 deletes; --seconds N gives it more\.\n$/,
    );
  });

  test('shows how many of the deletes are made, and the time left', onTerminal, async (t) => {
    const running = startOnTerminal(await tempRepo(t), ['demo', '--deletes', '2', '--writers', '1']);
    await running.says(/Time: +[0-9]+ s, about [0-9]+ s left\r\nDeletes: +[01] of 2/);
    assert.match((await finished(running)).stdout, /Passed: in 2 deletes/);
  });
});
