/**
 * One run: several processes on one disk, one of them at a time from one step to the next. Who goes on is chosen at each
 * step whose order matters; a run is determined by these choices. Time passes only when nobody can go on.
 */
import { join } from 'node:path';
import type { LockName } from '../../../src/layout/layout.js';
import { HOLDER_DETAILS } from '../../../src/locks/lease.js';
import { type Actor, Life, type Scheduler } from './actor.js';
import { type Access, type Conflicts, touches } from './conflicts.js';
import type { Disk, DiskNode } from './disk.js';
import type { Task, TaskResult } from './tasks.js';
import { entryOf, LAYOUT } from './view.js';
import { Violation } from './violation.js';

/** Who could go on, in order of preference: the one that is at work first, those who break locks last. */
export interface Choice {
  /** Names the choice: no other one of the run has the same number, and it has it in every run that came the same way. */
  readonly at: number;
  readonly able: readonly number[];
  /** The one that is at work, when it can go on. */
  readonly current: number | undefined;
  /** What is not below it stands for one lock of `breaks` each: to break it. */
  readonly processes: number;
}

/** How a run is made to begin: a process goes on until it stands before a change of these paths (joined by ` -> `), or one of the locks that may be broken is. */
export type Opening = readonly ({ readonly actor: number; readonly until: RegExp } | { readonly breaks: number })[];

/** Answers one of `able`; undefined: the first of them. */
export type Chooser = (choice: Choice) => number | undefined;

/** What judges a run while it goes on. A violation is what any of these throws as a `Violation`. */
export interface Judge {
  /** A task, or a part of one, takes its first step. Answers what its end is told to. */
  began(actor: number, task: Task): (result: TaskResult) => void;
  changed(actor: number, access: Access): void;
  passed(actor: number, point: string): void;
  methodBegins(actor: number, modelId: string): void;
  /** All processes have ended. */
  finished(): void;
}

/** Unwinds the stacks that stand when a run ends early. */
const ABANDONED = new Error('abandoned');

/** A step, for people. */
export interface Step {
  readonly actor: number;
  readonly access: Access;
  /** Undefined: it succeeded. */
  readonly code: string | undefined;
}

export interface WorldOptions {
  readonly disk: Disk;
  readonly actors: readonly Actor[];
  readonly tasks: readonly Task[];
  /** Locks of which one may be broken under its holder, once. */
  readonly breaks: readonly LockName[];
  readonly opening: Opening;
  readonly conflicts: Conflicts;
  readonly judge: Judge;
  readonly choose: Chooser;
  readonly onStep?: (step: Step) => void;
}

/** Nobody waits longer than this without somebody changing something. */
const STUCK_MS = 5_000;
/** More than any run of a few commands takes. */
const MOST_STEPS = 20_000;
const STARTED_AT = Date.UTC(2026, 0, 1);

function fail(what: string): never {
  throw new Violation(what);
}

/** Who holds a lock is written down for people; nothing is decided by it. */
function isForPeople({ looks: [looked = ''], changes: [changed = ''] }: Access): boolean {
  return looked.endsWith(HOLDER_DETAILS) || changed.endsWith(HOLDER_DETAILS);
}

function parentOf(task: Task | undefined): number | undefined {
  return task?.kind === 'put' ? task.childOf : undefined;
}

