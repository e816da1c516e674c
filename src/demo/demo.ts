/** `swamp demo`: the main job in a throw-away repository. Every step is a process of its own, started as a shell would; the verdict is computed from what they acknowledged. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SwampError } from '../errors.js';
import { type Acknowledged, type Deleted, unaccounted } from './account.js';

export interface DemoOptions {
  /** It stops after so many deletes that removed something, ... */
  readonly deletes: number;
  /** ... or after this long, whichever is first. */
  readonly seconds: number;
  readonly writers: number;
  readonly signal: AbortSignal;
  /** Called about ten times a second with the state so far. */
  readonly onProgress: (state: DemoState) => void;
}

export interface DemoState {
  readonly elapsedMs: number;
  /** At most, and by the pace of the deletes so far. */
  readonly leftMs: number;
  /** Versions acknowledged. */
  readonly versions: number;
  /** Deletes acknowledged; `won` of them found something. */
  readonly deletes: number;
  readonly won: number;
  readonly errors: number;
  /** Waits that were reported on stderr. */
  readonly waits: number;
  /** The slowest command so far, start-up and all. */
  readonly slowestMs: number;
}

export interface DemoResult {
  readonly versions: number;
  readonly deletes: number;
  readonly deletesWon: number;
  readonly waits: number;
  readonly errors: number;
  readonly slowestMs: number;
  readonly seconds: number;
  /** What it stopped at: `deletes`, all that were asked for were made; `seconds`, the time was up before. */
  readonly stoppedBy: 'deletes' | 'seconds';
  /** What went wrong, one sentence each; empty when all is well. */
  readonly problems: readonly string[];
  readonly verdict: 'passed' | 'failed';
}

const MODEL = 'demo';
const ARTIFACT = 'result';
/** A command that takes longer hangs. Milliseconds. */
const COMMAND_LIMIT_MS = 120_000;

