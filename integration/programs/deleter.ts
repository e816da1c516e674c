/**
 * Deletes artifacts in a tight loop, in one process: `deleter MODEL NAMES TIMES`; with TIMES 0 until stdin closes. Tells
 * `ready`, then each delete as a line: {name, versionsDeleted, alreadyDeleted, from, to}.
 */
import { openRepo } from '../../src/index.js';
import { sharedClock, tell, untilStdinCloses } from '../support/program.js';

const [model = '', names = '', times = '0'] = process.argv.slice(2);
const list = names.split(',');
const stop = untilStdinCloses();
const repo = openRepo(undefined, { command: 'deleter' });
tell('ready');
for (let i = 0; !stop.aborted && (times === '0' || i < Number(times)); i++) {
  const name = list[i % list.length] ?? '';
  const from = sharedClock();
  const result = await repo.data.delete({ model, name });
  if ('versionsDeleted' in result) tell({ ...result, name, from, to: sharedClock() });
}
process.exit(0);
