/**
 * Deletes one artifact, `hold-time MODEL NAME`, and tells for how long it held the global lock: {heldMs, versionsDeleted}. Measured
 * from inside, by the two renames in the fence's directory, so that nobody's scheduling but its own counts.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname } from 'node:path';
import { sharedClock, tell } from '../support/program.js';

const [model = '', name = ''] = process.argv.slice(2);
const marks: number[] = [];
const { renameSync } = fs;
fs.renameSync = (from, to) => {
  const transition = String(to).includes('/fences/global/') && dirname(String(from)) === dirname(String(to));
  if (transition && !String(to).includes('.free-')) marks.push(sharedClock());
  renameSync(from, to);
  if (transition && String(to).includes('.free-')) marks.push(sharedClock());
};
syncBuiltinESMExports();

const { openRepo } = await import('../../src/index.js');
const result = await openRepo().data.delete({ model, name });
const [taken = Number.NaN, ...more] = marks;
tell({ ...result, heldMs: (more.at(-1) ?? Number.NaN) - taken });
