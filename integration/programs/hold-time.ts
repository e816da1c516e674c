/**
 * Runs one structural command, `hold-time delete|rename MODEL NAME [NEW]` or `hold-time delete MODEL`, tells for how long it held
 * the global lock, {heldMs}, and ends before the sweep; `hold-time gc MODEL` tells it of each slice. Measured from inside, by the two renames in the fence's directory, so that
 * nobody's scheduling but its own counts.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname } from 'node:path';
import { sharedClock, tell } from '../support/program.js';

const [act = '', model = '', name, newName] = process.argv.slice(2);
const { renameSync } = fs;
let taken = Number.NaN;
fs.renameSync = (from, to) => {
  const inFence = String(to).includes('/fences/global/') && dirname(String(from)) === dirname(String(to));
  const releases = inFence && String(to).includes('.free-');
  if (inFence && !releases) taken = sharedClock();
  renameSync(from, to);
  if (!releases) return;
  tell({ heldMs: sharedClock() - taken });
  if (act !== 'gc') process.exit(0);
};
syncBuiltinESMExports();

const { openRepo } = await import('../../src/index.js');
const repo = openRepo();
if (act === 'gc') await repo.data.gc({ model });
else if (name === undefined) await repo.model.delete({ model, withData: true });
else if (act === 'delete') await repo.data.delete({ model, name });
else await repo.data.rename({ model, oldName: name, newName: newName ?? '' });
