/**
 * Walks the schedules of a scenario. Every run begins anew and is determined by where it departs from the usual choice
 * (who is at work goes on), so a schedule is the list of its departures.
 *
 * Exhaustively: over every schedule with at most so many interventions. Randomly: any choice at any step, from
 * a seed. No run is left out because it looks like another one.
 */
import { type Random, randomFrom } from '../random.js';
import type { Conflicts } from './conflicts.js';
import type { Violation } from './violation.js';
import type { Choice, Chooser, World } from './world.js';

/** At that choice, this one instead of the usual one. */
export interface Departure {
  readonly at: number;
  readonly chosen: number;
}

export type Schedule = readonly Departure[];

export interface Found {
  readonly violation: Violation;
  readonly schedule: Schedule;
}

export interface Explored {
  readonly schedules: number;
  /** System calls of all of them. */
  readonly steps: number;
  /** False: it ended before everything within the bound was seen. */
  readonly complete: boolean;
  readonly found: Found | undefined;
}

export interface Bounds {
  /** How often a process that could go on may be made to wait for another one, or a live lock may be broken. Who goes on when nobody is at work is no intervention. */
  readonly interventions: number;
  /** The most that are run. */
  readonly schedules: number;
}

/** Starts a run in which `choose` decides. */
export type Begin = (choose: Chooser) => World;

interface Branch {
  readonly schedule: Schedule;
  readonly interventions: number;
}

/** Counts what was run. */
class Tally {
  schedules = 0;
  steps = 0;

  run(begin: Begin, choose: Chooser): World {
    const world = begin(choose);
    world.run();
    this.schedules++;
    this.steps += world.steps;
    return world;
  }

  result(complete: boolean, found?: Found): Explored {
    return { schedules: this.schedules, steps: this.steps, complete, found };
  }
}

/** Random runs before a walk go on until this many in a row have learned nothing. */
const QUIET_RUNS = 15;

/**
 * Goes on until everything within the bound is seen, a violation is found, or so many schedules are. Where the order of
 * steps matters is learned on the way (`conflicts`): by random runs first, then by the walk itself. A walk that learned
 * something may have passed choices by, so it is made anew; only the last one, which learned nothing, is counted.
 */
export function exploreAll(begin: Begin, conflicts: Conflicts, bounds: Bounds): Explored {
  const surveyed = survey(begin, conflicts);
  for (;;) {
    conflicts.grown = false;
    const explored = walk(begin, bounds);
    if (explored.found !== undefined || surveyed.found !== undefined) return { ...explored, complete: false, found: explored.found ?? surveyed.found };
    if (!conflicts.grown || !explored.complete) return explored;
  }
}

function survey(begin: Begin, conflicts: Conflicts): Explored {
  const random = randomFrom('survey');
  for (let quiet = 0; ; quiet = conflicts.grown ? 0 : quiet + 1) {
    conflicts.grown = false;
    const explored = exploreAtRandom(begin, random, 1);
    if (explored.found !== undefined || quiet === QUIET_RUNS) return explored;
  }
}

/** Those with the fewest interventions first: what is found first is short. */
function walk(begin: Begin, { interventions: most, schedules }: Bounds): Explored {
  const tally = new Tally();
  let branches: Branch[] = [{ schedule: [], interventions: 0 }];
  while (branches.length > 0) {
    const next: Branch[] = [];
    for (const branch of branches) {
      if (tally.schedules >= schedules) return tally.result(false);
      const world = tally.run(begin, follow(branch, most, next));
      if (world.violation !== undefined) return tally.result(false, { violation: world.violation, schedule: branch.schedule });
    }
    branches = next;
  }
  return tally.result(true);
}

/** Repeats the departures of a branch, then makes the usual choices, and adds the branches that leave it there. */
function follow({ schedule, interventions }: Branch, most: number, branches: Branch[]): Chooser {
  const ahead = departuresOf(schedule);
  return (choice) => {
    if (ahead.size > 0) {
      const chosen = ahead.get(choice.at);
      ahead.delete(choice.at);
      return chosen;
    }
    for (const chosen of choice.able.slice(1)) {
      const spent = interventions + Number(isIntervention(choice, chosen));
      if (spent <= most) branches.push({ schedule: [...schedule, { at: choice.at, chosen }], interventions: spent });
    }
    return undefined;
  };
}

function isIntervention({ current, processes }: Choice, chosen: number): boolean {
  return chosen >= processes || (current !== undefined && chosen !== current);
}

function departuresOf(schedule: Schedule): Map<number, number> {
  return new Map(schedule.map(({ at, chosen }) => [at, chosen]));
}

/** The same run once more, with others watching. */
export function replay(begin: Begin, schedule: Schedule): World {
  const departures = departuresOf(schedule);
  const world = begin(({ at }) => departures.get(at));
  world.run();
  return world;
}

/** How likely it is, in one run or another, that somebody else goes on at a step: some bugs want many changes, some very few. */
const RESTLESSNESS = [0.02, 0.1, 0.3];

/** Any choice at any step. */
export function exploreAtRandom(begin: Begin, random: Random, schedules: number): Explored {
  const tally = new Tally();
  while (tally.schedules < schedules) {
    const departures: Departure[] = [];
    const restless = random.pick(RESTLESSNESS);
    const world = tally.run(begin, ({ at, able }) => {
      if (!random.chance(restless)) return undefined;
      const chosen = random.pick(able);
      if (chosen !== able[0]) departures.push({ at, chosen });
      return chosen;
    });
    if (world.violation !== undefined) return tally.result(false, { violation: world.violation, schedule: departures });
  }
  return tally.result(true);
}
