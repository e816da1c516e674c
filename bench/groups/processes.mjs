/** Puts of several processes that go on, on one model and on a model each, beside those of one. Their start is not timed; their processor time has it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { initRepo, openRepo } from '../../dist/index.js';
import { root } from '../../scripts/tree.mjs';

const PUTS = 25;
const WRITER = resolve(root, 'bench/writer.mjs');

export const processes = {
  name: 'processes',
  title: 'A put, of several library processes together',
  base: 'swamp: 1 process',
  rounds: 5,
  async prepare(dir) {
    await initRepo(dir);
    const repo = openRepo(dir);
    for (const name of ['m0', 'm1', 'm2', 'm3']) await repo.model.create({ type: 'store', name });
    return {
      rows: [
        row(dir, 'swamp: 1 process', ['m0']),
        { ...row(dir, 'swamp: 8 processes on one model', Array(8).fill('m0')), limit: 1 },
        row(dir, 'swamp: 4 processes on 4 models', ['m0', 'm1', 'm2', 'm3']),
      ],
    };
  },
};

function row(dir, name, models) {
  let writers = [];
  return {
    name,
    per: PUTS * models.length,
    before: async () => {
      writers = models.map((model, i) =>
        spawn(process.execPath, [WRITER, dir, model, `a${i}`, String(PUTS)], { stdio: ['pipe', 'pipe', 'inherit'], timeout: 600_000 }),
      );
      await Promise.all(writers.map(({ stdout }) => once(stdout, 'data')));
    },
    run: async () => {
      const ends = writers.map((writer) => once(writer, 'exit'));
      for (const { stdin } of writers) stdin.end();
      for (const [code] of await Promise.all(ends)) if (code !== 0) throw new Error(`A writer of "${name}" ended with ${code}.`);
    },
  };
}
