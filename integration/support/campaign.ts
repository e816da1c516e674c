/**
 * Every system call is a crash point: a command is run under strace once for each call of its that changes something, killed
 * there, and again with ENOSPC and EIO there. What must hold after each is judged here, for every command alike.
 */
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { CODES, type ErrorCode, type OpenRepo, openRepo, SwampError } from '../../src/index.js';
import { readFence } from '../../src/locks/fence.js';
import { listLocks } from '../../src/locks/survey.js';
import { MARKER } from '../../src/repo.js';
import { errorOf } from './errors.js';
import { copyRepo, type TestRepo, tempRepo } from './repo.js';
import { breakAt, type Command, type Fault, type Fresh, nameless, type Point, tracePoints } from './strace.js';
import { type Result, run } from './swamp.js';

export interface Verb {
  readonly title: string;
  /** As the table of commands has it. */
  readonly verb: string;
  /** What follows it; a function where it depends on the repository's place. */
  readonly args: readonly string[] | ((repo: TestRepo) => readonly string[]);
  readonly stdin?: string;
  /** What is there before. */
  readonly prepare: (repo: TestRepo) => Promise<void>;
  /** `prepare` leaves no repository. */
  readonly bare?: true;
  /** What it takes away. Each is there as it was, or gone. */
  readonly takes?: readonly Taken[];
  /** Codes with which a second run may end when the first had its effect already. */
  readonly again?: readonly ErrorCode[];
  /** Throws unless the command had its effect. */
  readonly done: (repo: TestRepo) => Promise<void>;
  /** With a warning it may end well and have left some of it undone. */
  readonly mayLeaveSome?: true;
  /** Throws when half of the effect can be seen. */
  readonly whole?: (repo: TestRepo) => Promise<void>;
}

/** A version, an artifact, or a model with everything in it. */
export interface Taken {
  readonly model: string;
  readonly name?: string;
  readonly version?: number;
  /** Something else may stand in its place then, under the same numbers. */
  readonly replaced?: true;
}

/** A version that could be read and was whole. */
interface Known {
  readonly modelId: string;
  readonly model: string;
  readonly name: string;
  readonly version: number;
  readonly checksum: string;
}

/** What is there before the command. */
export interface Before {
  readonly known: readonly Known[];
  /** Of held locks. */
  readonly locks: readonly string[];
  /** Kinds. */
  readonly pending: readonly string[];
}

export const FAULTS: readonly Fault[] = ['kill', 'ENOSPC', 'EIO'];
const CODE_OF: Readonly<Record<string, ErrorCode>> = { ENOSPC: 'no_space', EIO: 'io' };
const GONE: readonly ErrorCode[] = ['model_not_found', 'data_not_found', 'version_not_found'];
/** Pending things that no next command mends by itself. */
const WANTS_HELP = ['kept', 'orphan_model'];
/** A second run has nobody to wait for: the holder is found dead by its pid, long before the ttl of 30 s. */
const AT_ONCE_MS = 5_000;

const WARNING = /^swamp: warning: |"level":"warning"/m;
/** Who holds and who waits is written for people alone: an error of these costs nothing, and is not told. */
const ADVISORY = /holder\.json|\/queues\//;

/** Which points: each so-manieth, of those whose label matches. */
export interface Sample {
  readonly every?: number;
  readonly at?: RegExp;
}

