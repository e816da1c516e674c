/**
 * Walks the schedules of a scenario. Every run begins anew and is determined by where it departs from the usual choice
 * (who is at work goes on), so a schedule is the list of its departures.
 *
 * Exhaustively: depth first, over every schedule with at most so many interventions. Randomly: any choice at any step, from
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
  /** False: the time was over before everything was seen. */
  readonly complete: boolean;
  readonly found: Found | undefined;
}

export interface Bounds {
  /** How often a process that could go on may be made to wait for another one, or a live lock may be broken. Who goes on when nobody is at work is no intervention. */
  readonly interventions: number;
  /** By `performance.now()`. */
  readonly until: number;
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
const QUIET_RUNS = 40;

/**
 * Goes on until everything within the bound is seen, a violation is found, or the time is over. Where the order of steps
 * matters is learned on the way (`conflicts`): by random runs first, then by the walk itself. A walk that learned something
 * may have passed choices by, so it is made anew; only the last one, which learned nothing, is counted.
 */
export function exploreAll(begin: Begin, conflicts: Conflicts, bounds: Bounds): Explored {
  const random = randomFrom('survey');
  for (let quiet = 0; quiet < QUIET_RUNS; quiet = conflicts.grown ? 0 : quiet + 1) {
    conflicts.grown = false;
    const explored = exploreAtRandom(begin, random, { schedules: 1, until: bounds.until });
    if (!explored.complete) return explored;
  }
  for (;;) {
    conflicts.grown = false;
    const explored = walk(begin, bounds);
    if (!conflicts.grown || explored.found !== undefined || performance.now() > bounds.until) return explored;
  }
}

function walk(begin: Begin, { interventions: most, until }: Bounds): Explored {
  const tally = new Tally();
  const open: Branch[] = [{ schedule: [], interventions: 0 }];
  for (let branch = open.pop(); branch !== undefined; branch = open.pop()) {
    const { schedule, interventions } = branch;
    const ahead = departuresOf(schedule);
    const world = tally.run(begin, (choice) => {
      if (ahead.size > 0) {
        const chosen = ahead.get(choice.at);
        ahead.delete(choice.at);
        return chosen;
      }
      for (const chosen of choice.able.slice(1)) {
        const spent = interventions + Number(isIntervention(choice, chosen));
        if (spent <= most) open.push({ schedule: [...schedule, { at: choice.at, chosen }], interventions: spent });
      }
      return undefined;
    });
    if (world.violation !== undefined) return tally.result(false, { violation: world.violation, schedule });
    if (performance.now() > until) return tally.result(open.length === 0);
  }
  return tally.result(true);
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

export interface RandomBounds {
  readonly schedules: number;
  readonly until: number;
}

/** How likely it is, in one run or another, that somebody else goes on at a step: some bugs want many changes, some very few. */
const RESTLESSNESS = [0.02, 0.1, 0.3];

/** Any choice at any step. */
export function exploreAtRandom(begin: Begin, random: Random, { schedules, until }: RandomBounds): Explored {
  const tally = new Tally();
  while (tally.schedules < schedules && performance.now() <= until) {
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
  return tally.result(tally.schedules >= schedules);
}
