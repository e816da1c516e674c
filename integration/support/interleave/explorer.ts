/**
 * Explores in a thread of its own: the runner of the tests stays awake, and its hook on every promise, which counts the millions
 * of a long walk until it has no room for more, does not reach here.
 */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { randomFrom } from '../random.js';
import { bundleProgram } from './bundle.js';
import type { Job, Walk } from './exploration.js';
import { type Explored, exploreAll, exploreAtRandom, replay } from './explore.js';
import { type Bench, Laboratory, type Scenario } from './laboratory.js';
import type { Mutation } from './mutations.js';
import { type Replayable, reportOf, stepsOf } from './report.js';
import { scenarioOf } from './scenarios.js';

/** Told to the test as it goes. */
function tell(line: string): void {
  parentPort?.postMessage(line);
}

/** Every schedule within the bound, of every scenario given: none may break anything. */
async function walkAll({ scenarios, interventions, schedules = Number.POSITIVE_INFINITY }: Walk): Promise<void> {
  const laboratory = new Laboratory(await bundleProgram());
  const bounds = { interventions, schedules };
  await goThrough(laboratory, scenarios, (bench) => exploreAll(bench.begin(), bench.conflicts, bounds));
}

/** `schedules` random ones of every scenario given. */
async function wander({ seed, scenarios, schedules }: Extract<Job, { kind: 'wander' }>): Promise<void> {
  tell(`SWAMP_SEED=${seed}`);
  const laboratory = new Laboratory(await bundleProgram());
  // Each scenario begins with nothing learned, so the seed alone decides.
  await goThrough(laboratory, scenarios, (bench) => exploreAtRandom(bench.begin(), randomFrom(`${seed} ${bench.scenario.title}`), schedules));
}

async function goThrough(laboratory: Laboratory, scenarios: readonly Scenario[], explore: (bench: Bench) => Explored): Promise<void> {
  let [schedules, steps] = [0, 0];
  for (const scenario of scenarios) {
    const bench = laboratory.prepare(scenario);
    const since = performance.now();
    const explored = explore(bench);
    const { found } = explored;
    if (found !== undefined) assert.fail(reportOf(bench, found.violation.message, found.schedule));
    schedules += explored.schedules;
    steps += explored.steps;
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    tell(`${scenario.title}: ${explored.schedules} schedules, ${explored.steps} steps, ${seconds} s${explored.complete ? '' : ', cut short'}`);
  }
  tell(`in all: ${schedules} schedules, ${steps} steps`);
}

/** The mutation must be found within two interventions, and break what it says; its schedule must break the same when it is made again. */
async function requireFound({ edits, scenario: title, opening, breaks }: Mutation): Promise<void> {
  const bundle = await bundleProgram(edits);
  const scenario = { ...scenarioOf(title), ...(opening === undefined ? {} : { opening }) };
  const bench = new Laboratory(bundle).prepare(scenario);
  const { found, schedules } = exploreAll(bench.begin(), bench.conflicts, { interventions: 2, schedules: 2_000 });
  if (found === undefined) assert.fail(`not found in ${schedules} schedules of "${title}"`);
  tell(`found in schedule ${schedules} of "${title}": ${found.violation.message}`);
  if (process.env['SWAMP_STEPS'] === '1') for (const line of stepsOf(bench, found.schedule)) tell(line);
  assert.match(found.violation.message, breaks);
  // The schedule alone leads there, also where nothing was learned: what is printed can be made again.
  const again = new Laboratory(bundle).prepare(scenario);
  again.conflicts.everywhere = true;
  assert.equal(replay(again.begin(), found.schedule).violation?.message, found.violation.message);
}

/** Runs what SWAMP_SCHEDULE says, and tells every step. */
async function runAgain(text: string): Promise<void> {
  const { scenario, schedule } = JSON.parse(text) as Replayable;
  const laboratory = new Laboratory(await bundleProgram());
  const bench = laboratory.prepare(scenarioOf(scenario));
  bench.conflicts.everywhere = true;
  for (const line of stepsOf(bench, schedule)) tell(line);
}

function perform(job: Job): Promise<void> {
  switch (job.kind) {
    case 'walk':
      return walkAll(job);
    case 'wander':
      return wander(job);
    case 'find':
      return requireFound(job.mutation);
    case 'again':
      return runAgain(job.text);
  }
}

await perform(workerData as Job);
