/** How much a run takes on: in the long form everything, in the short one samples that differ from run to run, so that many runs see everything. */

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
