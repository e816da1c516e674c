/** Stands for those modules of Node whose promises must belong to the simulated process. */
import { closeSync, fstatSync, fsyncSync, openSync, readdirSync, type Stats, writeFileSync } from 'node:fs';
import type { Host } from '../host.js';

declare const __host: Host;

export const host: Host = __host;

// node:fs/promises

class Handle {
  readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  async writeFile(data: string | Uint8Array): Promise<void> {
    writeFileSync(this.fd, data);
  }

  async sync(): Promise<void> {
    fsyncSync(this.fd);
  }

  async stat(): Promise<Stats> {
    return fstatSync(this.fd);
  }

  async close(): Promise<void> {
    closeSync(this.fd);
  }
}

export async function open(path: string, flags: string | number): Promise<Handle> {
  return new Handle(openSync(path, flags));
}

export async function opendir(path: string): Promise<Iterable<unknown>> {
  return readdirSync(path, { withFileTypes: true });
}

// node:timers/promises

export async function setImmediate(): Promise<void> {}

export async function setTimeout(): Promise<void> {}

// node:util

export const types = {
  isUint8Array: (value: unknown): value is Uint8Array => Object.prototype.toString.call(value) === '[object Uint8Array]',
};

/** Only for named pipes. */
export async function copyFile(): Promise<never> {
  throw new TypeError('not simulated');
}

export function promisify(): () => Promise<never> {
  return async () => {
    throw new TypeError('not simulated');
  };
}

// node:stream

/** One producer, one consumer, no limit. */
export class PassThrough {
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  write(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    this.#wake?.();
    return true;
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  destroy(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }

  resume(): void {}

  on(): this {
    return this;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#error !== undefined) throw this.#error;
      else if (this.#ended) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
