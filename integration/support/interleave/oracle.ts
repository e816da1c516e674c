/**
 * Judges a run step by step: P1 to P10 as far as they can be seen on the disk, the order of the syncs, and that nothing
 * visible is ever less than whole. At the end the answers of all commands are held against the specification.
 */
import { join } from 'node:path';
import { findUnexplained, type Operation } from '../linearizable.js';
import type { Access } from './conflicts.js';
import type { Disk } from './disk.js';
import { requireDurable, requireDurableEpoch, requireDurablyGone } from './durability.js';
import { Ledger } from './ledger.js';
import { Locks } from './locks.js';
import { type Act, contentsOf, OUTPUT, type State, specificationFrom } from './specification.js';
import { isStructural, type Task, type TaskResult, titleOf } from './tasks.js';
import { artifactsOf, directoryAt, LAYOUT, modelIds, recordIn } from './view.js';
import { Violation } from './violation.js';
import type { Judge } from './world.js';

export interface OracleOptions {
  readonly disk: Disk;
  readonly initial: State;
  /** Lets the next command finish what is left, and checks what stands then. */
  readonly settle: (disk: Disk, wereBroken: boolean) => Disk;
}

export class Oracle implements Judge {
  readonly #disk: Disk;
  readonly #initial: State;
  readonly #settle: OracleOptions['settle'];
  readonly #ids: ReadonlyMap<string, string>;
  readonly #operations: Operation<Act>[] = [];
  readonly #ledger: Ledger;
  readonly #locks: Locks;
  #events = 0;

  constructor({ disk, initial, settle }: OracleOptions) {
    this.#disk = disk;
    this.#settle = settle;
    this.#initial = initial;
    this.#ids = modelIds(disk);
    this.#ledger = new Ledger(disk, [...this.#ids.values()]);
    this.#locks = new Locks(disk);
  }

  began(actor: number, task: Task): (result: TaskResult) => void {
    if (isStructural(task)) this.#locks.structuralBegins(actor, this.#ids.get('model' in task ? task.model : '') ?? '');
    const from = this.#events++;
    const id = `${actor}: ${titleOf(task)}`;
    return (result) => {
      this.#operations.push({ id, act: { kind: 'task', task, result, mayBeLost: this.#mayBeLost(task) }, from, to: this.#events++, certain: true });
      if ('told' in result) this.#acknowledged(actor, task, result);
    };
  }

  changed(actor: number, access: Access): void {
    this.#locks.changed(actor, access);
    const effects = this.#ledger.changed(actor, access);
    for (const { modelId } of effects) this.#locks.committed(actor, modelId);
    for (const { modelId, kind } of effects) if (kind === 'removed') this.#locks.overtake(actor, modelId);
  }

