/** What a process costs while it waits: a delete that waits for a method, beside one that does not. The method is not a child of the benchmark: it is not counted. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { initRepo, openRepo } from '../../dist/index.js';
import { run, SWAMP, swamp } from '../run.mjs';

const SECONDS = 3;

export const waiting = {
  name: 'waiting',
  title: `A delete that waits ${SECONDS} s for a method (processor time is what counts)`,
  base: 'swamp: data delete',
  rounds: 5,
  async prepare(dir) {
    await initRepo(dir);
    const repo = openRepo(dir);
    const begun = join(dir, 'begun');
    for (const name of ['calm', 'busy']) await repo.model.create({ type: 'command/shell', name, run: `touch '${begun}'; sleep ${SECONDS}` });
    const put = (model) => repo.data.put({ model, name: 'a', source: ['x'] });
    return {
      rows: [
        { name: 'swamp: data delete', before: () => put('calm'), run: () => swamp(['data', 'delete', 'calm', 'a', '--force', '--repo-dir', dir]) },
        {
          name: `swamp: data delete, waits ${SECONDS} s`,
          before: async () => {
            await put('busy');
            rmSync(begun, { force: true });
            run('sh', ['-c', '"$@" >/dev/null 2>&1 &', 'sh', process.execPath, SWAMP, 'model', 'run', 'busy', '--repo-dir', dir]);
            for (let waited = 0; !existsSync(begun); waited += 10) {
              if (waited > 60_000) throw new Error('The method does not begin.');
              await delay(10);
            }
          },
          run: () => swamp(['data', 'delete', 'busy', 'a', '--force', '--repo-dir', dir]),
        },
      ],
    };
  },
};
