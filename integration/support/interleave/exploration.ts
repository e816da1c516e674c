/** What the short and the long form of the exploration have in common. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { randomFrom } from '../random.js';
import { bundleProgram } from './bundle.js';
import { type Explored, exploreAll, exploreAtRandom, replay } from './explore.js';
import { type Bench, Laboratory, type Scenario } from './laboratory.js';
import type { Mutation } from './mutations.js';
import { type Replayable, reportOf, stepsOf } from './report.js';
import { scenarioOf } from './scenarios.js';

export interface Walk {
  readonly scenarios: readonly Scenario[];
  readonly interventions: number;
  /** The most that are run of one scenario; all, when it is left out. */
  readonly schedules?: number;
}

/** Every schedule within the bound, of every scenario given: none may break anything. */
export async function walkAll(t: TestContext, { scenarios, interventions, schedules = Number.POSITIVE_INFINITY }: Walk): Promise<void> {
  const laboratory = new Laboratory(await bundleProgram());
  const bounds = { interventions, schedules };
  await goThrough(t, laboratory, scenarios, (bench) => exploreAll(bench.begin(), bench.conflicts, bounds));
}

/** `schedules` random ones of every scenario given. */
export async function wander(
  t: TestContext,
  seed: string,
  { scenarios, schedules }: { readonly scenarios: readonly Scenario[]; readonly schedules: number },
): Promise<void> {
  t.diagnostic(`SWAMP_SEED=${seed}`);
  const laboratory = new Laboratory(await bundleProgram());
  // Each scenario begins with nothing learned, so the seed alone decides.
  await goThrough(t, laboratory, scenarios, (bench) => exploreAtRandom(bench.begin(), randomFrom(`${seed} ${bench.scenario.title}`), schedules));
}

async function goThrough(t: TestContext, laboratory: Laboratory, scenarios: readonly Scenario[], explore: (bench: Bench) => Explored): Promise<void> {
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
    t.diagnostic(`${scenario.title}: ${explored.schedules} schedules, ${explored.steps} steps, ${seconds} s${explored.complete ? '' : ', cut short'}`);
    // Others wait for this thread: the runner of the tests.
    await new Promise(setImmediate);
  }
  t.diagnostic(`in all: ${schedules} schedules, ${steps} steps`);
}

/** The mutation must be found within two interventions, and break what it says; its schedule must break the same when it is made again. */
export async function requireFound(t: TestContext, { edits, scenario: title, opening, breaks }: Mutation): Promise<void> {
  const bundle = await bundleProgram(edits);
  const scenario = { ...scenarioOf(title), ...(opening === undefined ? {} : { opening }) };
  const bench = new Laboratory(bundle).prepare(scenario);
  const { found, schedules } = exploreAll(bench.begin(), bench.conflicts, { interventions: 2, schedules: 2_000 });
  if (found === undefined) assert.fail(`not found in ${schedules} schedules of "${title}"`);
  t.diagnostic(`found in schedule ${schedules} of "${title}": ${found.violation.message}`);
  if (process.env['SWAMP_STEPS'] === '1') for (const line of stepsOf(bench, found.schedule)) t.diagnostic(line);
  assert.match(found.violation.message, breaks);
  // The schedule alone leads there, also where nothing was learned: what is printed can be made again.
  const again = new Laboratory(bundle).prepare(scenario);
  again.conflicts.everywhere = true;
  assert.equal(replay(again.begin(), found.schedule).violation?.message, found.violation.message);
}

/** Runs what SWAMP_SCHEDULE says, and tells every step. */
export async function runAgain(t: TestContext, text: string): Promise<void> {
  const { scenario, schedule } = JSON.parse(text) as Replayable;
  const laboratory = new Laboratory(await bundleProgram());
  const bench = laboratory.prepare(scenarioOf(scenario));
  bench.conflicts.everywhere = true;
  for (const line of stepsOf(bench, schedule)) t.diagnostic(line);
}
