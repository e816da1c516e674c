/**
 * Deletes one artifact, `hold-time MODEL NAME`, tells for how long it held the global lock, {heldMs}, and ends before the sweep.
 * Measured from inside, by the two renames in the fence's directory, so that nobody's scheduling but its own counts.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname } from 'node:path';
import { sharedClock, tell } from '../support/program.js';

const [model = '', name = ''] = process.argv.slice(2);
const { renameSync } = fs;
let taken = Number.NaN;
fs.renameSync = (from, to) => {
  const inFence = String(to).includes('/fences/global/') && dirname(String(from)) === dirname(String(to));
  const releases = inFence && String(to).includes('.free-');
  if (inFence && !releases) taken = sharedClock();
  renameSync(from, to);
  if (!releases) return;
  tell({ heldMs: sharedClock() - taken });
  process.exit(0);
};
syncBuiltinESMExports();

const { openRepo } = await import('../../src/index.js');
await openRepo().data.delete({ model, name });
