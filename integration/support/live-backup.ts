/** Backups beside writers and deleters: each must show one moment, as the writers' and deleters' own records prove (B4). */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { backup, type Saved, whole } from './backups.js';
import { sharedClock, told } from './program.js';
import { type Deleted, expectBalance, outputs, type Written } from './race.js';
import { createModel, put, tempRepo } from './repo.js';
import { startProgram } from './swamp.js';

interface Shown {
  readonly saved: readonly Saved[];
  readonly from: number;
  readonly to: number;
}

/** 4 writers and a deleter, and one backup after the other, for so long; a writer leaves `pauseMs` between two puts. */
export async function liveBackups(t: TestContext, { seconds, pauseMs = 0 }: { readonly seconds: number; readonly pauseMs?: number }): Promise<void> {
  const repo = await tempRepo(t);
  for (const model of ['m', 'n']) await createModel(repo, model);
  const written: Written[] = [];
  for (const [model, name] of [
    ['m', 'a'],
    ['m', 'b'],
    ['n', 'c'],
  ] as const)
    written.push({ ...(await put(repo, model, name, 'seed')), name, from: 0, to: 0 });
  const options = { stdin: 'open', timeoutMs: (seconds + 100) * 1_000 } as const;
  const writers = ['m a,b', 'm b,a', 'n c', 'n c'].map((args, i) =>
    startProgram(repo, 'writer', [...args.split(' '), `writer ${i}`, String(pauseMs)], options),
  );
  for (const one of writers) await one.says(/ready/);
  const calm = sharedClock();
  await delay(Math.min(seconds / 4, 2) * 1_000);
  const busy = sharedClock();
  const deleter = startProgram(repo, 'deleter', ['m', 'a,b', '0'], options);
  const shown: Shown[] = [];
  for (let i = 0; shown.length < 2 || sharedClock() - busy < seconds * 1_000; i++) {
    const dir = join(repo.base, `backup${i}`);
    const from = sharedClock();
    await backup(repo, dir);
    const to = sharedClock();
    shown.push({ saved: await whole(repo, dir), from, to });
    rmSync(dir, { recursive: true });
  }
  for (const one of [...writers, deleter]) one.closeStdin();
  for (const stdout of await outputs(writers)) written.push(...told<Written>(stdout));
  const deleted = (await outputs([deleter])).flatMap((stdout) => told<Deleted>(stdout));
  for (const one of shown) expectOneMoment(one, written, deleted);
  await expectBalance(repo, written, deleted);
  const longest = (from: number, to: number): number => Math.max(...written.filter((one) => one.from >= from && one.to <= to).map((one) => one.to - one.from));
  const waits = shown.map(({ from, to }) => longest(from, to));
  t.diagnostic(
    `${shown.length} backups beside ${written.length} versions and ${deleted.length} deletes; longest put ${longest(calm, busy).toFixed(0)} ms alone, ${Math.max(...waits).toFixed(0)} ms beside a backup and a deleter`,
  );
}

const keyOf = ({ name, generation, version }: Pick<Written, 'name' | 'generation' | 'version'>): string => `${name} ${generation}.${version}`;

/**
 * There is a moment at which the store was as the backup shows it: not before the last write that it shows had begun, and every
 * write that had ended by then is in it, or a delete took it that had begun before the backup ended.
 */
export function expectOneMoment({ saved, from, to }: Shown, written: readonly Written[], deleted: readonly Deleted[]): void {
  const known = new Map(written.map((one) => [keyOf(one), one]));
  for (const one of saved) assert.equal(known.get(keyOf(one))?.checksum, one.checksum, `${keyOf(one)} is shown, and nobody wrote it so`);
  const shown = new Set(saved.map(keyOf));
  const moment = Math.max(from, ...saved.map((one) => known.get(keyOf(one))?.from ?? 0));
  assert.ok(moment <= to);
  for (const one of written) {
    if (one.to > moment || shown.has(keyOf(one))) continue;
    const taken = deleted.some((gone) => gone.name === one.name && gone.versionsDeleted > 0 && gone.to >= one.from && gone.from <= to);
    assert.ok(taken, `${keyOf(one)} was acknowledged before what is shown, is missing, and no delete took it`);
  }
  for (const gone of deleted) {
    if (gone.to >= from || gone.versionsDeleted === 0) continue;
    const undead = saved.find((one) => one.name === gone.name && (known.get(keyOf(one))?.to ?? 0) < gone.from);
    assert.equal(undead, undefined, 'a version is shown that had been deleted before the backup began');
  }
}