  passed(actor: number, point: string): void {
    if (point === 'restructure.closed') this.#locks.closed(actor);
    if (point.startsWith('warning:') && this.#locks.broken === undefined) throw new Violation(`process ${actor} warns: ${point}`);
  }

  methodBegins(actor: number, modelId: string): void {
    this.#locks.methodBegins(actor, modelId);
  }

  /** One order explains every answer, and what is there at the end. */
  finished(): void {
    const act = { kind: 'audit', found: contentsOf(stateOf(this.#settle(this.#disk, this.#locks.broken !== undefined), this.#ids)) } as const;
    const audit = { id: 'what stands on the disk', act, from: this.#events, to: this.#events, certain: true };
    const unexplained = findUnexplained(specificationFrom(this.#initial), [...this.#operations, audit]);
    if (unexplained === undefined) return;
    const told = this.#operations.map(({ id, act }) => `${id} -> ${act.kind === 'task' ? JSON.stringify(briefly(act.result)) : ''}`);
    throw new Violation(`no order of the commands explains ${unexplained.operation.id}: ${told.join('; ')}; found: ${act.found.replaceAll('\n', ', ')}`);
  }

  /** Who is told `lock_lost`: a method that lost its run fence, and a claim of a model's name without the global one; nobody for another lock. */
  #mayBeLost({ kind }: Task): boolean {
    const { broken } = this.#locks;
    return (kind === 'run' && broken === 'run') || (kind === 'renameModel' && broken === 'global');
  }

  #acknowledged(actor: number, task: Task, { told }: Extract<TaskResult, { told: unknown }>): void {
    const modelId = this.#ids.get('model' in task ? task.model : '') ?? '';
    const { version = 0, generation = 0, outputs = [] } = told;
    if (task.kind === 'put') {
      this.#requireEpoch(modelId, 'data', this.#ledger.epochOf(modelId, { name: task.name, version, generation }, task.text));
      this.#requireWritten(modelId, task.name, version);
    }
    for (const output of outputs) this.#requireWritten(modelId, output.name, output.version);
    if (task.kind === 'run') {
      this.#requireEpoch(modelId, 'run', this.#locks.runEpoch(actor) ?? 0);
      this.#locks.methodEnded(actor);
    }
    for (const { path, epoch } of isStructural(task) ? this.#ledger.removalsBy(actor) : []) {
      requireDurablyGone(this.#disk, path, `the removal of ${path.slice(LAYOUT.data.length + 1)}`);
      this.#requireEpoch(modelId, 'data', epoch);
    }
  }

  /** Durable when it is told, unless somebody has removed it since. */
  #requireWritten(modelId: string, name: string, version: number): void {
    const generation = this.#ledger.generationOf(modelId, name, version);
    if (generation === undefined) return;
    this.#requireEpoch(modelId, 'data', this.#ledger.epochOf(modelId, { name, version, generation }));
    requireDurable(this.#disk, LAYOUT.version(modelId, name, version), `${name} ${version}, acknowledged,`);
    requireDurable(this.#disk, join(LAYOUT.artifact(modelId, name), 'artifact.json'), `the record of ${name}`);
  }

  #requireEpoch(modelId: string, kind: 'data' | 'run', epoch: number): void {
    requireDurableEpoch(this.#disk, LAYOUT.fence({ kind, modelId }), epoch);
  }
}

/** What stands on the disk, as the specification sees it: models under the names they had at first. */
export function stateOf(disk: Disk, ids: ReadonlyMap<string, string>): State {
  const models = [...ids].map(([name, id]) => [name, modelState(disk, id)] as const);
  return Object.fromEntries(models.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function modelState(disk: Disk, id: string): State[string] {
  const artifacts = [...artifactsOf(disk, id)].map(([name, { generation, floor, versions }]) => {
    const texts = [...versions].sort(([a], [b]) => a - b).map(([version, { text }]) => [version, OUTPUTS.includes(name) ? OUTPUT : text]);
    return [name, { generation, floor, versions: Object.fromEntries(texts) as Record<number, string> }] as const;
  });
  const tombstones = [...(directoryAt(disk, LAYOUT.tombstones(id))?.entries.keys() ?? [])].map((file) => {
    const { name, floor, renamedTo } = recordIn(directoryAt(disk, LAYOUT.tombstones(id)), file) ?? {};
    return [String(name), { floor: Number(floor), ...(renamedTo === undefined ? {} : { renamedTo: String(renamedTo) }) }] as const;
  });
  const deleted = disk.find(LAYOUT.deletedModel(id)) !== undefined;
  return { deleted, renamed: false, artifacts: sortedByName(artifacts), tombstones: sortedByName(tombstones) };
}

/** What a method writes. */
const OUTPUTS: readonly string[] = ['log', 'result'];

function sortedByName<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function briefly(result: TaskResult): object {
  if ('code' in result) return result;
  const { version, generation, versionsDeleted, alreadyDeleted, outputs, text, versions } = result.told;
  return { version, generation, versionsDeleted, alreadyDeleted, text, versions, outputs: outputs?.map(({ name, version: number }) => `${name} ${number}`) };
}
