/** `writer.mjs REPO MODEL NAME PUTS`: says when it is ready, and puts so many versions when stdin closes. */
import { once } from 'node:events';
import { openRepo } from '../dist/index.js';

const [dir, model, name, puts] = process.argv.slice(2);
const repo = openRepo(dir);
// Warm: what the first put loads is not what is compared.
await repo.data.put({ model, name, source: ['warm'] });
process.stdout.write('ready\n');
await once(process.stdin.resume(), 'end');
for (let i = 0; i < Number(puts); i++) await repo.data.put({ model, name, source: [`${i}`] });
