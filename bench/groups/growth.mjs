/** What a get and a put of an artifact cost, beside the number of versions that it has: it must not grow with them. SWAMP_BENCH_SIZES names other sizes. */
import { copyFileSync, linkSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { initRepo, openRepo } from '../../dist/index.js';

const SIZES = (process.env.SWAMP_BENCH_SIZES ?? '10,1000,10000').split(',').map(Number);
const GETS = 40;
const PUTS = 5;
/** Fewer than any file system allows for one file. */
const LINKS = 1000;
const LIMIT = 1.2;

const rowName = (verb, size) => `swamp: ${verb} of ${size.toLocaleString('en')} versions`;

export const growth = {
  name: 'growth',
  title: 'A get and a put of an artifact of many versions',
  base: rowName('get', SIZES[0]),
  rounds: 20,
  async prepare(dir) {
    await initRepo(dir);
    const repo = openRepo(dir);
    await repo.model.create({ type: 'store', name: 'm' });
    for (const size of SIZES) await fill(repo, dir, size);
    const rows = (verb, per, act) =>
      SIZES.map((size, i) => ({
        name: rowName(verb, size),
        beside: rowName(verb, SIZES[0]),
        per,
        ...(i === 0 ? {} : { limit: LIMIT }),
        run: async () => {
          for (let n = 0; n < per; n++) await act({ model: 'm', name: `a${size}` });
        },
      }));
    return {
      rows: [
        ...rows('get', GETS, async (artifact) => (await repo.data.get(artifact)).text()),
        ...rows('put', PUTS, (artifact) => repo.data.put({ ...artifact, source: ['y'] })),
      ],
    };
  },
};

/** One version by the program; the others are made of it by hand, as a hundred thousand puts would take minutes. */
async function fill(repo, dir, size) {
  const { contentPath } = await repo.data.put({ model: 'm', name: `a${size}`, source: ['x'] });
  const first = join(dir, dirname(contentPath));
  for (let version = 2, from = first; version <= size; version++) {
    const to = join(dirname(first), String(version));
    mkdirSync(to);
    const reproduce = version % LINKS === 0 ? copyFileSync : linkSync;
    for (const file of ['content', 'metadata.json']) reproduce(join(from, file), join(to, file));
    if (version % LINKS === 0) from = to;
  }
}
