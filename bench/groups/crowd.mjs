/** Puts that one process starts all at once, beside puts one after the other. One that fails fails the benchmark. */
import { initRepo, openRepo } from '../../dist/index.js';

const ALONE = 100;
const SIZES = [50, 200, 1000];
/** A crowd costs no more a put than puts one after the other, with room for what else the machine does. */
const LIMIT = 1.2;

export const crowd = {
  name: 'crowd',
  title: 'A put in a process: one after the other, and many at once',
  base: 'one after the other',
  rounds: 5,
  async prepare(dir) {
    await initRepo(dir);
    const repo = openRepo(dir);
    await repo.model.create({ type: 'store', name: 'm' });
    const put = (name, i) => repo.data.put({ model: 'm', name, source: [`${i}`] });
    return {
      rows: [
        {
          name: 'one after the other',
          per: ALONE,
          run: async () => {
            for (let i = 0; i < ALONE; i++) await put('alone', i);
          },
        },
        ...SIZES.map((size) => ({
          name: `swamp: ${size} at once`,
          per: size,
          limit: LIMIT,
          run: () => Promise.all(Array.from({ length: size }, (_, i) => put(`crowd-${size}`, i))),
        })),
      ],
    };
  },
};
