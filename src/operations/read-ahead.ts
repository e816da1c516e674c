/** Reads a stream ahead, up to a limit: what has come can be taken together, and nothing waits for what has not. */
import { setImmediate as turn } from 'node:timers/promises';

export interface ReadAheadOptions<T> {
  /** So many items are held at most, and so many bytes; one item more than that is not too much. */
  readonly most: number;
  readonly mostBytes: number;
  readonly sizeOf: (item: T) => number;
  readonly signal: AbortSignal;
}

type Items<T> = AsyncIterable<T> | Iterable<T>;

/** One reader takes from it, until it leaves. */
export class ReadAhead<T> {
  readonly #options: ReadAheadOptions<T>;
  readonly #iterator: AsyncIterator<T> | Iterator<T>;
  readonly #come: { readonly item: T; readonly size: number }[] = [];
  #bytes = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #reading = false;
  /** Called when something has come, or cannot come any more. */
  #wake: (() => void) | undefined;

  constructor(items: Items<T>, options: ReadAheadOptions<T>) {
    this.#options = options;
    this.#iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  }

  /** Waits for an item; false at the end. Throws what the source throws once all before it is taken, and the reason of the signal. */
  async some(): Promise<boolean> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    this.#read();
    if (this.#come.length === 0 && !this.#ended) {
      await new Promise<void>((resolve, reject) => {
        const abort = (): void => reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        this.#wake = () => {
          signal.removeEventListener('abort', abort);
          resolve();
        };
      });
    }
    // What has come with it is taken with it.
    await turn();
    if (this.#come.length > 0) return true;
    if (this.#failure !== undefined) throw this.#failure.error;
    return false;
  }

  /** The first that has come and was not taken; undefined where there is none now. */
  next(): T | undefined {
    return this.#come[0]?.item;
  }

  /** Takes the first one; its size. */
  take(): number {
    const { size = 0 } = this.#come.shift() ?? {};
    this.#bytes -= size;
    this.#read();
    return size;
  }

  /** No more is read. The source is notified, and not waited for: one that has nothing to give would not answer. */
  leave(): void {
    if (!this.#ended) this.#end().catch(() => undefined);
    this.#ended = true;
  }

  async #end(): Promise<void> {
    await this.#iterator.return?.();
  }

  #read(): void {
    if (this.#reading || this.#ended) return;
    this.#reading = true;
    void this.#fill().finally(() => {
      this.#reading = false;
      this.#wake?.();
    });
  }

  async #fill(): Promise<void> {
    const { most, mostBytes, sizeOf } = this.#options;
    try {
      while (!this.#ended && this.#come.length < most && this.#bytes < mostBytes) {
        const next = await this.#iterator.next();
        if (next.done === true) this.#ended = true;
        else if (!this.#ended) {
          const size = sizeOf(next.value);
          this.#come.push({ item: next.value, size });
          this.#bytes += size;
        }
        this.#wake?.();
      }
    } catch (error) {
      this.#ended = true;
      this.#failure = { error };
    }
  }
}
