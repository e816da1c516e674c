/** For how long a delete holds the global lock, by what the artifact holds. */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { told } from './program.js';
import { createModel, put, type TestRepo, tempRepo } from './repo.js';
import { finished, startProgram } from './swamp.js';

interface Told {
  readonly heldMs: number;
  readonly versionsDeleted: number;
}

/** Deletes artifacts with few and with many versions in turn; the medians must be of one size (section 10). */
export async function expectIndependent(
  t: TestContext,
  { few, many, rounds }: { readonly few: number; readonly many: number; readonly rounds: number },
): Promise<void> {
  const repo = await tempRepo(t);
  const modelId = await createModel(repo, 'm');
  const held: Record<'few' | 'many', number[]> = { few: [], many: [] };
  for (let i = 0; i < rounds; i++) {
    for (const [size, versions] of [
      ['few', few],
      ['many', many],
    ] as const) {
      await grow(repo, modelId, size, versions);
      const [{ heldMs, versionsDeleted } = { heldMs: Number.NaN, versionsDeleted: 0 }] = told<Told>(
        (await finished(startProgram(repo, 'hold-time', ['m', size], { timeoutMs: 120_000 }))).stdout,
      );
      assert.equal(versionsDeleted, versions);
      held[size].push(heldMs);
    }
  }
  const [small, large] = [middle(held.few), middle(held.many)];
  t.diagnostic(`held for ${small.toFixed(1)} ms with ${few} versions, for ${large.toFixed(1)} ms with ${many}`);
  assert.ok(large < small * 2, `${large} ms against ${small} ms`);
}

/** An artifact of so many versions, two files each: the first one put, the others links to it, which are made and removed quickly. */
async function grow(repo: TestRepo, modelId: string, name: string, versions: number): Promise<void> {
  const { version } = await put(repo, 'm', name, 'seed');
  const dir = repo.layout.artifact(modelId, name);
  for (let next = version + 1; next < version + versions; next++) {
    mkdirSync(join(dir, String(next)));
    for (const file of ['content', 'metadata.json']) linkSync(join(dir, String(version), file), join(dir, String(next), file));
  }
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
