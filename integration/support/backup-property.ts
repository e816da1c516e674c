/** The property of `backup verify`: it accepts a tree exactly when that is undamaged, and names what is wrong with it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyTree } from '../../src/backup/verify/verify.js';
import { DAMAGES, randomTree } from './backup-tree.js';
import { NEVER } from './library-repo.js';
import { snapshot } from './snapshot.js';

export interface Tally {
  readonly files: number;
  /** How often each damage was done. */
  readonly damages: Readonly<Record<string, number>>;
}

/** One case a number from 0: a tree of chance is whole, one damage is done to it, and that is told. `seed` with the number makes it again. */
export async function verifyCases(seed: string, cases: number): Promise<Tally> {
  const base = mkdtempSync(join(tmpdir(), 'swamp-verify-'));
  const damages: Record<string, number> = {};
  const names = Object.keys(DAMAGES);
  let files = 0;
  try {
    for (let i = 0; i < cases; i++) {
      const dir = join(base, String(i));
      const { tree, random } = randomTree(dir, `${seed} ${i}`);
      const which = names[i % names.length] ?? '';
      const title = `seed ${seed}, case ${i}, ${which}`;
      const whole = await verifyTree(dir, NEVER);
      assert.deepEqual(whole.findings, [], `${title}: a whole tree`);
      files += whole.checked.files;
      const wanted = DAMAGES[which]?.(tree, random);
      if (wanted !== undefined) {
        damages[which] = (damages[which] ?? 0) + 1;
        const before = snapshot(dir);
        const { findings } = await verifyTree(dir, NEVER);
        const found = findings.some(({ kind, path }) => kind === wanted.kind && (wanted.path === '' || path === wanted.path));
        assert.ok(found, `${title}: wanted ${JSON.stringify(wanted)}, found ${JSON.stringify(findings, null, 1)}`);
        assert.deepEqual(snapshot(dir), before, `${title}: looking changes nothing`);
      }
      rmSync(dir, { recursive: true });
      rmSync(`${dir}.moved`, { recursive: true, force: true });
    }
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
  return { files, damages };
}
