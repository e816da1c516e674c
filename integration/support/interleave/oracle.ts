/**
 * Judges a run step by step: P1 to P9 as far as they can be seen on the disk, the order of the syncs, and that nothing
 * visible is ever less than whole. At the end the answers of all commands are held against the specification.
 */
import type { LockName } from '../../../src/layout/layout.js';
import { findUnexplained, type Operation } from '../linearizable.js';
import type { Access } from './conflicts.js';
import type { Disk, DiskNode } from './disk.js';
import { requireDurable, requireDurableEpoch, requireDurablyGone, requireSynced } from './durability.js';
import { type Sum, textSum } from './hash.js';
import { Ledger } from './ledger.js';
import { Locks } from './locks.js';
import { type Act, contentsOf, type State, specificationFrom } from './specification.js';
import { isStructural, type Task, type TaskResult, titleOf } from './tasks.js';
import { LAYOUT, modelIds } from './view.js';
import { Violation } from './violation.js';
import type { Judge } from './world.js';

export interface OracleOptions {
  readonly disk: Disk;
  readonly initial: State;
  readonly breaks: readonly LockName[];
}

export class Oracle implements Judge {
  readonly #disk: Disk;
  readonly #initial: State;
  readonly #mayBeLost: boolean;
  readonly #ids: ReadonlyMap<string, string>;
  readonly #operations: Operation<Act>[] = [];
  readonly #ledger: Ledger;
  readonly #locks: Locks;
  /** Which tasks had ended when each began, which methods were overtaken: what disk and processes do not tell. */
  #known = '';
  #events = 0;

  constructor({ disk, initial, breaks }: OracleOptions) {
    this.#disk = disk;
    this.#initial = initial;
    this.#mayBeLost = breaks.some(({ kind }) => kind === 'run');
    this.#ids = modelIds(disk);
    this.#ledger = new Ledger(disk, [...this.#ids.values()]);
    this.#locks = new Locks(disk);
  }

  get sum(): Sum {
    return textSum(`${this.#known}|${this.#locks.known}`);
  }

  began(actor: number, task: Task): (result: TaskResult) => void {
    const from = this.#events++;
    const id = `${actor}: ${titleOf(task)}`;
    this.#known += `+${actor}`;
    return (result) => {
      this.#known += `-${actor}`;
      this.#operations.push({ id, act: { kind: 'task', task, result, mayBeLost: this.#mayBeLost }, from, to: this.#events++, certain: true });
      if ('told' in result) this.#acknowledged(actor, task, result);
    };
  }

  changed(actor: number, access: Access): void {
    this.#locks.changed(actor, access);
    const effects = this.#ledger.changed(actor, access);
    for (const { modelId } of effects) this.#locks.committed(actor, modelId);
    for (const { modelId, kind } of effects) if (kind === 'removed') this.#locks.overtake(actor, modelId);
  }

  synced(_actor: number, _path: string, _node: DiskNode): void {}

  passed(actor: number, point: string): void {
    if (point === 'restructure.closed') this.#locks.closed(actor);
    if (point.startsWith('warning:') && !this.#locks.wereBroken) throw new Violation(`process ${actor} warns: ${point}`);
  }

  method(actor: number, event: 'begins' | 'ends', modelId: string): void {
    if (event === 'begins') this.#locks.methodBegins(actor, modelId);
  }

  /** When all have ended: one order explains every answer, and what is there at the end. */
  judgeEnd(disk: Disk): void {
    const audit = { id: 'what stands on the disk', act: { kind: 'audit', found: contentsOf(stateOf(disk)) } as const, from: this.#events, to: this.#events, certain: true };
    const unexplained = findUnexplained(specificationFrom(this.#initial), [...this.#operations, audit]);
    if (unexplained === undefined) return;
    const told = this.#operations.map(({ id, act }) => `${id} -> ${act.kind === 'task' ? JSON.stringify(briefly(act.result)) : ''}`);
    throw new Violation(`no order of the commands explains ${unexplained.operation.id}: ${told.join('; ')}; found: ${audit.act.found.replaceAll('\n', ', ')}`);
  }

  #acknowledged(actor: number, task: Task, result: Extract<TaskResult, { told: unknown }>): void {
    const modelId = this.#ids.get('model' in task ? task.model : '') ?? '';
    if (task.kind === 'put') {
      const { version = 0, generation = 0 } = result.told;
      this.#ledger.requireWritten(modelId, { name: task.name, version, generation }, task.text);
    }
    if (task.kind === 'put' || task.kind === 'run' || isStructural(task)) this.#requireDurable(actor, modelId);
  }

  /** What this process did is durable when it says so. */
  #requireDurable(actor: number, modelId: string): void {
    for (const { path, kind, epoch, what } of this.#ledger.effectsOf(actor)) {
      if (kind === 'written') requireDurable(this.#disk, path, what);
      else requireDurablyGone(this.#disk, path, what);
      requireDurableEpoch(this.#disk, LAYOUT.fence({ kind: 'data', modelId }), epoch);
    }
    for (const epoch of this.#locks.runEpochsOf(actor)) requireDurableEpoch(this.#disk, LAYOUT.fence({ kind: 'run', modelId }), epoch);
  }
}
