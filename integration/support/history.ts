/**
 * Makes a history: eight workers, each a process of its own, that are stopped, woken, killed and started again at random,
 * anywhere or at a named point of the program; then what lies on disk is checked and read, and the history is judged.
 */
import assert from 'node:assert/strict';
import { closeSync, cpSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type OpenRepo, openRepo, SwampError } from '../../src/index.js';
import type { Violation } from './account.js';
import type { Edit } from './edits.js';
import { Pauses } from './failpoints.js';
import { judge } from './judge.js';
import { buildMutant } from './mutant.js';
import { sharedClock } from './program.js';
import { type Random, randomFrom, seedOfThisRun } from './random.js';
import {
  AUDIT,
  append,
  appendCall,
  appendReturn,
  countReturns,
  EVENTS,
  type Event,
  type History,
  logOf,
  type Op,
  type Operations,
  PLACES,
  readHistory,
  SHELL_MODEL,
  WORLD,
} from './record.js';
import { check, createModel, type TestRepo, tempRepo } from './repo.js';
import { readWhole } from './seen.js';
import { ROOT, type Running, run, startProgram } from './swamp.js';

export interface HistoryOptions {
  readonly seconds: number;
  /** A slow disk gets up to three times as long for so many operations. */
  readonly operations?: number;
  /** The bundle that the workers import; the one shipped unless told. */
  readonly library?: string;
  /** Every life ends, or is stopped, early at this point of the program; else at any or none. */
  readonly aim?: Aim;
}

interface Aim {
  readonly what: 'kill' | 'stop';
  readonly point: string;
}

export interface Outcome {
  readonly seed: string;
  readonly violations: readonly Violation[];
  readonly figures: string;
}

const WORKERS = 8;
const TTL_MS = 2_000;
const ENVIRONMENT = { SWAMP_LOCK_TTL_MS: String(TTL_MS) };
const LIBRARY = join(ROOT, 'dist/index.js');
/** Tells its token, sleeps, tells it again, and fails when it is told to. */
const METHOD = 'echo "$TOKEN"; sleep "$PAUSE"; echo "$TOKEN ends"; exit "$EXIT"';

/** Where a worker is killed or stopped on purpose: around each commit, and where locks change hands. */
const POINTS = [
  'stage.complete',
  'enter.before-fence',
  'enter.before-second-look',
  'write.entered',
  'put.before-commit',
  'write.committed',
  'restructure.after-first-drain',
  'restructure.before-closed',
  'restructure.closed',
  'delete.before-commit',
  'outputs.before-run-fence',
  'outputs.before-intent',
  'intent.published',
  'steps.out',
  'sweep.one',
] as const;

/** Makes a history with the program as it is, and fails unless it is clean; then the history is kept, and the path told. */
export async function cleanHistory(t: TestContext, options: HistoryOptions): Promise<void> {
  const seed = seedOfThisRun();
  t.diagnostic(`SWAMP_SEED=${seed}`);
  const repo = await tempRepo(t, { env: ENVIRONMENT });
  let outcome: Outcome;
  try {
    outcome = await makeHistory(repo, options, seed);
  } catch (error) {
    throw new Error(`The history of SWAMP_SEED=${seed} broke off; it is kept in ${keep(repo, seed, [])}`, { cause: error });
  }
  const { figures, violations } = outcome;
  t.diagnostic(figures);
  if (violations.length === 0) return;
  const kept = keep(repo, seed, violations);
  const told = violations.slice(0, 20).map(({ kind, message }) => `${kind}: ${message}`);
  assert.fail(`SWAMP_SEED=${seed}: ${figures}\nThe history is kept in ${kept}\n${told.join('\n')}`);
}

/**
 * The kinds of what is wrong with histories of a program that is broken on purpose: of the first one with which something
 * is. Several are tried, since chance may spare one.
 */
