/**
 * What a put costs when many are started at once in one process, beside puts one after the other, in one run: `npm run bench:crowd`.
 * CPU and wall time a put; the ratio is to puts one after the other.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initRepo, openRepo } from '../dist/index.js';

const CROWDS = process.argv.slice(2).map(Number);
const SIZES = CROWDS.length > 0 ? CROWDS : [50, 100, 200, 1000];
const ALONE = 100;

const base = await mkdtemp(join(tmpdir(), 'swamp-crowd-'));
try {
  await initRepo(base);
  const repo = openRepo(base);
  await repo.model.create({ type: 'store', name: 'm' });
  const put = (name, i) => repo.data.put({ model: 'm', name, source: [`${i}`] });
  // Warm: what is compiled and loaded with the first puts is not what is compared.
  for (let i = 0; i < ALONE; i++) await put('warm', i);
  const alone = await measured(ALONE, async () => {
    for (let i = 0; i < ALONE; i++) await put('alone', i);
    return 0;
  });
  print('one after the other', alone, alone);
  for (const size of SIZES) {
    const crowd = await measured(size, async () => {
      const results = await Promise.allSettled(Array.from({ length: size }, (_, i) => put(`crowd-${size}`, i)));
      return results.filter(({ status }) => status === 'rejected').length;
    });
    print(`${size} at once`, crowd, alone);
  }
} finally {
  await rm(base, { recursive: true, force: true });
}

async function measured(count, act) {
  const [cpu, since] = [process.cpuUsage(), performance.now()];
  const failed = await act();
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMs: (user + system) / 1000 / count, wallMs: (performance.now() - since) / count, failed };
}

function print(what, { cpuMs, wallMs, failed }, alone) {
  const ratio = (cpuMs / alone.cpuMs).toFixed(2);
  console.log(`${what.padEnd(20)} ${cpuMs.toFixed(1).padStart(6)} ms CPU a put (${ratio}x) ${wallMs.toFixed(1).padStart(6)} ms wall, ${failed} failed`);
}
