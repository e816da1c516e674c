/** A mutant of the program for one test, gone with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Edit } from './edits.js';
import { buildMutant } from './mutant.js';
import { type TestRepo, tempRepo } from './repo.js';

/** A repository whose program lacks something on purpose; what it leaves is not checked. */
export async function brokenRepo(t: TestContext, ...edits: readonly Edit[]): Promise<TestRepo> {
  const directory = mkdtempSync(join(tmpdir(), 'swamp-mutant-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return tempRepo(t, { bin: await buildMutant(directory, edits), check: false });
}