export async function brokenHistory(t: TestContext, edits: readonly Edit[], options: HistoryOptions): Promise<ReadonlySet<Violation['kind']>> {
  const mutant = mkdtempSync(join(tmpdir(), 'swamp-mutant-'));
  t.after(() => rmSync(mutant, { recursive: true, force: true }));
  const library = await buildMutant(mutant, edits, 'src/index.ts');
  for (let tried = 0; tried < TRIES; tried++) {
    const repo = await tempRepo(t, { env: ENVIRONMENT, check: false });
    const { violations, figures } = await makeHistory(repo, { ...options, library });
    t.diagnostic(`${figures}\n${violations[0]?.kind}: ${violations[0]?.message}`);
    if (violations.length > 0) return new Set(violations.map(({ kind }) => kind));
  }
  return new Set();
}

const TRIES = 4;
const MOST_MORE = 40;

export async function makeHistory(repo: TestRepo, options: HistoryOptions, seed = seedOfThisRun()): Promise<Outcome> {
  const directory = historyOf(repo);
  mkdirSync(directory);
  for (const model of Object.keys(WORLD)) await createModel(repo, model, model === SHELL_MODEL ? METHOD : undefined);
  const bed = new Bed(repo, directory, seed, options);
  const began = performance.now();
  await bed.work();
  const seconds = (performance.now() - began) / 1_000;
  const violations = [...bed.failures.map((message): Violation => ({ kind: 'failed', message })), ...(await settle(repo, directory))];
  await audit(repo, directory);
  const history = readHistory(directory);
  violations.push(...judge(history));
  return { seed, violations, figures: figuresOf(seed, history, seconds, violations.length) };
}

interface Stop {
  readonly points: Pauses;
  readonly point: string;
}

/** What is to become of one life, and the environment that brings it about. */
interface Fate {
  readonly why: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stop?: Stop;
}

/** The processes at work, and what is done to them. */
class Bed {
  /** What a worker told instead of working. */
  readonly failures: string[] = [];
  readonly #repo: TestRepo;
  readonly #directory: string;
  readonly #seed: string;
  readonly #library: string;
  readonly #aim: Aim | undefined;
  readonly #ms: number;
  readonly #operations: number;
  readonly #random: Random;
  readonly #events: number;
  readonly #over = new AbortController();
  /** Who works now, by life. */
  readonly #working = new Map<string, Running>();
  readonly #stopped = new Set<string>();

  constructor(repo: TestRepo, directory: string, seed: string, { library = LIBRARY, aim, seconds, operations = 0 }: HistoryOptions) {
    this.#repo = repo;
    this.#directory = directory;
    this.#seed = seed;
    this.#library = library;
    this.#aim = aim;
    this.#ms = seconds * 1_000;
    this.#operations = operations;
    this.#random = randomFrom(`${seed} bed`);
    this.#events = openSync(join(directory, EVENTS), 'a');
  }

