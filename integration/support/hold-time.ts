/** For how long a structural command holds the global lock, by what the artifact or the model holds. */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openRepo } from '../../src/index.js';
import { told } from './program.js';
import { createModel, put, type TestRepo, tempRepo } from './repo.js';
import { finished, startProgram } from './swamp.js';

const ROUNDS = 5;

/** One command over something small or large; how long it held the lock, in milliseconds. Called once a round for each. */
type Act = (size: 'few' | 'many', round: number) => Promise<number>;

/** What is needed for an act: a repository with the model `m`, and how many there are of what is counted. */
export interface Ground {
  readonly repo: TestRepo;
  readonly modelId: string;
  readonly count: Readonly<Record<'few' | 'many', number>>;
}

/** Acts on few and on many in turn; the best of each must be of one size (section 10): other work on this machine only adds. */
export async function expectIndependent(t: TestContext, count: Ground['count'], prepare: (ground: Ground) => Promise<Act>): Promise<void> {
  const repo = await tempRepo(t, { pending: 'allowed' });
  const act = await prepare({ repo, modelId: await createModel(repo, 'm'), count });
  const held: Record<'few' | 'many', number[]> = { few: [], many: [] };
  for (let round = 0; round < ROUNDS; round++) for (const size of ['few', 'many'] as const) held[size].push(await act(size, round));
  const [small, large] = [Math.min(...held.few), Math.min(...held.many)];
  t.diagnostic(`held for ${small.toFixed(1)} ms with ${count.few}, for ${large.toFixed(1)} ms with ${count.many}`);
  assert.ok(large < small * 2, `held for ${large.toFixed(1)} ms with ${count.many}, for ${small.toFixed(1)} ms with ${count.few}`);
}

/** Deletes an artifact of so many versions, two files each. */
export async function deleteArtifact(ground: Ground): Promise<Act> {
  await growArtifacts(ground);
  return async (name, round) => {
    const heldMs = await hold(ground.repo, ['delete', 'm', name]);
    if (round < ROUNDS - 1) putBack(ground, name);
    return heldMs;
  };
}

/** Renames such an artifact, to and fro. */
export async function renameArtifact(ground: Ground): Promise<Act> {
  await growArtifacts(ground);
  return (name, round) => hold(ground.repo, ['rename', 'm', ...(round % 2 === 0 ? [name, `${name}-away`] : [`${name}-away`, name])]);
}

/** Of the slices nine in ten are short: in the others this process was not at work. */
export async function collectInSlices(t: TestContext): Promise<void> {
  const repo = await tempRepo(t);
  const ground = { repo, modelId: await createModel(repo, 'm'), count: { few: 2, many: 50_000 } };
  await growArtifacts(ground);
  const library = openRepo(repo.dir);
  await library.data.put({ model: 'm', name: 'many', source: 'last', gc: '10' });
  const { stdout } = await finished(startProgram(repo, 'hold-time', ['gc', 'm'], { timeoutMs: 300_000 }));
  const held = told<{ heldMs: number }>(stdout)
    .map(({ heldMs }) => heldMs)
    .sort((a, b) => a - b);
  const ninth = held[Math.floor(held.length * 0.9)] ?? Number.NaN;
  t.diagnostic(`${held.length} slices, held for ${held[held.length >> 1]?.toFixed(1)} ms, at most ${held.at(-1)?.toFixed(1)} ms`);
  assert.ok(held.length > 20 && ninth < 100, `nine in ten are held for ${ninth.toFixed(1)} ms`);
  assert.equal((await library.data.versions({ model: 'm', name: 'many' })).total, 10);
}

/** Deletes a model of so many artifacts. */
export async function deleteModel({ repo, count }: Ground): Promise<Act> {
  return async (size, round) => {
    const model = `${size}-${round}`;
    const root = repo.layout.model(await createModel(repo, model));
    await put(repo, model, 'seed', 'seed');
    for (let i = 1; i < count[size]; i++) {
      mkdirSync(join(root, `a${i}`, '1'), { recursive: true });
      for (const file of ['artifact.json', '1/content', '1/metadata.json']) linkSync(join(root, 'seed', file), join(root, `a${i}`, file));
    }
    return hold(repo, ['delete', model]);
  };
}

async function hold(repo: TestRepo, args: readonly string[]): Promise<number> {
  const { stdout } = await finished(startProgram(repo, 'hold-time', args));
  return told<{ heldMs: number }>(stdout)[0]?.heldMs ?? Number.NaN;
}

/** The first version of each is put, the others link to it, which are made and removed quickly. */
async function growArtifacts({ repo, modelId, count }: Ground): Promise<void> {
  for (const name of ['few', 'many'] as const) {
    await put(repo, 'm', name, 'seed');
    const dir = repo.layout.artifact(modelId, name);
    for (let next = 2; next <= count[name]; next++) {
      mkdirSync(join(dir, String(next)));
      for (const file of ['content', 'metadata.json']) linkSync(join(dir, '1', file), join(dir, String(next), file));
    }
  }
}

/** Takes what was deleted out of the trash again: to make it anew would take longer than all the rest. */
function putBack({ repo, modelId }: Ground, name: string): void {
  const found = readdirSync(repo.layout.trashes)
    .flatMap((trash) => readdirSync(join(repo.layout.trashes, trash)).map((item) => join(repo.layout.trashes, trash, item)))
    .find((path) => readdirSync(path).includes('artifact.json'));
  assert.ok(found !== undefined, `${name} is not in the trash`);
  renameSync(found, repo.layout.artifact(modelId, name));
}
