/**
 * Puts versions until stdin closes, in one process: `writer MODEL NAMES TAG [MS]`, MS from one to the next. Tells `ready`, then each acknowledged version
 * as a line: {name, version, generation, checksum, from, to}, the times of a clock that all processes share, in milliseconds.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openRepo } from '../../src/index.js';
import { sharedClock, tell, untilStdinCloses } from '../support/program.js';

const [model = '', names = '', tag = '', pause = '0'] = process.argv.slice(2);
const list = names.split(',');
const stop = untilStdinCloses();
const repo = openRepo(undefined, { command: 'writer' });
tell('ready');
for (let i = 0; !stop.aborted; i++) {
  const name = list[i % list.length] ?? '';
  const from = sharedClock();
  const { version, generation, checksum } = await repo.data.put({ model, name, source: [`${tag} ${i}`] });
  tell({ name, version, generation, checksum, from, to: sharedClock() });
  if (pause !== '0') await delay(Number(pause));
}
