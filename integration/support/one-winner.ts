/** Many deletes of one model at once: one removes it, one runs its teardown, and nobody fails (O1, O3). */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { COLLISION } from './race.js';
import { type TestRepo, tempRepo } from './repo.js';
import { finished, runJson, start } from './swamp.js';

/** What `model delete` tells. */
export interface Deleted {
  readonly id: string;
  readonly versionsDeleted: number;
  readonly alreadyDeleted: boolean;
  readonly teardown: string | null;
}

/** A command/shell model whose teardown appends a line to `torn`; its id. */
export async function withTeardown(repo: TestRepo, name: string, teardown = 'echo torn >> torn'): Promise<string> {
  return (await runJson<{ id: string }>(repo, ['model', 'create', 'command/shell', name, '--run', 'true', '--delete-run', teardown])).id;
}

/** How many lines `torn` has. */
export function linesOf(repo: TestRepo): number {
  const path = join(repo.dir, 'torn');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
}

/** So many rounds of a new model and `processes` deletes of it at once. */
export async function oneWinner(t: TestContext, { rounds, processes }: { readonly rounds: number; readonly processes: number }): Promise<void> {
  const repo = await tempRepo(t);
  const slowest: number[] = [];
  const teardowns = new Map<string, number>();
  for (let round = 1; round <= rounds; round++) {
    const id = await withTeardown(repo, 'box');
    const all = Array.from({ length: processes }, () => start(repo, ['model', 'delete', 'box', '--force', '--json'], { timeoutMs: 60_000 }));
    const ended = await Promise.all(all.map((running) => finished(running)));
    const results = ended.map(({ stdout }) => JSON.parse(stdout) as Deleted);
    for (const { stderr } of ended) assert.doesNotMatch(stderr, COLLISION);
    assert.equal(results.filter(({ alreadyDeleted }) => !alreadyDeleted).length, 1, `round ${round}: more or fewer than one winner`);
    assert.equal(linesOf(repo), round, `round ${round}: the teardown ran more than once, or not at all`);
    const record = JSON.parse(readFileSync(repo.layout.deletedModel(id), 'utf8')) as { teardown: unknown };
    assert.deepEqual(record.teardown, { state: 'done' });
    for (const result of results) assert.equal(result.id, id);
    slowest.push(Math.max(...ended.map(({ ms }) => ms)));
    for (const { alreadyDeleted, teardown } of results) {
      const what = alreadyDeleted ? `a loser saw it ${teardown}` : 'the winner';
      teardowns.set(what, (teardowns.get(what) ?? 0) + 1);
    }
  }
  const sorted = slowest.toSorted((a, b) => a - b);
  const told = [...teardowns].map(([what, n]) => `${what} ${n}`).join(', ');
  t.diagnostic(
    `${rounds} rounds of ${processes} deletes, ${linesOf(repo)} lines; ${told}; slowest of a round: median ${ms(sorted[rounds >> 1])}, worst ${ms(sorted.at(-1))}`,
  );
}

function ms(value = Number.NaN): string {
  return `${Math.round(value)} ms`;
}
