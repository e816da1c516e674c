/** Who meets a restore whose restorer died after publishing it: each must carry it out before its own work, or what it acknowledges is lost (B16). */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeTree } from './backup-tree.js';
import type { Edit } from './edits.js';
import { Pauses } from './failpoints.js';
import { contentOf, createModel, put, type TestRepo } from './repo.js';
import { finished, run, start } from './swamp.js';

export interface Look {
  readonly title: string;
  /** Takes the look away: then `meet` must fail. */
  readonly without: Edit;
  /** `m` holds `a` with "mine"; the restore leaves `a` as it is, and brings `b` with "brought". */
  readonly meet: (repo: TestRepo) => Promise<void>;
}

export const LOOKS: readonly Look[] = [
  {
    title: 'a writer that had found nothing before it took its fence (W3)',
    without: { file: 'protocol/enter.ts', from: '(isRestoring(contender.repo) ? RESTORE : undefined)', to: 'undefined' },
    meet: async (repo) => {
      const pauses = new Pauses(repo, ['enter.before-fence']);
      const writer = start(repo, ['data', 'put', 'm', 'a', '--json'], { stdin: 'later', env: pauses.env });
      await pauses.at('enter.before-fence', writer);
      await killedRestore(repo);
      pauses.go('enter.before-fence');
      await finished(writer);
      assert.ok(!existsSync(repo.layout.restoring), 'it is carried out before anything is written');
      assert.deepEqual([await contentOf(repo, 'm', 'b'), await contentOf(repo, 'm', 'a')], ['brought', 'later']);
    },
  },
  {
    title: 'a structural command that had found nothing before it took the global fence (S2)',
    without: { file: 'protocol/restructure.ts', from: 'if (options.leaveRestore !== true) await', to: 'if (hands === undefined) await' },
    meet: async (repo) => {
      const pauses = new Pauses(repo, ['restructure.after-first-drain']);
      const renamer = start(repo, ['data', 'rename', 'm', 'a', 'z', '--json'], { env: pauses.env });
      await pauses.at('restructure.after-first-drain', renamer);
      await killedRestore(repo);
      pauses.go('restructure.after-first-drain');
      await finished(renamer);
      assert.ok(!existsSync(repo.layout.restoring), 'it is carried out before anything is renamed');
      assert.deepEqual([await contentOf(repo, 'm', 'b'), await contentOf(repo, 'm', 'z')], ['brought', 'mine']);
    },
  },
  {
    title: 'a reader of one thing that comes next, which stands there before and after',
    without: { file: 'operations/operation.ts', from: 'reads ? () => readWhole(repo, work, discard) : () => onceSettled(repo, work)', to: 'work' },
    meet: async (repo) => {
      await killedRestore(repo);
      await run(repo, ['model', 'get', 'm']);
      assert.ok(!existsSync(repo.layout.restoring), 'it is carried out before anything is read');
      assert.deepEqual([await contentOf(repo, 'm', 'a'), await contentOf(repo, 'm', 'b')], ['mine', 'brought']);
    },
  },
];

/** The repository that `meet` wants. */
export async function stockForLook(repo: TestRepo): Promise<void> {
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'mine');
}

/** Published, and nothing of it carried out. */
async function killedRestore(repo: TestRepo): Promise<void> {
  const { dir } = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { a: ['one'], b: ['brought'] } }]);
  const { code, signal, stderr } = await run(repo, ['backup', 'restore', dir, '--mode', 'merge'], {
    expect: 'any',
    env: { SWAMP_FAILPOINTS: 'restore.published=kill' },
  });
  assert.equal(signal, 'SIGKILL', `${code} ${stderr}`);
  assert.ok(existsSync(repo.layout.restoring));
}
