/** The fences as they must be at each step: one entry, epochs that never go back (P6), one session an epoch (P1), and what a closed global fence keeps out (P2, P9). */
import { join } from 'node:path';
import { isModelId, type LockName } from '../../../src/layout/layout.js';
import type { Access } from './conflicts.js';
import type { Disk } from './disk.js';
import { directoryAt, entryOf, holderOf, LAYOUT, recordIn } from './view.js';
import { Violation } from './violation.js';

interface Closed {
  readonly entry: string;
  readonly models: readonly string[];
}

interface Method {
  readonly modelId: string;
  readonly entry: string;
  readonly epoch: number;
  overtaken: boolean;
}

export class Locks {
  /** The kind of the lock that was broken, if one was. */
  broken: LockName['kind'] | undefined;
  readonly #disk: Disk;
  readonly #epochs = new Map<string, number>();
  readonly #sessions = new Map<string, string>();
  readonly #closed = new Map<number, Closed>();
  readonly #methods = new Map<number, Method>();
  readonly #foundRunning = new Map<number, { readonly modelId: string; readonly entry: string }>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  changed(actor: number, { call, changes }: Access): void {
    const [from = '', to = from] = changes;
    const lock = lockOf(to);
    if (call === 'break') this.broken = lock?.kind;
    if (lock !== undefined) this.#judge(actor, lock, call === 'break' ? undefined : from);
    const method = this.#methods.get(actor);
    if (method === undefined || !to.endsWith('.intent')) return;
    if (method.overtaken) throw new Violation(`P9: process ${actor} commits the outputs of a method that a delete has overtaken`);
  }

  /** A structural command comes: it may take the global lock when the method that runs now is over (S1). */
  structuralBegins(actor: number, modelId: string): void {
    const entry = entryOf(this.#disk, { kind: 'run', modelId });
    if (entry?.state === 'held') this.#foundRunning.set(actor, { modelId, entry: entry.name });
  }

  /** S3 is over for this process. */
  closed(actor: number): void {
    const entry = entryOf(this.#disk, { kind: 'global' });
    if (entry === undefined || holderOf(entry) !== actor) return;
    const directory = directoryAt(this.#disk, join(LAYOUT.fence({ kind: 'global' }), entry.name));
    const scope = recordIn(directory, `scope.${entry.epoch}.closed.json`);
    if (directory !== undefined && scope === undefined) throw new Violation(`P2: process ${actor} restructures, and its global fence does not say closed`);
    const models = (scope?.['models'] ?? []) as readonly string[];
    for (const [runner, { modelId, entry: name }] of this.#methods) {
      if (runner !== actor && models.includes(modelId) && entryOf(this.#disk, { kind: 'run', modelId })?.name === name)
        throw new Violation(`P2: process ${actor} restructures a model in which process ${runner} runs a method`);
    }
    this.#closed.set(actor, { entry: entry.name, models });
  }

  /** P2: somebody commits in the model. */
  committed(actor: number, modelId: string): void {
    this.#requireOutside(actor, modelId, 'commits to');
  }

  /** P9: a commit of somebody else took something away while a method ran. */
  overtake(actor: number, modelId: string): void {
    for (const [runner, method] of this.#methods) if (runner !== actor && method.modelId === modelId) method.overtaken = true;
  }

  methodBegins(actor: number, modelId: string): void {
    const entry = entryOf(this.#disk, { kind: 'run', modelId });
    // Broken between the last look and the first command: the run is lost, and will find out.
    if (entry === undefined || holderOf(entry) !== actor) return;
    this.#requireOutside(actor, modelId, 'begins a method of');
    this.#methods.set(actor, { modelId, entry: entry.name, epoch: entry.epoch, overtaken: false });
  }

  methodEnded(actor: number): void {
    this.#methods.delete(actor);
  }

  /** The run-fence epoch of the method that this process runs. */
  runEpoch(actor: number): number | undefined {
    return this.#methods.get(actor)?.epoch;
  }

  #requireOutside(actor: number, modelId: string, does: string): void {
    for (const [structural, { entry, models }] of this.#closed) {
      if (structural === actor || !models.includes(modelId)) continue;
      if (entryOf(this.#disk, { kind: 'global' })?.name === entry)
        throw new Violation(`P2: process ${actor} ${does} a model that process ${structural} has closed`);
      this.#closed.delete(structural);
    }
  }

  #judge(actor: number, lock: LockName, from: string | undefined): void {
    const dir = LAYOUT.fence(lock);
    const entry = entryOf(this.#disk, lock);
    if (entry === undefined) return;
    const before = this.#epochs.get(dir);
    if (before !== undefined && entry.epoch < before) throw new Violation(`P6: the ${lock.kind} lock went from epoch ${before} back to ${entry.epoch}`);
    this.#epochs.set(dir, entry.epoch);
    const session = this.#sessions.get(`${dir} ${entry.epoch}`);
    if (entry.state === 'held') {
      if (session !== undefined && session !== entry.name) throw new Violation(`P1: epoch ${entry.epoch} of the ${lock.kind} lock has two sessions`);
      this.#sessions.set(`${dir} ${entry.epoch}`, entry.name);
      const found = lock.kind === 'global' ? this.#foundRunning.get(actor) : undefined;
      if (found !== undefined && entryOf(this.#disk, { kind: 'run', modelId: found.modelId })?.name === found.entry)
        throw new Violation(`S1: process ${actor} takes the global lock, and stops all others, to wait for a method that it found running`);
      if (holderOf(entry) !== actor) throw new Violation(`P1: process ${actor} took the ${lock.kind} lock in the name of another`);
    } else if (from !== undefined && session !== undefined && !session.includes(`-${100 + actor}-`))
      throw new Violation(`P1: process ${actor} released the ${lock.kind} lock of another, who lives`);
  }
}

/** The lock whose entry, or whose birth, a path is. */
function lockOf(path: string): LockName | undefined {
  if (!path.startsWith(`${LAYOUT.fences}/`)) return undefined;
  const [first = '', second, third, ...rest] = path.slice(LAYOUT.fences.length + 1).split('/');
  if (first === 'global') return third === undefined ? { kind: 'global' } : undefined;
  if (!isModelId(first) || rest.length > 0 || (second !== 'data' && second !== 'run')) return undefined;
  return { kind: second, modelId: first };
}
