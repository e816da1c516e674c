import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Layout, type LockName } from '../layout/layout.js';
import { timingFrom } from '../timing.js';
import { Observer } from './observe.js';

const DATA: LockName = { kind: 'data', modelId: '11111111-1111-4111-8111-111111111111' };

test('a heartbeat that does not move makes a holder stale after the ttl, of which only counts what the observer looked through', (t) => {
  const base = mkdtempSync(join(tmpdir(), 'swamp-observe-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const layout = new Layout(base);
  mkdirSync(join(layout.fence(DATA), '7.0123456789ab-01234567-4026531836-4026531834-4242-99-abcdefabcdef'), { recursive: true });
  let now = 0;
  const timing = { ...timingFrom({}), now: () => now };
  const observer = new Observer(layout, timing);
  const verdictAfter = (ms: number): string | undefined => {
    now += ms;
    return observer.look(DATA)?.verdict;
  };
  const pollFor = (ms: number): void => {
    for (const end = now + ms; now < end; ) assert.equal(verdictAfter(timing.pollMs), 'live');
  };
  assert.equal(verdictAfter(0), 'live');
  pollFor(timing.ttlMs / 2);
  // Stopped, as in a container that is frozen with all its processes: the holder has had no chance to show that it lives.
  assert.equal(verdictAfter(10 * timing.ttlMs), 'live');
  pollFor(timing.ttlMs / 2 - 5 * timing.pollMs);
  assert.equal(verdictAfter(timing.pollMs), 'stale');
});
