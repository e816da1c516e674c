/** What a command costs as a whole process, beside the bare runtime. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initRepo, openRepo } from '../../dist/index.js';
import { node, SWAMP, swamp } from '../run.mjs';

export const start = {
  name: 'start',
  title: 'A command as a whole process, beside the bare runtime',
  base: 'node -e 0',
  rounds: 40,
  async prepare(dir) {
    await initRepo(dir);
    const repo = openRepo(dir);
    const put = (name) => repo.data.put({ model: 'm', name, source: ['a small result\n'], create: true });
    await put('n');
    const file = join(dir, 'file');
    writeFileSync(file, 'a small result\n');
    const commands = {
      'swamp --version': { args: ['--version'], limit: 1.1 },
      'swamp data get M N': { args: ['data', 'get', 'm', 'n'], limit: 1.35 },
      'swamp data list M': { args: ['data', 'list', 'm'], limit: 1.35 },
      'swamp data put M N FILE': { args: ['data', 'put', 'm', 'n', file], limit: 1.5 },
      'swamp data delete M N --force': { args: ['data', 'delete', 'm', 'gone', '--force'], limit: 1.5, before: () => put('gone') },
    };
    const rows = [{ name: 'node -e 0', run: () => node(['-e', '0']) }];
    for (const [name, { args, ...row }] of Object.entries(commands)) {
      rows.push({ name, ...row, run: () => swamp(args, { cwd: dir }) });
      if (args[0] !== '--version') {
        const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' };
        rows.push({ name: `${name}, nothing compiled`, before: row.before, run: () => node([SWAMP, ...args], { cwd: dir, env }) });
      }
    }
    return { rows };
  },
};
