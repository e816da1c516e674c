/**
 * What one get and one put take of a processor, beside the number of versions that the artifact has: `npm run bench:growth -- [SIZE...]`. Interleaved
 * rounds, medians; the ratio is to the smallest artifact. SWAMP_BENCH_LIBRARY names another build of the library to compare with.
 */
import { linkSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const { initRepo, openRepo } = await import(process.env.SWAMP_BENCH_LIBRARY ?? '../dist/index.js');

const given = process.argv.slice(2).map(Number);
const SIZES = given.length > 0 ? given : [10, 100, 1000, 10_000, 100_000];
const ROUNDS = 20;
const GETS = 40;
const PUTS = 5;
/** Fewer than any file system allows for one file. */
const LINKS = 1000;

const base = await mkdtemp(join(process.env.SWAMP_BENCH_DIR ?? tmpdir(), 'swamp-growth-'));
try {
  await initRepo(base);
  const repo = openRepo(base);
  await repo.model.create({ type: 'store', name: 'm' });
  for (const size of SIZES) await fill(repo, `a${size}`, size);
  const times = new Map(SIZES.map((size) => [size, { get: [], put: [] }]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const size of SIZES) {
      const { get, put } = times.get(size);
      const name = `a${size}`;
      get.push(await each(GETS, async () => (await repo.data.get({ model: 'm', name })).text()));
      put.push(await each(PUTS, (i) => repo.data.put({ model: 'm', name, source: [`${round}.${i}`] })));
    }
  }
  const first = times.get(SIZES[0]);
  for (const size of SIZES) {
    const { get, put } = times.get(size);
    const column = (one, alone) => `${median(one).toFixed(3).padStart(8)} ms (${(median(one) / median(alone)).toFixed(2)}x)`;
    console.log(`${String(size).padStart(8)} versions   get ${column(get, first.get)}   put ${column(put, first.put)}`);
  }
} finally {
  await rm(base, { recursive: true, force: true });
}

/** One version by the program; the others are made of it by hand, as a hundred thousand puts would take minutes. */
async function fill(repo, name, size) {
  const { contentPath } = await repo.data.put({ model: 'm', name, source: ['x'] });
  const first = join(base, dirname(contentPath));
  for (let version = 2, from = first; version <= size; version++) {
    const to = join(dirname(first), String(version));
    mkdirSync(to);
    if (version % LINKS === 0) await copy(from, to);
    else for (const file of ['content', 'metadata.json']) linkSync(join(from, file), join(to, file));
    if (version % LINKS === 0) from = to;
  }
}

async function copy(from, to) {
  const { copyFile } = await import('node:fs/promises');
  for (const file of ['content', 'metadata.json']) await copyFile(join(from, file), join(to, file));
}

/** Milliseconds of a processor: what other work on the machine takes is not counted. */
async function each(count, act) {
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) await act(i);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / count;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
