/**
 * Walks the schedules of a scenario. Every run begins anew and is determined by where it departs from the usual choice
 * (who is at work goes on), so a schedule is the list of its departures.
 *
 * Exhaustively: depth first, over all choices, or over those with at most so many preemptions. A state that was reached
 * before (disk, what each process has seen, what the judge knows) is not gone on from again: all that can follow it is
 * known. Randomly: any choice at any step, from a seed.
 */
import { type Random, randomFrom } from '../random.js';
import type { Conflicts } from './conflicts.js';
import { keyOf } from './hash.js';
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
  /** Runs, those cut short at a known state included. */
  readonly schedules: number;
  readonly states: number;
  /** False: the time was over before everything was seen. */
  readonly complete: boolean;
  readonly found: Found | undefined;
}

export interface Bounds {
  /** How often a process that could go on may be made to wait for another one; undefined: as often as there are steps. */
  readonly preemptions?: number;
  /** By `performance.now()`. */
  readonly until: number;
}

/** Starts a run in which `choose` decides. */
export type Begin = (choose: Chooser) => World;

interface Branch {
  readonly schedule: Schedule;
  readonly preemptions: number;
}

/** Places of conflict are looked for until this many runs in a row have found none. */
const QUIET_RUNS = 60;

/** Goes on until everything within the bounds is seen, a violation is found, or the time is over. */
export function exploreAll(begin: Begin, conflicts: Conflicts, bounds: Bounds): Explored {
  const surveyed = survey(begin, conflicts, bounds);
  if (surveyed.found !== undefined) return surveyed;
  let { schedules } = surveyed;
  for (;;) {
    conflicts.grown = false;
    const round = exploreOnce(begin, bounds);
    schedules += round.schedules;
    // A place of conflict was found on the way: choices before it may have been missed.
    if (!conflicts.grown || performance.now() > bounds.until || round.found !== undefined) return { ...round, schedules };
  }
}

/** Random runs, so that most places of conflict are known before the walk begins: it begins anew at each new one. */
function survey(begin: Begin, conflicts: Conflicts, { until }: Bounds): Explored {
  const random = randomFrom('survey');
  let schedules = 0;
  for (let quiet = 0; quiet < QUIET_RUNS; quiet = conflicts.grown ? 0 : quiet + 1) {
    conflicts.grown = false;
    const round = exploreAtRandom(begin, random, { schedules: 1, until, preemption: 0.2 });
    schedules++;
    if (round.found !== undefined || performance.now() > until) return { ...round, schedules };
  }
  return { schedules, states: 0, complete: true, found: undefined };
}

function exploreOnce(begin: Begin, bounds: Bounds): Explored {
  /** By state: the most preemptions that were still allowed when it was gone on from. */
  const known = new Map<number, number>();
  const open: Branch[] = [{ schedule: [], preemptions: 0 }];
  let schedules = 0;
  for (let branch = open.pop(); branch !== undefined; branch = open.pop()) {
    const follow = new Follow(branch, known, bounds);
    const world = begin(follow.choose);
    world.run();
    schedules++;
    if (world.violation !== undefined) {
      return { schedules, states: known.size, complete: true, found: { violation: world.violation, schedule: branch.schedule } };
    }
    open.push(...follow.branches);
    if (performance.now() > bounds.until) return { schedules, states: known.size, complete: open.length === 0, found: undefined };
  }
  return { schedules, states: known.size, complete: true, found: undefined };
}

/** Repeats the departures of a branch, then makes the usual choices, and remembers the others. */
class Follow {
  readonly branches: Branch[] = [];
  readonly #branch: Branch;
  readonly #known: Map<number, number>;
  readonly #bounds: Bounds;
  readonly #ahead: Map<number, number>;

  constructor(branch: Branch, known: Map<number, number>, bounds: Bounds) {
    this.#branch = branch;
    this.#known = known;
    this.#bounds = bounds;
    this.#ahead = departuresOf(branch.schedule);
  }

  readonly choose = (choice: Choice): number | undefined => {
    const { at, able } = choice;
    if (this.#ahead.size > 0) {
      const chosen = this.#ahead.get(at) ?? able[0];
      this.#ahead.delete(at);
      return chosen;
    }
    if (this.#isKnown(choice)) return undefined;
    for (const chosen of able.slice(1)) this.#branchOff(choice, chosen);
    return able[0];
  };

  #branchOff(choice: Choice, chosen: number): void {
    const preemptions = this.#branch.preemptions + Number(isPreemption(choice, chosen));
    if (preemptions > (this.#bounds.preemptions ?? Number.POSITIVE_INFINITY)) return;
    this.branches.push({ schedule: [...this.#branch.schedule, { at: choice.at, chosen }], preemptions });
  }

  #isKnown({ state, current }: Choice): boolean {
    const { preemptions: most } = this.#bounds;
    const left = most === undefined ? 0 : most - this.#branch.preemptions;
    // Who is at work matters only where interrupting it costs.
    const key = keyOf(state()) * (most === undefined ? 1 : 8) + (most === undefined ? 0 : (current ?? 7));
    const before = this.#known.get(key);
    if (before !== undefined && before >= left) return true;
    this.#known.set(key, left);
    return false;
  }
}

/** Breaking a lock interrupts nobody. */
function isPreemption({ current, able }: Choice, chosen: number): boolean {
  return current !== undefined && chosen !== current && able.indexOf(chosen) >= 0;
}

function departuresOf(schedule: Schedule): Map<number, number> {
  return new Map(schedule.map(({ at, chosen }) => [at, chosen]));
}

/** The same run once more, with others watching. */
export function replay(begin: Begin, schedule: Schedule): World {
  const departures = departuresOf(schedule);
  const world = begin(({ at, able }) => departures.get(at) ?? able[0]);
  world.run();
  return world;
}

export interface RandomBounds {
  readonly schedules: number;
  readonly until: number;
  /** How likely it is that somebody else goes on, at each step. */
  readonly preemption: number;
}

/** Any choice at any step. */
export function exploreAtRandom(begin: Begin, random: Random, bounds: RandomBounds): Explored {
  for (let schedules = 1; ; schedules++) {
    const departures: Departure[] = [];
    const world = begin(({ at, able }) => {
      const usual = able[0];
      if (!random.chance(bounds.preemption)) return usual;
      const chosen = random.pick(able);
      if (chosen !== usual) departures.push({ at, chosen });
      return chosen;
    });
    world.run();
    if (world.violation !== undefined) return { schedules, states: 0, complete: true, found: { violation: world.violation, schedule: departures } };
    const over = schedules >= bounds.schedules;
    if (over || performance.now() > bounds.until) return { schedules, states: 0, complete: over, found: undefined };
  }
}
