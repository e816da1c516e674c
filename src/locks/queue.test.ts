import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { markerText, openRepoAt } from '../repo.js';
import { OwnTicket, readQueue } from './queue.js';
import { newSession } from './session.js';

const RUN = { kind: 'run', modelId: '11111111-1111-4111-8111-111111111111' } as const;
const HOUR_MS = 3_600_000;

/** The waiters of RUN in their order, after each has filed its ticket by a clock that is off by so much. */
async function orderOf(t: TestContext, skews: readonly number[]): Promise<number[]> {
  const base = mkdtempSync(join(tmpdir(), 'swamp-queue-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  writeFileSync(join(base, '.swamp.yaml'), markerText(RUN.modelId));
  const repo = openRepoAt(base);
  const now = Date.now();
  t.after(() => t.mock.timers.reset());
  const names: (string | undefined)[] = [];
  for (const [i, skew] of skews.entries()) {
    t.mock.timers.enable({ apis: ['Date'], now: now + i + skew });
    const ticket = new OwnTicket(newSession(repo), RUN, 'acquire', []);
    await ticket.file();
    t.mock.timers.reset();
    names.push(ticket.name);
  }
  return readQueue(repo.layout, RUN).map(({ name }) => names.indexOf(name));
}

test('a ticket goes behind those that are there, whatever the clocks of their hosts say (L6)', async (t) => {
  assert.deepEqual(await orderOf(t, [HOUR_MS, 0, -HOUR_MS, 0, 24 * HOUR_MS, 0]), [0, 1, 2, 3, 4, 5]);
});
