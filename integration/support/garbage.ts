/** Garbage in the place of one thing after the other in a store: what every operation makes of it. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { told } from './program.js';
import { stockedRepo } from './stocked.js';
import { finished, run, startProgram } from './swamp.js';

interface Outcome {
  readonly at: string;
  readonly kind: string;
  readonly operation: string;
  readonly code: string;
}

const DOCUMENTED = new Set<string>(['ok', 'found', 'corrupt', 'checksum_mismatch', 'io', 'data_not_found', 'model_exists', 'lock_timeout']);

/** Each operation ends as documented, `check` finds what is no record, and nothing outside is touched. `every`: only each so many-th kind of garbage. */
export async function garbage(t: TestContext, { every }: { readonly every: number }): Promise<void> {
  const repo = await stockedRepo(t);
  await run(repo, ['model', 'create', 'store', 'dead']);
  await run(repo, ['model', 'delete', 'dead', '--force']);
  const victim = join(repo.base, 'victim');
  mkdirSync(victim);
  writeFileSync(join(victim, 'file'), 'somebody else owns this');
  const { stdout } = await finished(startProgram(repo, 'garbage', [repo.dir, victim, String(every)], { timeoutMs: 120_000 }));
  const outcomes = told<Outcome>(stdout);
  assert.ok(outcomes.length > 800 / every, `${outcomes.length} outcomes`);
  assert.deepEqual(
    outcomes.filter(({ code }) => !DOCUMENTED.has(code)),
    [],
  );
  const records = outcomes.filter(
    ({ at, kind, operation }) => /artifact|metadata|content|gone|deleted\/./.test(at) && kind !== 'nothing' && operation === 'check',
  );
  assert.ok(records.length > 30 / every);
  assert.deepEqual(
    records.filter(({ code }) => code !== 'found'),
    [],
    'check finds whatever is no record',
  );
  assert.deepEqual(readdirSync(victim), ['file']);
  assert.equal(readFileSync(join(victim, 'file'), 'utf8'), 'somebody else owns this');
}
