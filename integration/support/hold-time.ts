/** For how long a delete holds the global lock, by what the artifact holds. */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { told } from './program.js';
import { createModel, put, type TestRepo, tempRepo } from './repo.js';
import { finished, startProgram } from './swamp.js';

const ROUNDS = 5;

/** Deletes an artifact with few and one with many versions in turn; the best of each must be of one size (section 10): other work on this machine only adds. */
export async function expectIndependent(t: TestContext, { few, many }: { readonly few: number; readonly many: number }): Promise<void> {
  const repo = await tempRepo(t, { pending: 'allowed' });
  const modelId = await createModel(repo, 'm');
  const held: Record<'few' | 'many', number[]> = { few: [], many: [] };
  await grow(repo, modelId, 'few', few);
  await grow(repo, modelId, 'many', many);
  for (let i = 0; i < ROUNDS; i++) {
    for (const name of ['few', 'many'] as const) {
      const { stdout } = await finished(startProgram(repo, 'hold-time', ['m', name]));
      held[name].push(told<{ heldMs: number }>(stdout)[0]?.heldMs ?? Number.NaN);
      if (i < ROUNDS - 1) putBack(repo, modelId, name);
    }
  }
  const [small, large] = [Math.min(...held.few), Math.min(...held.many)];
  t.diagnostic(`held for ${small.toFixed(1)} ms with ${few} versions, for ${large.toFixed(1)} ms with ${many}`);
  assert.ok(large < small * 2, `held for ${large.toFixed(1)} ms with ${many} versions, for ${small.toFixed(1)} ms with ${few}`);
}

/** An artifact of so many versions, two files each: the first one put, the others links to it, which are made and removed quickly. */
async function grow(repo: TestRepo, modelId: string, name: string, versions: number): Promise<void> {
  await put(repo, 'm', name, 'seed');
  const dir = repo.layout.artifact(modelId, name);
  for (let next = 2; next <= versions; next++) {
    mkdirSync(join(dir, String(next)));
    for (const file of ['content', 'metadata.json']) linkSync(join(dir, '1', file), join(dir, String(next), file));
  }
}

/** Takes what was deleted out of the trash again: to make it anew would take longer than all the rest. */
function putBack(repo: TestRepo, modelId: string, name: string): void {
  const found = readdirSync(repo.layout.trashes)
    .flatMap((trash) => readdirSync(join(repo.layout.trashes, trash)).map((item) => join(repo.layout.trashes, trash, item)))
    .find((path) => readdirSync(path).includes('artifact.json'));
  assert.ok(found !== undefined, `${name} is not in the trash`);
  renameSync(found, repo.layout.artifact(modelId, name));
}
