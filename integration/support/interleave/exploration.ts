/** What the short and the long form of the exploration ask of the explorer, which works in a thread of its own (explorer.ts). */
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Scenario } from './laboratory.js';
import type { Mutation } from './mutations.js';

export interface Walk {
  readonly scenarios: readonly Scenario[];
  readonly interventions: number;
  /** The most that are run of one scenario; all, when it is left out. */
  readonly schedules?: number;
}

export type Job =
  /** Every schedule within the bound, of every scenario given: none may break anything. */
  | ({ readonly kind: 'walk' } & Walk)
  /** `schedules` random ones of every scenario given. */
  | { readonly kind: 'wander'; readonly seed: string; readonly scenarios: readonly Scenario[]; readonly schedules: number }
  /** The mutation must be found within two interventions, and break what it says. */
  | { readonly kind: 'find'; readonly mutation: Mutation }
  /** What SWAMP_SCHEDULE says once more, step by step. */
  | { readonly kind: 'again'; readonly text: string };

/** Throws what the explorer throws: an AssertionError with the schedule that breaks something, or that nothing was found. */
export async function explore(t: TestContext, job: Job): Promise<void> {
  const worker = new Worker(new URL('./explorer.js', import.meta.url), { workerData: job });
  const stop = (): void => void worker.terminate();
  t.signal.addEventListener('abort', stop, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (line: string) => t.diagnostic(line));
      worker.on('error', reject);
      worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the explorer ended with ${code}`))));
    });
  } finally {
    t.signal.removeEventListener('abort', stop);
  }
}
