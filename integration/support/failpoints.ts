/** Stops processes at named points of the program, and lets them go: the only way a test here makes an order of events. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestRepo } from './repo.js';
import { type Running, run, type StartOptions } from './swamp.js';
import { until } from './until.js';

/** The points of one process. */
export class Pauses {
  readonly env: Readonly<Record<string, string>>;
  readonly #dir: string;
  readonly #points: readonly string[];

  /** `points`: `write.entered`, or `fs.rename#2` for the second hit. `marks` are passed without a stop, and told by `reached`. */
  constructor(repo: TestRepo, points: readonly string[], marks: readonly string[] = []) {
    this.#dir = mkdtempSync(join(repo.base, 'points-'));
    this.#points = [...points, ...marks].map(nameOf);
    this.env = { SWAMP_FAILPOINTS: [...points, ...marks].map((point) => `${point}=pause`).join(','), SWAMP_FAILPOINT_DIR: this.#dir };
    for (const mark of marks) this.go(mark);
  }

  reached(point: string): boolean {
    return existsSync(join(this.#dir, `${this.#known(point)}.reached`));
  }

  /** Resolves when the process stands at the point; fails when it ends first. */
  async at(point: string, running: Running): Promise<void> {
    await until(
      `${running.title} is at ${point}`,
      () =>
        this.reached(point) ||
        (running.hasExited() && !this.reached(point) ? Promise.reject(new Error(`${running.title} ended before ${point}\n${running.stderr()}`)) : false),
      { watch: [this.#dir], detail: () => running.stderr() },
    );
  }

  /** Lets the process go on. */
  go(point: string): void {
    writeFileSync(join(this.#dir, `${this.#known(point)}.go`), '');
  }

  #known(point: string): string {
    const name = nameOf(point);
    if (!this.#points.includes(name)) throw new Error(`no rule names ${point}`);
    return name;
  }
}

function nameOf(point: string): string {
  return point.startsWith('#') ? point : point.replace(/#[0-9]+$/, '');
}

/** The points that `swamp` with these arguments passes, in order; the last of `times` runs counts. */
export async function traceOf(repo: TestRepo, args: readonly string[], options: StartOptions & { readonly times?: number } = {}): Promise<string[]> {
  const { times = 1, ...rest } = options;
  for (let i = 1; i < times; i++) await run(repo, args, rest);
  const file = join(mkdtempSync(join(repo.base, 'trace-')), 'points');
  await run(repo, args, { ...rest, env: { ...rest.env, SWAMP_FAILPOINT_TRACE: file } });
  return readFileSync(file, 'utf8').split('\n').filter(Boolean);
}
