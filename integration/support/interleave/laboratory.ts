/** One build of the program, and the scenarios it is put through. */
import type { Script } from 'node:vm';
import { Actor, type Scheduler } from './actor.js';
import { Conflicts } from './conflicts.js';
import type { Disk } from './disk.js';
import type { Begin } from './explore.js';
import { Oracle, stateOf } from './oracle.js';
import type { Task } from './tasks.js';
import { Caretaker } from './template.js';
import { modelIds } from './view.js';
import { Violation } from './violation.js';
import { type Opening, type Step, World } from './world.js';

export interface Break {
  readonly lock: 'global' | 'data' | 'run';
  readonly model: string;
}

export interface Scenario {
  readonly title: string;
  /** What every run begins with. */
  readonly setup: readonly Task[];
  /** One process each. */
  readonly tasks: readonly Task[];
  /** Live locks of which one is broken, once, at any step. */
  readonly breaks?: readonly Break[];
  /** How every run begins; what follows is explored. */
  readonly opening?: Opening;
}

/** A scenario ready to be walked. */
export interface Bench {
  readonly scenario: Scenario;
  /** By name. */
  readonly modelIds: ReadonlyMap<string, string>;
  readonly begin: (onStep?: (step: Step) => void) => Begin;
  readonly conflicts: Conflicts;
}

export class Laboratory {
  readonly #bundle: Script;
  readonly #caretaker: Caretaker;
  readonly #actors: Actor[] = [];
  readonly #settled = new Map<string, Disk>();

  constructor(bundle: Script) {
    this.#bundle = bundle;
    this.#caretaker = new Caretaker(bundle);
  }

  prepare(scenario: Scenario): Bench {
    const { setup, tasks, breaks = [], opening = [] } = scenario;
    const { disk } = this.#caretaker.do([{ kind: 'init' }, ...setup]);
    const ids = modelIds(disk);
    const locks = breaks.map(({ lock, model }) => (lock === 'global' ? ({ kind: lock } as const) : { kind: lock, modelId: ids.get(model) ?? '' }));
    const actors = this.#opened(tasks.length, disk);
    const conflicts = new Conflicts();
    const initial = stateOf(disk, ids);
    const settle = (end: Disk, wereBroken: boolean): Disk => this.#settle(end, wereBroken);
    const begin = (onStep?: (step: Step) => void): Begin => {
      return (choose) => {
        const copy = disk.copy();
        const judge = new Oracle({ disk: copy, initial, settle });
        return new World({ disk: copy, actors, tasks, breaks: locks, opening, conflicts, judge, choose, ...(onStep === undefined ? {} : { onStep }) });
      };
    };
    return { scenario, modelIds: ids, begin, conflicts };
  }

  /** Processes that have read the marker of this disk. */
  #opened(count: number, disk: Disk): readonly Actor[] {
    const idle: Scheduler = this.#caretaker.alone(disk);
    while (this.#actors.length < count) this.#actors.push(new Actor(this.#bundle, this.#actors.length, idle));
    const actors = this.#actors.slice(0, count);
    for (const actor of actors) actor.open(idle);
    return actors;
  }

  /** Where a lock was broken, a sweep finishes what waits; then nothing may be left, and nothing damaged. */
  #settle(disk: Disk, wereBroken: boolean): Disk {
    const key = `${wereBroken} ${disk.digest}`;
    const known = this.#settled.get(key);
    if (known !== undefined) return known;
    const swept = wereBroken ? this.#caretaker.do([{ kind: 'sweep' }], disk).disk : disk;
    const { findings = [], pending = [] } = this.#caretaker.do([{ kind: 'check' }], swept).told;
    const left = wereBroken ? pending.filter((item) => !item.startsWith('kept ')) : pending;
    if (findings.length > 0) throw new Violation(`check finds ${findings.join(', ')}`);
    if (left.length > 0) throw new Violation(`left pending: ${left.join(', ')}`);
    this.#settled.set(key, swept);
    return swept;
  }
}
