/** The disk that every run of a scenario begins with: made by the program itself, one command after the other. */
import type { Script } from 'node:vm';
import { Actor, Life, type Scheduler } from './actor.js';
import { Disk } from './disk.js';
import { ROOT } from './host.js';
import { type Task, type TaskResult, type Told, titleOf } from './tasks.js';

/** Grants everything at once. */
class Alone implements Scheduler {
  readonly disk: Disk;
  readonly now = 0;
  result: TaskResult | undefined;
  #clock = Date.UTC(2025, 11, 31);

  constructor(disk: Disk) {
    this.disk = disk;
  }

  date(): number {
    return this.#clock++;
  }

  mayBePreempted(): boolean {
    return false;
  }

  step<T>(_actor: Actor, _access: unknown, act: () => T): T {
    return act();
  }

  synced(): void {}

  passed(): void {}

  methodBegins(): void {}

  began(): (result: TaskResult) => void {
    return (result) => {
      this.result = result;
    };
  }
}

/** A process that nobody else disturbs. */
export class Caretaker {
  readonly #actor: Actor;
  #nonces = 0;

  constructor(bundle: Script) {
    this.#actor = new Actor(bundle, 99, new Alone(new Disk()));
  }

  alone(disk: Disk): Scheduler {
    return new Alone(disk);
  }

  /** Does the tasks on a copy of `disk`, and answers it with what the last one told. Throws when one fails. */
  do(tasks: readonly Task[], disk = empty()): { readonly disk: Disk; readonly told: Told } {
    const copy = disk.copy();
    let told: Told = {};
    for (const task of tasks) {
      const alone = new Alone(copy);
      if (task.kind !== 'init') this.#actor.open(alone);
      this.#actor.life = new Life(alone);
      this.#actor.life.randoms = this.#nonces;
      this.#actor.begin(task);
      this.#nonces = this.#actor.life.randoms;
      told = toldOf(task, alone.result);
    }
    return { disk: copy.copy(), told };
  }
}

function toldOf(task: Task, result: TaskResult | undefined): Told {
  if (result !== undefined && 'told' in result) return result.told;
  throw new Error(`${titleOf(task)}: ${result === undefined ? 'never ended' : result.message}`);
}

function empty(): Disk {
  const disk = new Disk();
  disk.mkdir(ROOT);
  return disk;
}