/** Breaks each point of the command, or a sample of them, with each fault. Fails with everything that went wrong. */
export async function campaign(t: TestContext, verb: Verb, { every = 1, at = /^/ }: Sample = {}): Promise<void> {
  const origin = await tempRepo(t, verb.bare === true ? { check: false } : { pending: 'allowed' });
  await verb.prepare(origin);
  const before = await lookAt(origin);
  const fresh = (): Fresh => {
    const repo = copyRepo(origin);
    return { repo, scope: dirname(repo.dir), command: commandOf(verb, repo) };
  };
  const traced = fresh();
  const points = (await tracePoints(traced)).filter(({ label }) => at.test(label));
  assert.ok(points.length > 0, `no point is ${at}`);
  await verb.done(traced.repo);
  const failures = new Map<string, string[]>();
  for (const [f, fault] of FAULTS.entries()) {
    const outcomes = new Map<string, number>();
    for (const [i, point] of points.entries()) {
      // Another fault is tried at other points: more of them are looked at.
      if ((i + f) % every !== 0) continue;
      const where = `${fault} at ${i + 1} of ${points.length}: ${point.thread} ${point.label} #${point.occurrence}`;
      const outcome = await tryPoint(verb, point, fault, fresh, before).catch((error: unknown) => {
        const message = nameless(error instanceof Error ? error.message : String(error));
        failures.set(message, [...(failures.get(message) ?? []), where]);
        return 'WRONG';
      });
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    const told = [...outcomes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([outcome, count]) => `${count} ${outcome}`);
    t.diagnostic(`${verb.title}: ${points.length} points, ${fault}: ${told.join(', ')}`);
  }
  if (failures.size > 0) assert.fail([...failures].map(([message, places]) => `${places.join('\n')}\n${message}`).join('\n\n'));
}

/** The outcome of the run that was broken, in a few words. Throws when something is wrong afterwards. */
async function tryPoint(verb: Verb, point: Point, fault: Fault, fresh: () => Fresh, before: Before): Promise<string> {
  const used: string[] = [];
  try {
    const broken = await breakAt(point, fault, () => {
      const made = fresh();
      used.push(made.scope);
      return made;
    });
    if (broken === undefined) throw new Error('the point was not to be hit');
    return await judge(verb, { ...broken, fault, point }, before);
  } finally {
    for (const scope of used) rmSync(scope, { recursive: true, force: true, maxRetries: 3 });
  }
}

export function commandOf({ verb, args, stdin = '' }: Verb, repo: TestRepo): Command {
  const rest = typeof args === 'function' ? args(repo) : args;
  return { args: ['--json', ...verb.split(' '), ...rest], options: { stdin } };
}

/** A run that was broken: at a system call, or at a named point without one. */
interface Broken {
  readonly repo: TestRepo;
  readonly result: Result;
  readonly fault: Fault;
  readonly point?: Point;
}

/** The outcome, in a few words. Throws unless what is left is whole, a second run succeeds at once, and nothing stays pending after a sweep. */
export async function judge(verb: Verb, broken: Broken, before: Before): Promise<string> {
  const { repo, result } = broken;
  const ending = endingOf(broken);
  const kept = keptBy(repo, result);
  const allowed = { ...before, pending: [...before.pending, ...kept] };
  const seen = isRepo(repo) ? await expectWhole(verb, broken, allowed) : before.known;
  if (result.code === 0 && !(verb.mayLeaveSome && WARNING.test(result.stderr))) await during('right after it succeeded', () => verb.done(repo));
  const effect = await hadEffect(verb, repo);
  const outcome = effect && result.code !== 0 ? `${ending} after its effect` : ending;
  const code = await runAgain(verb, repo, effect);
  await during('after a second run', async () => {
    await verb.done(repo);
    await expectNoFindings(repo);
    await expectKnown(repo, before.known, verb.takes ?? []);
    await expectKnown(repo, seen, verb.takes ?? []);
  });
  await during('going on', () => expectGoingOn(repo, [...before.known, ...seen]));
  await during('after a sweep', async () => {
    await openRepo(repo.dir).datastore.sweep();
    assert.deepEqual(await expectNoFindings(repo), kept, 'something is pending');
  });
  return code === 0 ? outcome : `${outcome}, then ${code}`;
}

/** What is pending, by kind, when a command that failed says where it has kept its outputs: they stay until a person has looked. */
function keptBy({ dir }: TestRepo, result: Result): readonly string[] {
  const kept = result.code ? errorOf(result).data['kept'] : undefined;
  if (typeof kept !== 'string') return [];
  assert.ok(existsSync(join(dir, kept)), `${kept}, where it says that its outputs are, is not there`);
  return ['kept'];
}

/** True when the command did what it should, although it did not say so. */
async function hadEffect(verb: Verb, repo: TestRepo): Promise<boolean> {
  try {
    await verb.done(repo);
    return true;
  } catch (error) {
    if (error instanceof assert.AssertionError || error instanceof SwampError || (error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Throws unless the run ended as it may: killed, with the code of the error, or well and with a warning. */
function endingOf({ result, fault, point }: Broken): string {
  const { code, signal, stderr } = result;
  if (fault === 'kill') {
    assert.equal(signal, 'SIGKILL', `ended with ${code}: ${stderr}`);
    return 'killed';
  }
  assert.doesNotMatch(stderr, /^ +at /m, 'a stack trace');
  if (code === 0) {
    if (WARNING.test(stderr)) return 'done with a warning';
    // A removal has spent the reserve.
    if (fault === 'ENOSPC') return 'done from the reserve';
    assert.match(point?.label ?? '', ADVISORY, 'it succeeded without a word');
    return 'done (advisory)';
  }
  const error = errorOf(result);
  assert.equal(error.code, CODE_OF[fault], stderr);
  assert.equal(code, CODES[error.code as ErrorCode].exit, stderr);
  return error.code;
}

/** Before anybody has come to mend anything: nothing is damaged, nothing lost, nothing half. */
async function expectWhole(verb: Verb, { repo, fault, point }: Broken, before: Before): Promise<readonly Known[]> {
  return during('right after it', async () => {
    const pending = await expectNoFindings(repo);
    const forEver = pending.filter((kind) => WANTS_HELP.includes(kind) && !before.pending.includes(kind));
    assert.deepEqual(forEver, [], 'pending for ever');
    // A lock whose very release fails goes to the next one, for its holder has ended.
    if (fault !== 'kill' && (point === undefined || !isRelease(point))) expectLocksFree(repo, before);
    await expectKnown(repo, before.known, verb.takes ?? []);
    await verb.whole?.(repo);
    return readAll(repo);
  });
}

/** No lock is held but those that were. */
function expectLocksFree(repo: TestRepo, before: Before): void {
  assert.deepEqual(
    heldEntries(repo).filter((entry) => !before.locks.includes(entry)),
    [],
    'locks are held',
  );
}

function heldEntries({ layout }: TestRepo): string[] {
  return listLocks(layout).flatMap((lock) => {
    const entry = readFence(layout.fence(lock));
    return entry?.state === 'held' ? [`${lock.kind} ${entry.name}`] : [];
  });
}

function isRelease({ syscall, label }: Point): boolean {
  return syscall === 'rename' && /HOLDER -> \S*\.free-NONCE$/.test(label);
}

/** Runs the command once more, as a person would. Its exit code. `effect`: there is nothing left to do. */
async function runAgain(verb: Verb, repo: TestRepo, effect: boolean): Promise<number> {
  const { args, options } = commandOf(verb, repo);
  const result = await run(repo, args, { ...options, expect: 'any' });
  const { code, stderr, ms } = result;
  if (code !== 0) assert.ok(effect && (verb.again ?? []).includes(errorOf(result).code as ErrorCode), `run again, it ended with ${code}: ${stderr}`);
  assert.doesNotMatch(stderr, /Waiting for/, 'run again, it waited');
  assert.ok(ms < AT_ONCE_MS, `run again, it took ${Math.round(ms)} ms`);
  return code ?? 1;
}

export async function expectNoFindings(repo: TestRepo): Promise<string[]> {
  const { findings, pending } = await openRepo(repo.dir).datastore.check();
  assert.deepEqual(findings, [], 'datastore check has findings');
  return pending.map(({ kind }) => kind);
}

export async function lookAt(repo: TestRepo): Promise<Before> {
  if (!isRepo(repo)) return { known: [], locks: [], pending: [] };
  return { known: await readAll(repo), locks: heldEntries(repo), pending: await expectNoFindings(repo) };
}

/** Everything that is listed, read to the end and compared with its checksum. */
async function readAll({ dir }: TestRepo): Promise<Known[]> {
  const repo = openRepo(dir);
  const all: Known[] = [];
  for (const { items } of (await repo.data.list()).groups) {
    for (const { modelId, modelName: model, name } of items) {
      for (const { version } of (await repo.data.versions({ model: modelId, name })).versions) {
        all.push({ modelId, model, name, version, checksum: await readWhole(repo, { modelId, name, version }) });
      }
    }
  }
  return all;
}

/** The checksum of a version whose content matches it. */
async function readWhole(repo: OpenRepo, { modelId: model, name, version }: Pick<Known, 'modelId' | 'name' | 'version'>): Promise<string> {
  const { record, openContent } = await repo.data.get({ model, name, version, verify: true });
  openContent().destroy();
  return record.checksum;
}

/** Each version is there as it was; of what the command takes, all or nothing. */
export async function expectKnown({ dir }: TestRepo, known: readonly Known[], takes: readonly Taken[]): Promise<void> {
  if (known.length === 0) return;
  const repo = openRepo(dir);
  const missing: Known[] = [];
  for (const one of known) {
    try {
      const checksum = await readWhole(repo, one);
      if (checksum !== one.checksum && takes.some((taken) => taken.replaced === true && isOf(one, taken))) missing.push(one);
      else assert.equal(checksum, one.checksum, `${title(one)} changed`);
    } catch (error) {
      if (!(error instanceof SwampError) || !GONE.includes(error.code)) throw error;
      assert.ok(
        takes.some((taken) => isOf(one, taken)),
        `${title(one)} is gone: ${error.message}`,
      );
      missing.push(one);
    }
  }
  for (const taken of takes) {
    const [all, gone] = [known, missing].map((list) => list.filter((one) => isOf(one, taken)).length);
    assert.ok(gone === 0 || gone === all, `half of ${JSON.stringify(taken)} is gone`);
  }
}

function isOf(known: Known, { model, name, version }: Taken): boolean {
  return known.model === model && (name === undefined || known.name === name) && (version === undefined || known.version === version);
}

function title({ model, name, version }: Known): string {
  return `${model} ${name} version ${version}`;
}

/** Every lock is to be had without help and without waiting, and no number that was ever seen is given out again (P4). */
export async function expectGoingOn({ dir }: TestRepo, known: readonly Known[]): Promise<void> {
  const repo = openRepo(dir, { lockTimeoutMs: AT_ONCE_MS });
  const highest = new Map<string, Known>();
  for (const one of known) {
    const key = `${one.modelId}/${one.name}`;
    if ((highest.get(key)?.version ?? 0) < one.version) highest.set(key, one);
  }
  for (const one of highest.values()) {
    const put = await unlessGone(() => repo.data.put({ model: one.modelId, name: one.name, source: ['next'] }));
    if (put !== undefined) assert.ok(put.version > one.version, `${title(one)} was given out again`);
  }
  // It matches nothing, and takes the global lock and both of the model to find out.
  for (const model of new Set(known.map(({ modelId }) => modelId))) await unlessGone(() => repo.data.delete({ model, prefix: 'nothing/' }));
}

async function unlessGone<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof SwampError && error.code === 'model_not_found') return undefined;
    throw error;
  }
}

function isRepo({ dir }: TestRepo): boolean {
  return existsSync(join(dir, MARKER));
}

/** Says when it was that something was wrong. */
async function during<T>(when: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw new Error(`${when}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
