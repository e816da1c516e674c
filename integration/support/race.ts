/** Writers against deleters, and the account that must balance afterwards. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openRepo } from '../../src/index.js';
import { told } from './program.js';
import { createModel, put, type TestRepo, tempRepo } from './repo.js';
import { finished, type Running, run, startProgram } from './swamp.js';
import { until } from './until.js';

/** What errors say when one of two was in the way of the other (L4). */
export const COLLISION = /ENOTEMPTY|EEXIST|EPERM|EBUSY|not empty/i;

/** An acknowledged version; `from` and `to` on the clock that all processes share. */
export interface Written {
  readonly name: string;
  readonly version: number;
  readonly generation: number;
  readonly checksum: string;
  readonly from: number;
  readonly to: number;
}

export interface Deleted {
  readonly name: string;
  readonly versionsDeleted: number;
  readonly from: number;
  readonly to: number;
}

/** Starts four writers of the artifact `a` of the model `m`; the function returned stops them, and answers what they wrote. */
export type StartWriters = (repo: TestRepo) => () => Promise<Written[]>;

const WRITERS = 4;
/** Two cores start ten processes a second, and the deleter needs them: what a writer leaves to it between two puts. Milliseconds. */
const PAUSE = '200';

/** So many deletes in a tight loop, each a process, against four writers: none fails, and the account balances (L4). */
export async function deletesAgainst(t: TestContext, deletes: number, startWriters: StartWriters): Promise<void> {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const seed = { ...(await put(repo, 'm', 'a', 'seed')), name: 'a', from: 0, to: 0 };
  const stop = startWriters(repo);
  const deleted: Deleted[] = [];
  const slow: number[] = [];
  for (let i = 0; i < deletes; i++) {
    const { stdout, stderr, ms } = await run(repo, ['data', 'delete', 'm', 'a', '--force', '--json'], { process: true });
    assert.doesNotMatch(stderr, COLLISION);
    deleted.push({ ...(JSON.parse(stdout) as Deleted), name: 'a', from: 0, to: Number.POSITIVE_INFINITY });
    slow.push(ms);
  }
  const written = [seed, ...(await stop())];
  t.diagnostic(`${written.length} versions written beside ${deletes} deletes, the slowest of which took ${Math.round(Math.max(...slow))} ms`);
  await expectBalance(repo, written, deleted);
}

/** Writers that are one process each, all the time. */
export function writingPrograms(repo: TestRepo): () => Promise<Written[]> {
  const options = { stdin: 'open', timeoutMs: 560_000 } as const;
  const writers = Array.from({ length: WRITERS }, (_, i) => startProgram(repo, 'writer', ['m', 'a', `writer ${i}`, PAUSE], options));
  return async () => {
    for (const running of writers) running.closeStdin();
    return (await outputs(writers)).flatMap((stdout) => told<Written>(stdout));
  };
}

/** Writers that start a process for each put. */
export function writingCommands(repo: TestRepo): () => Promise<Written[]> {
  let stopped = false;
  const writers = Array.from({ length: WRITERS }, async (_, i) => {
    const written: Written[] = [];
    while (!stopped) {
      const { stdout, stderr } = await run(repo, ['data', 'put', 'm', 'a', '--json'], { stdin: `writer ${i}` });
      assert.doesNotMatch(stderr, COLLISION);
      written.push({ ...(JSON.parse(stdout) as Written), from: 0, to: 0 });
    }
    return written;
  });
  return async () => {
    stopped = true;
    return (await Promise.all(writers)).flat();
  };
}

/** 4 writers and 2 deleters over two models, each one process that does as much as it can: for so long, and until it proves something. */
export async function hammer(t: TestContext, { seconds }: { readonly seconds: number }): Promise<void> {
  const repo = await tempRepo(t);
  for (const model of ['m', 'n']) await createModel(repo, model);
  const written: Written[] = [];
  for (const [model, name] of SEEDS) written.push({ ...(await put(repo, model, name, 'seed')), name, from: 0, to: 0 });
  const options = { stdin: 'open', timeoutMs: (seconds + 100) * 1_000 } as const;
  const writers = ['m a,b', 'm b,a', 'm a', 'n c'].map((args, i) => startProgram(repo, 'writer', [...args.split(' '), `writer ${i}`], options));
  const deleters = ['m a,b', 'n c'].map((args) => startProgram(repo, 'deleter', [...args.split(' '), '0'], options));
  await delay(seconds * 1_000);
  const lines = (running: readonly Running[]): number => running.reduce((sum, one) => sum + told(one.stdout()).length, 0);
  await until('there were enough of both', () => lines(writers) > 200 && lines(deleters) > 60, { timeoutMs: 60_000 });
  for (const running of [...writers, ...deleters]) running.closeStdin();
  for (const stdout of await outputs(writers)) written.push(...told<Written>(stdout));
  const deleted = (await outputs(deleters)).flatMap((stdout) => told<Deleted>(stdout));
  t.diagnostic(`${written.length} versions written, ${deleted.length} deletes`);
  await expectBalance(repo, written, deleted);
}

const SEEDS = [
  ['m', 'a'],
  ['m', 'b'],
  ['n', 'c'],
] as const;

/** What they wrote to stdout, when they have ended well and without a word of a collision. */
export async function outputs(running: readonly Running[]): Promise<string[]> {
  const results = await Promise.all(running.map((one) => finished(one)));
  for (const { stderr } of results) assert.doesNotMatch(stderr, COLLISION);
  return results.map(({ stdout }) => stdout);
}

/**
 * Every acknowledged version is there as it was written, or a delete that ended after its write began took it; the deletes
 * took exactly as many as are missing (P1, P3); and no pair of generation and version was given out twice (P4).
 */
export async function expectBalance(repo: TestRepo, written: readonly Written[], deleted: readonly Deleted[]): Promise<void> {
  const key = ({ name, generation, version }: Pick<Written, 'name' | 'generation' | 'version'>): string => `${name} ${generation}.${version}`;
  assert.equal(new Set(written.map(key)).size, written.length, 'a generation and version was given out twice (P4)');
  const left = new Map((await everyVersion(repo)).map((one) => [key(one), one.checksum]));
  const missing = written.filter((one) => !left.has(key(one)));
  for (const one of written) if (left.has(key(one))) assert.equal(left.get(key(one)), one.checksum, `${key(one)} changed (P3)`);
  for (const one of missing) {
    assert.ok(
      deleted.some(({ name, to, versionsDeleted }) => name === one.name && to >= one.from && versionsDeleted > 0),
      `${key(one)} was acknowledged, is gone, and no delete took it`,
    );
  }
  const taken = deleted.reduce((sum, { versionsDeleted }) => sum + versionsDeleted, 0);
  assert.deepEqual({ taken, left: left.size }, { taken: missing.length, left: written.length - missing.length });
}

async function everyVersion({ dir }: TestRepo): Promise<Pick<Written, 'name' | 'generation' | 'version' | 'checksum'>[]> {
  const repo = openRepo(dir);
  const all: Pick<Written, 'name' | 'generation' | 'version' | 'checksum'>[] = [];
  for (const { items } of (await repo.data.list()).groups) {
    for (const { modelName: model, name } of items) {
      for (const { version } of (await repo.data.versions({ model, name })).versions) {
        const { record, openContent } = await repo.data.get({ model, name, version, verify: true });
        openContent().destroy();
        all.push({ name, version, generation: record.generation, checksum: record.checksum });
      }
    }
  }
  return all;
}
