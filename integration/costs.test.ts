/** What a command costs, counted and not timed: its looks and changes on the disk are the same however much there is. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { createModel, put, type TestRepo, tempRepo } from './support/repo.js';
import { cannotTrace, lookedAt } from './support/strace.js';
import type { StartOptions } from './support/swamp.js';

const COMMANDS: readonly (readonly [args: readonly string[], options?: StartOptions])[] = [
  [['data', 'get', 'm', 'a']],
  [['data', 'get', 'm', 'a', '--version', '1']],
  [['data', 'list', 'm', '--prefix', 'a', '--limit', '1']],
  [['data', 'put', 'm', 'a'], { stdin: 'x' }],
  [['data', 'put', 'm', 'a', '--if-changed'], { stdin: 'x' }],
  [['data', 'rename', 'm', 'a', 'z']],
  [['data', 'get', 'm', 'a']],
];

describe('beside many versions of its artifact, many artifacts of its model and many models, a command makes no look more', {
  concurrency: 2,
  skip: cannotTrace() ?? false,
}, () => {
  test(COMMANDS.map(([args]) => args.slice(1).join(' ')).join(', '), { timeout: 300_000 }, async (t) => {
    const few = await repoWith(t, { versions: 10, artifacts: 1, models: 1 });
    const many = await repoWith(t, { versions: 3_000, artifacts: 300, models: 50 });
    for (const [args, options] of COMMANDS) {
      const looks = async (repo: TestRepo): Promise<string[]> => withoutNames(await lookedAt(repo, args, options));
      assert.deepEqual(await looks(many), await looks(few), args.join(' '));
    }
  });
});

/** A list of a model reads the names of all its artifacts: that takes as many calls as there are names, and no other listing may. */
function withoutNames(calls: readonly string[]): string[] {
  return calls.filter((call, i) => !/^getdents64 .*\/data\/ID$/.test(call) || call !== calls[i - 1]);
}

interface Sizes {
  readonly versions: number;
  readonly artifacts: number;
  readonly models: number;
}

async function repoWith(t: Parameters<typeof tempRepo>[0], { versions, artifacts, models }: Sizes): Promise<TestRepo> {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'x');
  const first = repo.layout.version(id, 'a', 1);
  const copy = (to: string): void => {
    mkdirSync(to, { recursive: true });
    for (const file of ['content', 'metadata.json']) linkSync(join(first, file), join(to, file));
  };
  for (let version = 2; version <= versions; version++) copy(join(dirname(first), String(version)));
  for (let i = 1; i < artifacts; i++) {
    copy(repo.layout.version(id, `b${i}`, 1));
    writeFileSync(join(repo.layout.artifact(id, `b${i}`), 'artifact.json'), JSON.stringify({ name: `b${i}`, generation: 1, floor: 0 }));
  }
  for (let i = 1; i < models; i++) writeFileSync(join(repo.dir, `models/store/n${i}.yaml`), `id: ${randomUUID()}\ntype: store\n`);
  return repo;
}
