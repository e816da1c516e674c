import { randomFrom } from '../random.js';
// biome-ignore-all lint/suspicious/noConsole: a tool
import { bundleProgram } from './bundle.js';
import { exploreAll, exploreAtRandom, replay } from './explore.js';
import { Laboratory } from './laboratory.js';
import { SCENARIOS } from './scenarios.js';

const [pre = '1', seconds = '10', ...words] = process.argv.slice(2);
const lab = new Laboratory(await bundleProgram());
for (const scenario of SCENARIOS.filter(({ title }) => words.length === 0 || words.some((w) => title.includes(w)))) {
  const t = performance.now();
  const bench = lab.prepare(scenario);
  const r =
    pre === 'random'
      ? exploreAtRandom(bench.begin(), randomFrom(process.env['SWAMP_SEED'] ?? 'x'), { schedules: 1e9, until: t + Number(seconds) * 1000 })
      : exploreAll(bench.begin(), bench.conflicts, { interventions: Number(pre), until: t + Number(seconds) * 1000 });
  console.log(
    scenario.title,
    r.schedules,
    r.steps,
    r.complete,
    r.found?.violation.message,
    JSON.stringify(r.found?.schedule),
    `${Math.round(performance.now() - t)} ms`,
  );
  if (r.found !== undefined) {
    replay(
      bench.begin(({ actor, access, code }) =>
        console.log('   ', actor, access.call, [...access.looks, ...access.listings, ...access.changes].join(' '), code ?? ''),
      ),
      r.found.schedule,
    );
    break;
  }
}