/** Throws the signal's reason when interrupted; the repository is removed in every case. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const dir = mkdtempSync(join(tmpdir(), 'swamp-demo-'));
  try {
    return await new Demo(dir, options).run();
  } finally {
    // Our own throw-away directory, and none of our processes is left in it.
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

class Demo {
  readonly #dir: string;
  readonly #options: DemoOptions;
  readonly #started = performance.now();
  readonly #versions: Acknowledged[] = [];
  readonly #deleted: Deleted[] = [];
  readonly #problems: string[] = [];
  #waits = 0;
  #slowestMs = 0;
  #stopped = false;

  constructor(dir: string, options: DemoOptions) {
    this.#dir = dir;
    this.#options = options;
  }

  async run(): Promise<DemoResult> {
    await this.#must(['repo', 'init', '.']);
    await this.#must(['model', 'create', 'store', MODEL]);
    await this.#put(0, 0);
    const ticker = setInterval(() => this.#options.onProgress(this.#state()), 100);
    try {
      const writers = Array.from({ length: this.#options.writers }, (_, i) => this.#write(i + 1));
      await this.#delete();
      this.#stopped = true;
      await Promise.all(writers);
    } finally {
      this.#stopped = true;
      clearInterval(ticker);
    }
    this.#options.signal.throwIfAborted();
    const stoppedBy = this.#won >= this.#options.deletes ? 'deletes' : 'seconds';
    const { versions, deletes, won, slowestMs, waits, elapsedMs } = this.#state();
    await this.#audit();
    const problems = [...new Set(this.#problems)];
    return {
      versions,
      deletes,
      deletesWon: won,
      waits,
      errors: this.#problems.length,
      slowestMs,
      seconds: Math.round(elapsedMs / 1000),
      stoppedBy,
      problems,
      verdict: problems.length === 0 ? 'passed' : 'failed',
    };
  }

  #state(): DemoState {
    const won = this.#won;
    const elapsedMs = performance.now() - this.#started;
    return {
      elapsedMs,
      leftMs: leftMs({ ...this.#options, won, elapsedMs }),
      versions: this.#versions.length,
      deletes: this.#deleted.length,
      won,
      errors: this.#problems.length,
      waits: this.#waits,
      slowestMs: Math.round(this.#slowestMs),
    };
  }

  /** Deletes that removed something: one that finds nothing has met no writer. */
  get #won(): number {
    return this.#deleted.filter((item) => item.versions > 0).length;
  }

  async #write(writer: number): Promise<void> {
    for (let i = 1; !this.#done(); i++) await this.#put(writer, i);
  }

  async #put(writer: number, i: number): Promise<void> {
    const done = await this.#swamp(['data', 'put', MODEL, ARTIFACT], `writer ${writer}, version ${i}\n`);
    if (done.code !== 0) return;
    const { version, generation } = JSON.parse(done.stdout) as { version: number; generation: number };
    this.#versions.push({ version, generation, startedAt: done.startedAt, endedAt: done.endedAt });
  }

  /** The tight loop. Ends when the number of deletes is reached, or the time is up. */
  async #delete(): Promise<void> {
    const { seconds, deletes } = this.#options;
    const enough = (): boolean => this.#won >= deletes || performance.now() - this.#started >= seconds * 1000;
    while (!this.#done() && !enough()) {
      const done = await this.#swamp(['data', 'delete', MODEL, ARTIFACT, '--force']);
      if (done.code !== 0) continue;
      const { versionsDeleted } = JSON.parse(done.stdout) as { versionsDeleted: number };
      this.#deleted.push({ versions: versionsDeleted, startedAt: done.startedAt, endedAt: done.endedAt });
    }
  }

  #done(): boolean {
    return this.#stopped || this.#options.signal.aborted || this.#problems.length >= MOST_PROBLEMS;
  }

  /** Every acknowledged version is there, or a later delete took it; check is clean; no lock is left. */
  async #audit(): Promise<void> {
    const listed = await this.#swamp(['data', 'versions', MODEL, ARTIFACT], undefined, [0, 66]);
    const there = listed.code === 0 ? (JSON.parse(listed.stdout) as { versions: { version: number }[] }).versions.map((item) => item.version) : [];
    this.#problems.push(...unaccounted(this.#versions, this.#deleted, there));
    await this.#swamp(['datastore', 'check']);
    const locks = await this.#swamp(['datastore', 'lock', 'status']);
    if (locks.code === 0 && (JSON.parse(locks.stdout) as { locks: unknown[] }).locks.length > 0) this.#problems.push(`a lock is left: ${locks.stdout.trim()}`);
  }

  async #must(args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.#swamp(args);
    if (code !== 0) throw new SwampError('internal', `"swamp ${args.join(' ')}" failed: ${stderr.trim()}`);
  }

  /** Runs one command to its end and counts it; any other exit code than those expected is a problem. */
  async #swamp(args: readonly string[], stdin?: string, expected: readonly number[] = [0]): Promise<Finished> {
    const done = await runCommand(this.#dir, args, stdin, this.#options.signal);
    this.#slowestMs = Math.max(this.#slowestMs, done.endedAt - done.startedAt);
    this.#waits += done.stderr.split('Waiting for').length - 1;
    if (!this.#options.signal.aborted && (done.code === null || !expected.includes(done.code))) {
      this.#problems.push(`"swamp ${args.join(' ')}" ended with ${done.code ?? 'a signal'}: ${done.stderr.trim().split('\n').at(-1) ?? ''}`);
    }
    return done;
  }
}

/** What is left: of the time, or, where that is less, of the deletes at their pace so far. */
export function leftMs(state: Pick<DemoOptions, 'deletes' | 'seconds'> & Pick<DemoState, 'won' | 'elapsedMs'>): number {
  const { deletes, seconds, won, elapsedMs } = state;
  const ofTime = seconds * 1000 - elapsedMs;
  const ofDeletes = won === 0 ? ofTime : ((deletes - won) / won) * elapsedMs;
  return Math.max(0, Math.min(ofTime, ofDeletes));
}

/** So many problems end the demo early: it has failed. */
const MOST_PROBLEMS = 20;

function runCommand(cwd: string, args: readonly string[], stdin: string | undefined, signal: AbortSignal): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(process.execPath, [process.argv[1] ?? '', ...args, '--json', '--repo-dir', '.'], {
      cwd,
      // Counts the waits, also those that are too short to be reported to a person.
      env: { ...process.env, SWAMP_NOTICE_MS: '100' },
      stdio: 'pipe',
      timeout: COMMAND_LIMIT_MS,
      signal,
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    // A command that refuses early does not read its input.
    child.stdin.on('error', () => undefined).end(stdin ?? '');
    child.on('error', (error) => (signal.aborted ? undefined : reject(error)));
    child.on('close', (code) => resolve({ code, ...output, startedAt, endedAt: performance.now() }));
  });
}
