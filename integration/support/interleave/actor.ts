/** One simulated process in the hands of the scheduler: where it stands, what it has seen, and what it waits for. */
import type { Script } from 'node:vm';
import type { Access } from './conflicts.js';
import type { Disk, DiskNode } from './disk.js';
import type { Host } from './host.js';
import { SimulatedProcess, SYSTEM_FILES } from './process.js';
import { ProcessFs, type Steps } from './process-fs.js';
import type { Task, TaskResult } from './tasks.js';

/**
 * `parked` before a change, `looking` before a look (then its stack stands under those who run meanwhile), `asleep` in the
 * waiting loop.
 */
export type Status = 'new' | 'running' | 'parked' | 'looking' | 'asleep' | 'ended';

interface Timer {
  readonly fire: () => void;
  readonly due: number;
}

/** What an actor needs from the world it acts in. */
export interface Scheduler {
  readonly disk: Disk;
  readonly now: number;
  /** Milliseconds since 1970. */
  date(): number;
  mayBePreempted(actor: Actor, paths: readonly string[]): boolean;
  step<T>(actor: Actor, access: Access, act: () => T): T;
  synced(actor: Actor, path: string, node: DiskNode): void;
  passed(actor: Actor, point: string): void;
  methodBegins(actor: Actor, modelId: string, ancestors: string): void;
  began(actor: Actor, task: Task): (result: TaskResult) => void;
}

/** The wall clocks of the processes differ by this from one to the next: the order of a queue must not go by them. */
const SKEW_MS = 3_600_000;

/** Longer than any wait of the protocol: heartbeats, which never come due here. */
const HEARTBEAT_MS = 60_000;

/** An actor's state in one run. */
export class Life {
  readonly scheduler: Scheduler;
  status: Status = 'new';
  /** The places it has looked at since it last slept. */
  readonly looked = new Set<string>();
  /** One of those was changed by somebody else. */
  roused = false;
  /** The step it parked before was granted. */
  granted = false;
  randoms = 0;
  readonly timers = new Set<Timer>();
  parked: (() => void)[] = [];

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  /** Looks again: what it saw before its sleep does not count any more. */
  wake(): void {
    this.looked.clear();
    this.roused = false;
  }
}

export class Actor {
  readonly index: number;
  life: Life;
  readonly #process: SimulatedProcess;

  constructor(bundle: Script, index: number, idle: Scheduler) {
    this.index = index;
    this.life = new Life(idle);
    this.#process = new SimulatedProcess(bundle, 100 + index, {
      host: this.#host(),
      fs: new ProcessFs(this.#steps()).module,
      date: () => this.life.scheduler.date(),
      dateNow: () => this.life.scheduler.date() - index * SKEW_MS,
      random: () => ++this.life.randoms,
      setTimeout: (fire, ms) => this.#setTimeout(fire, ms),
      clearTimeout: (timer) => this.life.timers.delete(timer as Timer),
    });
  }

  /** Reads the repository's marker, unobserved. */
  open(idle: Scheduler): void {
    this.life = new Life(idle);
    this.#process.enter(() => this.#process.program.open());
  }

  begin(task: Task, ancestors?: string): void {
    const ended = this.life.scheduler.began(this, task);
    this.#process.enter(() =>
      this.#process.program.begin(
        task,
        (result) => {
          this.life.status = 'ended';
          ended(result);
        },
        ancestors,
      ),
    );
  }

  /** Makes the changes it was parked before, and goes on. */
  resume(): void {
    const { parked } = this.life;
    this.life.parked = [];
    this.life.granted = true;
    this.#process.enter(() => {
      for (const resume of parked) resume();
    });
  }

  /** Looks again. */
  wake(): void {
    const timer = this.#sleep;
    if (timer === undefined) throw new TypeError('nothing would wake it');
    this.life.timers.delete(timer);
    this.life.wake();
    this.#process.enter(timer.fire);
  }

  /** When its sleep ends by itself; undefined: never. */
  get due(): number | undefined {
    return this.#sleep?.due;
  }

  get #sleep(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.life.timers) if (first === undefined || timer.due < first.due) first = timer;
    return first;
  }

  #setTimeout(fire: () => void, ms: number): object {
    const timer = { fire, due: this.life.scheduler.now + ms, unref: () => timer };
    if (ms < HEARTBEAT_MS) this.life.timers.add(timer);
    return timer;
  }

  #host(): Omit<Host, 'offer'> {
    return {
      mayBePreempted: (paths) => this.life.scheduler.mayBePreempted(this, paths),
      park: (resume) => {
        this.life.parked.push(resume);
        this.life.status = 'parked';
      },
      passed: (point) => this.life.scheduler.passed(this, point),
      methodBegins: (modelId, ancestors) => this.life.scheduler.methodBegins(this, modelId, ancestors),
      nested: (task) => this.life.scheduler.began(this, task),
      now: () => this.life.scheduler.now,
    };
  }

  #steps(): Steps {
    const scheduler = (): Scheduler => this.life.scheduler;
    return {
      get disk() {
        return scheduler().disk;
      },
      step: (access, act) => scheduler().step(this, access, act),
      synced: (path, node) => scheduler().synced(this, path, node),
      systemFile: (path) => SYSTEM_FILES[path] ?? (/^\/proc\/[0-9]+\/stat$/.test(path) ? STAT : undefined),
    };
  }
}

/** proc(5): state and start time are read, all simulated processes live and began at once. */
const STAT = `1 (swamp) S ${'0 '.repeat(18)}7`;
