/**
 * Takes a lock of a model again and again, in one process, and holds it for a while: `contender MODEL-ID KIND MS TIMES`, KIND
 * `writer` (the data fence) or `structural` (both drains and the closed global fence). Ends after TIMES, or when stdin
 * closes. Tells `ready`, waits for a line on stdin, then tells each turn: {asked, entered, left}.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { restructure } from '../../src/protocol/restructure.js';
import { withSession } from '../../src/protocol/session.js';
import { write } from '../../src/protocol/write.js';
import { openRepoAt } from '../../src/repo.js';
import { firstLine, sharedClock, tell, untilStdinCloses } from '../support/program.js';

const [modelId = '', kind = '', ms = '5', times = '0'] = process.argv.slice(2);
const repo = openRepoAt(process.cwd(), { command: `contender ${kind}` });
const { signal } = new AbortController();
const go = firstLine();
const stop = untilStdinCloses();

async function turn(): Promise<void> {
  const asked = sharedClock();
  let entered = 0;
  let left = 0;
  const hold = async (): Promise<void> => {
    entered = sharedClock();
    await delay(Number(ms));
    left = sharedClock();
  };
  if (kind === 'structural') await restructure(repo, { models: [modelId], runs: true }, hold, { signal });
  else await withSession(repo, (session) => write(repo, modelId, hold, { signal, session }));
  tell({ asked, entered, left });
}

tell('ready');
await go;
for (let i = 0; !stop.aborted && (times === '0' || i < Number(times)); i++) await turn();
process.exit(0);
