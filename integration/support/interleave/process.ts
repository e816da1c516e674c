/**
 * A simulated process: the program in a context of its own, with its own memory and its own queue of promises, so that
 * the scheduler can let it run up to its next step, and another one in between, in one thread and without waiting.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { type Context, createContext, Script } from 'node:vm';
import { type Host, type Offered, ROOT } from './host.js';

const ENTER = new Script('__enter()');
const nodeRequire = createRequire(import.meta.url);

/** What a process finds around it in place of Node. */
export interface Surroundings {
  readonly host: Omit<Host, 'offer'>;
  readonly fs: object;
  /** What `new Date()` is, in milliseconds since 1970. */
  date(): number;
  /** What `Date.now()` is: each process's own wall clock. */
  dateNow(): number;
  /** The next of an endless row of numbers, none twice. */
  random(): number;
  setTimeout(fire: () => void, ms: number): object;
  clearTimeout(timer: object): void;
}

/** Text that the system would tell; all simulated processes are of one machine and one boot. */
export const SYSTEM_FILES: Readonly<Record<string, string>> = {
  '/etc/machine-id': `${'e'.repeat(32)}\n`,
  '/proc/sys/kernel/random/boot_id': 'boot\n',
  '/proc/self/ns/pid': 'pid:[1]',
  '/proc/self/ns/time': 'time:[1]',
};

export class SimulatedProcess {
  readonly #context: Context;
  readonly #pid: number;
  readonly #surroundings: Surroundings;
  #program: Offered | undefined;
  #task: (() => void) | undefined;

  constructor(bundle: Script, pid: number, surroundings: Surroundings) {
    this.#pid = pid;
    this.#surroundings = surroundings;
    this.#context = createContext(this.#globals(), { microtaskMode: 'afterEvaluate' });
    this.#context['global'] = this.#context;
    bundle.runInContext(this.#context);
  }

  get program(): Offered {
    if (this.#program === undefined) throw new TypeError('the program has offered nothing');
    return this.#program;
  }

  /** Does `task` in the process, and everything that follows from it until the process waits. */
  enter(task: () => void): void {
    this.#task = task;
    ENTER.runInContext(this.#context);
  }

  #globals(): Record<string, unknown> {
    const { host, date, dateNow, setTimeout, clearTimeout } = this.#surroundings;
    const module = { exports: {} };
    const offer = (program: Offered): void => {
      this.#program = program;
    };
    return {
      __host: { ...host, offer } satisfies Host,
      __enter: () => this.#task?.(),
      module,
      exports: module.exports,
      require: (id: string) => this.#require(id),
      process: { pid: this.#pid, platform: 'linux', env: {}, cwd: () => ROOT, kill: () => true, listeners: () => [], on: () => undefined },
      setTimeout,
      clearTimeout,
      Date: dateOf(date, dateNow),
      performance: { now: host.now },
      // Errors of the simulated system must be errors to the program.
      Error,
      Buffer,
      Uint8Array,
      TextEncoder,
      TextDecoder,
      URL,
      AbortController,
      AbortSignal,
    };
  }

  #require(id: string): unknown {
    switch (id) {
      case 'node:fs':
        return this.#surroundings.fs;
      case 'node:crypto':
        return {
          createHash,
          randomBytes: (size: number) => this.#randomBytes(size),
          // What the program fills a reserve with: nobody reads it.
          randomFillSync: (to: Buffer) => to.fill(1),
          randomUUID: () => this.#uuid(),
        };
      case 'node:os':
        return { hostname: () => 'explored' };
      default:
        return nodeRequire(id);
    }
  }

  #randomBytes(size: number): Buffer {
    const bytes = Buffer.alloc(size);
    bytes.writeUInt16BE(this.#pid, 0);
    bytes.writeUInt32BE(this.#surroundings.random(), size - 4);
    return bytes;
  }

  #uuid(): string {
    const hex = this.#randomBytes(16).toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }
}

function dateOf(date: () => number, dateNow: () => number): DateConstructor {
  return class extends Date {
    constructor(...args: readonly [] | readonly [number | string | Date]) {
      super(args.length === 0 ? date() : args[0]);
    }

    static override now(): number {
      return dateNow();
    }
  } as unknown as DateConstructor;
}
