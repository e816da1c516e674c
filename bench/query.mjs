/**
 * What queries cost: `npm run bench:query -- [ARTIFACTS [MODELS]]`, 50,000 in 1,000 models unless given. It makes a store by hand, many times
 * faster than puts would, and measures, in one process, the first build of the catalog, a query when nothing has changed, one after one
 * write, some by index, and full scans. SWAMP_BENCH_DIR names the disk; with SWAMP_BENCH_KEEP=1 the store stays there for another run.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { initRepo, openRepo } = await import(process.env.SWAMP_BENCH_LIBRARY ?? '../dist/index.js');

const [artifacts = 50_000, models = 1_000] = process.argv.slice(2).map(Number);
const keep = process.env.SWAMP_BENCH_KEEP === '1';
const parent = process.env.SWAMP_BENCH_DIR ?? tmpdir();
const base = keep ? join(parent, `swamp-query-${artifacts}-${models}`) : mkdtempSync(join(parent, 'swamp-query-'));
/** Fewer than any file system allows for one file. */
const LINKS = 1_000;
const ROUNDS = 5;

try {
  if (!existsSync(join(base, 'filled'))) await timed('make the store', fill);
  const repo = openRepo(base);
  rmSync(join(base, '.swamp/v3/catalog'), { recursive: true, force: true });
  const built = await timed('first build', () => repo.data.query({ predicate: 'false' }));
  const bytes = catalogBytes();
  console.log(`${''.padEnd(44)} ${Math.round(artifacts / (built / 1000))} artifacts a second, ${Math.round(bytes / artifacts)} bytes each`);
  await rounds('nothing has changed', () => repo.data.query({ predicate: 'name == "artifact-7"' }));
  await rounds(
    'catch-up after one write',
    () => repo.data.query({ predicate: 'false' }),
    (i) => repo.data.put({ model: `model-${i}`, name: 'artifact-0', source: [`${i}`] }),
  );
  await rounds('by name and model', () => repo.data.query({ predicate: 'modelName == "model-7" && name == "artifact-7"' }));
  await rounds('by size, the largest ten', () => repo.data.query({ predicate: 'size > 100', orderBy: 'size', desc: true, limit: 10 }));
  await rounds('by time: since the last minute', () => repo.data.query({ predicate: `createdAt > "${new Date(Date.now() - 60_000).toISOString()}"` }));
  await rounds('full scan, by SQLite: a tag', () => repo.data.query({ predicate: 'tags.n == "7"', limit: 10 }));
  await rounds('full scan, by the language: a pattern', () => repo.data.query({ predicate: 'name.matches("^artifact-7$")', limit: 10 }));
  await rounds('SQL: count and sum of all', () => repo.data.sql({ sql: 'select count(*), sum(size) from data' }));
  await timed('compact', () => repo.datastore.compact());
  const { rss } = process.memoryUsage();
  console.log(`${'memory of the process'.padEnd(44)} ${Math.round(rss / 1e6)} MB`);
} finally {
  if (!keep) rmSync(base, { recursive: true, force: true });
}

async function timed(title, act) {
  const began = performance.now();
  await act();
  const ms = performance.now() - began;
  console.log(`${title.padEnd(44)} ${ms.toFixed(1).padStart(10)} ms`);
  return ms;
}

async function rounds(title, act, before = async () => {}) {
  const times = [];
  for (let i = 0; i < ROUNDS; i++) {
    await before(i);
    const began = performance.now();
    await act();
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  console.log(`${title.padEnd(44)} ${times[ROUNDS >> 1].toFixed(1).padStart(10)} ms   (${times[0].toFixed(1)} to ${times.at(-1).toFixed(1)})`);
}

function catalogBytes() {
  const dir = join(base, '.swamp/v3/catalog');
  return readdirSync(dir, { recursive: true })
    .map((name) => statSync(join(dir, name)))
    .reduce((sum, status) => sum + (status.isFile() ? status.size : 0), 0);
}

/** Models by the form of their definitions, one version by the program; the others are made of it by hand. */
async function fill() {
  mkdirSync(base, { recursive: true });
  await initRepo(base);
  const repo = openRepo(base);
  const perModel = Math.ceil(artifacts / models);
  let made = 0;
  let content = '';
  let template;
  for (let m = 0; m < models; m++) {
    const { id } = await repo.model.create({ type: 'store', name: `model-${m}` });
    const { contentPath } = await repo.data.put({ model: id, name: 'artifact-0', source: ['x'], tags: { n: '0' } });
    made++;
    template ??= JSON.parse(readFileSync(join(base, contentPath, '../metadata.json'), 'utf8'));
    const root = join(base, '.swamp/v3/data', id);
    for (let i = 1; i < perModel && made < artifacts; i++, made++) {
      const artifact = join(root, `artifact-${i}`);
      const version = join(artifact, '1');
      mkdirSync(version, { recursive: true });
      writeFileSync(join(artifact, 'artifact.json'), `${JSON.stringify({ name: `artifact-${i}`, generation: 1, floor: 0 })}\n`);
      writeFileSync(join(version, 'metadata.json'), JSON.stringify({ ...template, id: randomUUID(), tags: { n: `${i}`, env: i % 7 ? 'test' : 'prod' } }));
      if (made % LINKS === 1) {
        content = join(version, 'content');
        writeFileSync(content, 'x');
      } else linkSync(content, join(version, 'content'));
    }
  }
  writeFileSync(join(base, 'filled'), '');
}