  async work(): Promise<void> {
    const workers = Array.from({ length: WORKERS }, (_, i) => this.#keepWorking(i + 1));
    const doings = [this.#now('kill'), this.#now('stop')];
    await delay(this.#ms);
    for (let more = 0; more < MOST_MORE && countReturns(this.#directory) < this.#operations; more++) await delay((2 * this.#ms) / MOST_MORE);
    this.#over.abort();
    await Promise.all(doings);
    for (const running of this.#working.values()) running.closeStdin();
    await Promise.all(workers);
    closeSync(this.#events);
  }

  #note(life: string, what: Event['what'], why?: string): void {
    append(this.#events, { at: sharedClock(), life, what, ...(why === undefined ? {} : { why }) } satisfies Event);
  }

  /** One life after the other. */
  async #keepWorking(worker: number): Promise<void> {
    for (let number = 1; !this.#over.signal.aborted; number++) {
      const life = `${worker}.${number}`;
      const fate = this.#fate();
      const running = startProgram(this.#repo, 'historian', [this.#library, logOf(this.#directory, life), life, this.#seed], {
        stdin: 'open',
        env: fate.env,
        timeoutMs: 3 * this.#ms + 90_000,
      });
      this.#note(life, 'start', fate.why);
      this.#working.set(life, running);
      const stopping = fate.stop === undefined ? undefined : this.#stopAt(life, running, fate.stop);
      const { code, signal, stderr } = await running.exited;
      this.#working.delete(life);
      this.#note(life, signal === 'SIGKILL' ? 'dead' : 'end');
      if (signal !== 'SIGKILL' && code !== 0) this.failures.push(`${life} ended with ${code ?? signal}\n${stderr}`);
      await stopping;
      await this.#pause(this.#random.below(300));
    }
  }

  /** Some are to die, and some to be stopped, at a point of the program itself: between two steps that lie close together. */
  #fate(): Fate {
    const chosen = this.#aim?.what ?? this.#random.weighted({ luck: 35, kill: 25, count: 15, stop: 25 });
    const point = this.#aim === undefined ? `${this.#random.pick(POINTS)}#${this.#random.between(1, 12)}` : `${this.#aim.point}#${this.#random.between(1, 3)}`;
    if (chosen === 'luck') return { why: chosen, env: {} };
    if (chosen === 'stop') {
      const points = new Pauses(this.#repo, [point]);
      return { why: `${point}=stop`, env: points.env, stop: { points, point } };
    }
    const rule = chosen === 'kill' ? `${point}=kill` : `#${this.#random.between(1, 4_000)}=kill`;
    return { why: rule, env: { SWAMP_FAILPOINTS: rule } };
  }

  /** Now and then one of them, wherever it is. */
  async #now(what: 'kill' | 'stop'): Promise<void> {
    while (!this.#over.signal.aborted) {
      await this.#pause(what === 'kill' ? this.#random.between(300, 4_000) : this.#random.between(100, 1_500));
      const lives = [...this.#working].filter(([life]) => !this.#stopped.has(life));
      if (lives.length === 0 || this.#over.signal.aborted) continue;
      const [life, running] = this.#random.pick(lives);
      if (what === 'stop') await this.#stop(life, running, this.#random.chance(0.5) ? this.#random.between(5, 400) : this.#random.between(TTL_MS, 2 * TTL_MS));
      else {
        this.#note(life, 'kill');
        running.kill('SIGKILL');
      }
    }
  }

  /** The process waits at the point with its heart beating; then it is stopped there, for longer than a lock lasts. */
  async #stopAt(life: string, running: Running, { points, point }: Stop): Promise<void> {
    while (!points.reached(point)) {
      if (running.hasExited() || this.#over.signal.aborted) {
        points.go(point);
        return;
      }
      await this.#pause(20);
    }
    const stopped = this.#stop(life, running, this.#random.between(TTL_MS, 2 * TTL_MS), point);
    points.go(point);
    await stopped;
  }

  /** Others go on meanwhile, and take what it holds once it counts as stale. */
  async #stop(life: string, running: Running, ms: number, why?: string): Promise<void> {
    if (this.#stopped.has(life)) return;
    this.#stopped.add(life);
    this.#note(life, 'stop', why);
    running.kill('SIGSTOP');
    await this.#pause(ms);
    running.kill('SIGCONT');
    this.#note(life, 'go');
    this.#stopped.delete(life);
  }

  /** Ends early when all is over. */
  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#over.signal }).catch((error: unknown) => {
      if (!this.#over.signal.aborted) throw error;
    });
  }
}

/** What lies on disk is sound; what is pending goes with one sweep; and what runs say they kept is there. */
async function settle(repo: TestRepo, directory: string): Promise<Violation[]> {
  const violations: Violation[] = [];
  const attempt = async (act: () => Promise<unknown>): Promise<void> => {
    await act().catch((error: unknown) => {
      if (!(error instanceof assert.AssertionError)) throw error;
      violations.push({ kind: 'left', message: error.message });
    });
  };
  await attempt(() => check(repo, 'allowed'));
  for (const { token, error } of readHistory(directory).entries) {
    const kept = error?.data['kept'];
    if (typeof kept === 'string' && !existsSync(isAbsolute(kept) ? kept : join(repo.dir, kept)))
      violations.push({ kind: 'vanished', message: `${token} was told that its outputs are kept in ${kept}, and they are not there` });
  }
  await attempt(() => run(repo, ['datastore', 'sweep', '--kept'], { timeoutMs: 60_000 }));
  await attempt(() => check(repo));
  return violations;
}

/** The last calls of a history: everything that is there. */
async function audit(repo: TestRepo, directory: string): Promise<void> {
  const opened = openRepo(repo.dir);
  const descriptor = openSync(logOf(directory, AUDIT), 'a');
  let number = 0;
  const record = async <K extends Op>(
    op: K,
    call: Operations[K]['call'],
    go: () => Promise<Operations[K]['answer']>,
  ): Promise<Operations[K]['answer'] | undefined> => {
    const token = `${AUDIT}.${++number}`;
    appendCall(descriptor, token, op, call);
    try {
      const answer = await go();
      appendReturn(descriptor, token, { answer });
      return answer;
    } catch (error) {
      if (!(error instanceof SwampError)) throw error;
      appendReturn(descriptor, token, { error: { code: error.code, message: error.message, data: error.data, stalledMs: 0 } });
      return undefined;
    }
  };
  for (const place of PLACES) {
    const found = await record('versions', place, () => versionsOf(opened, place));
    for (const [version] of found?.versions ?? []) await record('get', { ...place, version }, () => readWhole(opened, { ...place, version, verify: true }));
    await record('get', place, () => readWhole(opened, place));
  }
  closeSync(descriptor);
}

async function versionsOf(repo: OpenRepo, place: Operations['versions']['call']): Promise<Operations['versions']['answer']> {
  return { versions: (await repo.data.versions(place)).versions.map(({ version, checksum }) => [version, checksum] as const).toReversed() };
}

function figuresOf(seed: string, { entries, events }: History, seconds: number, failures: number): string {
  const calls = entries.filter(({ token }) => !token.startsWith(`${AUDIT}.`));
  const answered = calls.filter(({ answer, error }) => answer !== undefined || error !== undefined);
  const many = (what: Event['what']): number => events.filter((event) => event.what === what).length;
  const refused = (code: string): number => entries.filter(({ error }) => error?.code === code).length;
  const each = [...new Set(calls.map(({ op }) => op))].sort().map((op) => `${op} ${calls.filter((entry) => entry.op === op).length}`);
  return [
    `seed ${seed}: ${answered.length} operations in ${seconds.toFixed(0)} s (${Math.round(answered.length / seconds)} a second), ${failures} failures`,
    `${many('dead')} kills, ${many('stop')} stops, ${calls.length - answered.length} calls cut off, ${refused('conflict')} conflicts, ${refused('lock_lost')} runs that lost their lock`,
    each.join(', '),
  ].join('; ');
}

function historyOf(repo: TestRepo): string {
  return join(repo.base, 'history');
}

/** Copies the history, what is wrong with it, and the repository to build/. */
function keep(repo: TestRepo, seed: string, violations: readonly Violation[]): string {
  const directory = join(ROOT, 'build', `history-${seed.replace(/[^A-Za-z0-9_-]/g, '_')}`);
  rmSync(directory, { recursive: true, force: true });
  cpSync(historyOf(repo), directory, { recursive: true });
  cpSync(repo.dir, join(directory, 'repo'), { recursive: true, verbatimSymlinks: true });
  writeFileSync(join(directory, 'violations.txt'), violations.map(({ kind, message }) => `${kind}: ${message}\n`).join(''));
  return directory;
}
