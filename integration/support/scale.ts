/** How much a run takes on: in the long form everything, in the short one samples that differ from run to run, so that many runs see everything. */
import nodeTest, { type TestContext } from 'node:test';

/** True in the long form (`npm run test:long`). */
export const LONG = process.env['SWAMP_LONG'] === '1';

/** Which sample the short form takes; scripts/test.mjs prints it. */
const SAMPLE = Number(process.env['SWAMP_SAMPLE'] || 0);

/** Every row in the long form; in the short one each `nth`. */
export function sampled<T>(rows: readonly T[], nth: number): T[] {
  return LONG ? [...rows] : rows.filter((_, i) => isSampled(i, nth));
}

/** Whether the short form takes row `i`, of which it takes each `nth`; the long form takes all. */
export function isSampled(i: number, nth: number): boolean {
  return LONG || (i + SAMPLE) % nth === 0;
}

type Body = (t: TestContext) => Promise<void> | void;

/** Registers a test as `test` of node:test does, or leaves it to another run. */
export interface Test {
  (title: string, body: Body): void;
  (title: string, options: nodeTest.TestOptions, body: Body): void;
}

/** Set when the short form runs whole (scripts/test.mjs). A run of named files leaves nothing out. */
const WHOLE_SUITE = process.env['SWAMP_SUITE'] === 'short';

/** Changes at another pace than the sample of rows: if both changed together, some rows of a sampled table would never be taken. */
const TURN = Math.floor(SAMPLE / 7);

/** `test` for a file whose tests cost many processes: the whole suite in its short form takes each `nth`, another one after some runs. */
export function sampledTest(nth: number): Test {
  let next = TURN;
  return (title: string, ...rest: [Body] | [nodeTest.TestOptions, Body]): void => {
    if (WHOLE_SUITE && next++ % nth !== 0) return;
    const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest;
    void nodeTest.test(title, options, body);
  };
}