export class World implements Scheduler {
  now = 0;
  /** True when the run was ended early by a violation. */
  abandoned = false;
  violation: Violation | undefined;
  /** System calls so far. */
  steps = 0;
  readonly disk: Disk;
  readonly #options: WorldOptions;
  readonly #frames: Actor[] = [];
  #current: Actor | undefined;
  #broken = false;
  /** What children of the methods that have begun find in their environment. */
  readonly #ancestors = new Map<number, string>();
  #changedAt = 0;
  /** How much of the opening is done. */
  #opened = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.disk = options.disk;
    for (const actor of options.actors) actor.life = new Life(this);
  }

  run(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#move(next);
    if (!this.abandoned) this.#judge(() => this.#options.judge.finished(), 'mildly');
  }

  date(): number {
    return STARTED_AT + this.now;
  }

  mayBePreempted({ index }: Actor, paths: readonly string[]): boolean {
    const opening = this.#opening;
    if (opening !== undefined && 'actor' in opening && opening.actor === index && opening.until.test(paths.join(' -> '))) {
      this.#opened++;
      return true;
    }
    return this.abandoned || this.#options.conflicts.has(index, { call: '', looks: [], listings: [], changes: paths });
  }

  step<T>(actor: Actor, access: Access, act: () => T): T {
    if (isForPeople(access)) return act();
    this.#reach(actor, access);
    if (++this.steps > MOST_STEPS) this.#judge(() => fail(`process ${actor.index} goes on for ever`));
    let value: T;
    try {
      value = act();
    } catch (error) {
      this.#failed(actor, access, (error as NodeJS.ErrnoException).code ?? '');
      throw error;
    }
    for (const path of access.looks) actor.life.looked.add(path);
    for (const path of access.listings) actor.life.looked.add(`${path}/*`);
    this.#options.onStep?.({ actor: actor.index, access, code: undefined });
    this.#options.conflicts.note(actor.index, access);
    if (access.changes.length > 0) this.#changed(actor.index, access);
    return value;
  }

  synced(actor: Actor, path: string, node: DiskNode): void {
    if (this.abandoned) throw ABANDONED;
    this.disk.sync(node);
    this.#options.onStep?.({ actor: actor.index, access: { call: 'sync', looks: [path], listings: [], changes: [] }, code: undefined });
  }

  passed(actor: Actor, point: string): void {
    if (!this.abandoned) this.#judge(() => this.#options.judge.passed(actor.index, point));
  }

  methodBegins(actor: Actor, modelId: string, ancestors: string): void {
    if (this.abandoned) return;
    this.#ancestors.set(actor.index, ancestors);
    this.#judge(() => this.#options.judge.methodBegins(actor.index, modelId));
  }

  began(actor: Actor, task: Task): (result: TaskResult) => void {
    const ended = this.#options.judge.began(actor.index, task);
    return (result) => {
      if (!this.abandoned) this.#judge(() => ended(result), 'mildly');
    };
  }

  /** Lets others go first where the order matters. */
  #reach(actor: Actor, access: Access): void {
    if (this.abandoned) throw ABANDONED;
    const { life } = actor;
    const { granted } = life;
    life.granted = false;
    if (granted || !this.#options.conflicts.has(actor.index, access)) return;
    life.status = 'looking';
    this.#frames.push(actor);
    for (let next = this.#next(); next !== actor; next = this.#next()) {
      if (next === undefined) throw ABANDONED;
      this.#move(next);
    }
    this.#frames.pop();
    this.#current = actor;
    life.status = 'running';
  }

  #failed(actor: Actor, access: Access, code: string): void {
    const { looks, listings, changes } = access;
    const looked = { ...access, looks: [...looks, ...changes], changes: [] };
    this.#options.conflicts.note(actor.index, looked);
    for (const path of looked.looks) actor.life.looked.add(path);
    for (const path of listings) actor.life.looked.add(path);
    this.#options.onStep?.({ actor: actor.index, access, code });
  }

  #changed(index: number, access: Access): void {
    this.#changedAt = this.now;
    for (const { index: other, life } of this.#options.actors) if (other !== index && !life.roused) life.roused = touches(access.changes, life.looked);
    this.#judge(() => this.#options.judge.changed(index, access));
  }

  /** A violation ends the run. */
  #judge(judge: () => void, mildly?: 'mildly'): void {
    try {
      judge();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#violate(error);
      if (mildly === undefined) throw ABANDONED;
    }
  }

  #violate(violation: Violation): void {
    this.violation ??= violation;
    this.abandoned = true;
  }

  get #opening(): Opening[number] | undefined {
    return this.#options.opening[this.#opened];
  }

  /** Who is to move next; undefined when the run is over. */
  #next(): Actor | undefined {
    for (;;) {
      if (this.abandoned) return undefined;
      const able = this.#able();
      const opening = this.#opening;
      if (opening !== undefined) {
        if ('actor' in opening) {
          const opener = able.find(({ index }) => index === opening.actor);
          if (opener === undefined) throw new Error(`process ${opening.actor} never comes to ${opening.until}`);
          return opener;
        }
        this.#opened++;
        this.#break(this.#options.breaks[opening.breaks]);
        continue;
      }
      if (able.length > 0) return this.#choose(able);
      if (this.#options.actors.every((actor) => actor.life.status === 'ended' || !this.#isBorn(actor))) return undefined;
      this.#passTime();
    }
  }

  #able(): Actor[] {
    const top = this.#frames.at(-1);
    const able = this.#options.actors.filter((actor) => {
      const { status, roused } = actor.life;
      return (status === 'new' && this.#isBorn(actor)) || status === 'parked' || (status === 'asleep' && roused) || (status === 'looking' && actor === top);
    });
    return able.sort((a, b) => Number(b === this.#current) - Number(a === this.#current) || a.index - b.index);
  }

  #choose(able: readonly Actor[]): Actor | undefined {
    const { actors, breaks, choose } = this.#options;
    const indexes = able.map(({ index }) => index);
    if (!this.#broken) for (const [i, lock] of breaks.entries()) if (entryOf(this.disk, lock)?.state === 'held') indexes.push(actors.length + i);
    const [only] = able;
    if (indexes.length === 1) return only;
    const current = able.find((actor) => actor === this.#current)?.index;
    const chosen = choose({ at: this.steps * 16 + (current ?? 15), able: indexes, current, processes: actors.length }) ?? only?.index ?? 0;
    if (chosen < actors.length) return actors[chosen];
    this.#break(breaks[chosen - actors.length]);
    return this.#next();
  }

  #move(actor: Actor): void {
    const { life } = actor;
    const before = life.status;
    this.#current = actor;
    life.status = 'running';
    if (before === 'new') this.#begin(actor);
    else if (before === 'parked') actor.resume();
    else actor.wake();
    if ((life.status as string) === 'running') life.status = 'asleep';
  }

  #begin(actor: Actor): void {
    const task = this.#options.tasks[actor.index];
    if (task === undefined) throw new TypeError(`no task for process ${actor.index}`);
    actor.begin(task, this.#ancestors.get(parentOf(task) ?? -1));
  }

  /** False for the child of a method that has not begun. */
  #isBorn({ index }: Actor): boolean {
    const parent = parentOf(this.#options.tasks[index]);
    return parent === undefined || this.#ancestors.has(parent);
  }

  #passTime(): void {
    const sleepers = this.#options.actors.filter(({ life, due }) => life.status === 'asleep' && due !== undefined);
    const [first] = sleepers.sort((a, b) => (a.due ?? 0) - (b.due ?? 0));
    if (first?.due === undefined || first.due - this.#changedAt > STUCK_MS) {
      const stuck = this.#options.actors.filter(({ life }) => life.status !== 'ended').map(({ index }) => index);
      this.#judge(() => fail(`processes ${stuck.join(' and ')} wait for ever`), 'mildly');
      return;
    }
    this.now = Math.max(this.now, first.due);
    first.life.roused = true;
  }

  /** What `datastore lock release --force` does. */
  #break(lock: LockName | undefined): void {
    const entry = lock === undefined ? undefined : entryOf(this.disk, lock);
    if (lock === undefined || entry === undefined) throw new TypeError('nothing to break');
    const dir = LAYOUT.fence(lock);
    const changes = [join(dir, entry.name), join(dir, `${entry.epoch}.free-bbbbbbbbbbbb`)] as const;
    this.#broken = true;
    this.steps++;
    this.disk.rename(...changes);
    this.disk.sync(this.disk.get(dir, 'fsync'));
    const breaker = this.#options.actors.length;
    const access: Access = { call: 'break', looks: [], listings: [], changes };
    this.#options.onStep?.({ actor: breaker, access, code: undefined });
    this.#options.conflicts.note(breaker, access);
    this.#changed(breaker, access);
  }
}
