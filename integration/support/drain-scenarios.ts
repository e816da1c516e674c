/**
 * The orders of events that the drains, the second look and the closed state exist for. Each runs real processes, stopped
 * at named points, and answers 'holds' or what it saw go wrong, so that a test can ask both of the program and of a mutant.
 */
import { GLOBAL } from '../../src/layout/layout.js';
import { Pauses } from './failpoints.js';
import { createGated, type Gated, runGated, startGated } from './gated.js';
import { createModel, heldLocks, put, type TestRepo, ticketsOf } from './repo.js';
import { finished, type Running, start } from './swamp.js';
import { until } from './until.js';

export type Verdict =
  | 'holds'
  | 'a later holder held up the first drain'
  | 'closed over a writer'
  | 'wrote behind a closed fence'
  | 'waited for whom it keeps waiting';

const DRAINING = /Waiting for running writers/;

/** S1: the drain waits for the writer it saw, not for the one that takes the fence right after it. */
export async function firstDrainWaitsForWhomItSaw(repo: TestRepo): Promise<Verdict> {
  const modelId = await seeded(repo);
  const first = await writerAt(repo, 'write.entered');
  // The later writer waits before the delete comes, so that the delete's deadline does not run while it starts.
  const later = startWriter(repo, ['write.entered']);
  await until('the later writer queues', () => ticketsOf(repo, { kind: 'data', modelId }, 'a').length === 1);
  const points = new Pauses(repo, ['restructure.after-first-drain']);
  const deleter = startDelete(repo, points, '5000');
  await deleter.says(DRAINING);
  // The deleter must not look while the fence changes hands: what it sees next is the later writer.
  deleter.kill('SIGSTOP');
  first.points.go('write.entered');
  await finished(first.running);
  await later.points.at('write.entered', later.running);
  deleter.kill('SIGCONT');
  await until('the first drain ends', () => points.reached('restructure.after-first-drain') || deleter.hasExited());
  const heldUp = !points.reached('restructure.after-first-drain');
  points.go('restructure.after-first-drain');
  later.points.go('write.entered');
  await finished(later.running);
  if (heldUp) return 'a later holder held up the first drain';
  await finished(deleter);
  return 'holds';
}

/** S3: a writer that looked at the global fence before S2 and took its own after S1 is waited for. */
export async function secondDrainWaitsForAWriterInBetween(repo: TestRepo): Promise<Verdict> {
  await seeded(repo);
  const points = new Pauses(repo, ['restructure.after-first-drain', 'restructure.closed']);
  const deleter = startDelete(repo, points);
  await points.at('restructure.after-first-drain', deleter);
  const writer = await writerAt(repo, 'write.entered');
  points.go('restructure.after-first-drain');
  const verdict = await waitsOrCloses(deleter, points);
  writer.points.go('write.entered');
  await finished(writer.running);
  points.go('restructure.closed');
  await finished(deleter);
  return verdict;
}

/** W3: a writer that saw the global fence free, and took its own when it no longer was, goes back without writing. */
export async function secondLookSendsTheWriterBack(repo: TestRepo): Promise<Verdict> {
  await seeded(repo);
  const writer = await writerAt(repo, 'enter.before-fence', ['write.entered']);
  const points = new Pauses(repo, ['restructure.closed']);
  const deleter = startDelete(repo, points);
  await points.at('restructure.closed', deleter);
  writer.points.go('enter.before-fence');
  const verdict = await waitsOrEnters(repo, writer.points);
  points.go('restructure.closed');
  await finished(deleter);
  await finished(writer.running);
  return verdict;
}

/**
 * S3, the last look: a nested writer passes the global fence while it is not closed, and may take a data fence that the
 * drain has found free. Its parent runs on another model, so no run fence in the scope keeps the drain waiting.
 */
export async function lastLookFindsAWriterBehindTheDrain(repo: TestRepo): Promise<Verdict> {
  await seeded(repo);
  const parent = startGated(repo, 'p');
  await parent.begun();
  const points = new Pauses(repo, ['restructure.before-closed', 'restructure.closed']);
  const deleter = startDelete(repo, points);
  await points.at('restructure.before-closed', deleter);
  const nested = new Pauses(repo, ['write.entered']);
  parent.letGo('printf nested | swamp data put m nested', nested.env);
  await nested.at('write.entered', parent.running);
  points.go('restructure.before-closed');
  const verdict = await waitsOrCloses(deleter, points);
  nested.go('write.entered');
  await finished(parent.running);
  points.go('restructure.closed');
  await finished(deleter);
  return verdict;
}

/** N1: a nested writer passes a global fence that is held, not one that is closed. */
export async function nestedWriterWaitsForAClosedFence(repo: TestRepo): Promise<Verdict> {
  await seeded(repo);
  const parent = startGated(repo, 'p');
  await parent.begun();
  const points = new Pauses(repo, ['restructure.closed']);
  const deleter = startDelete(repo, points);
  await points.at('restructure.closed', deleter);
  const nested = new Pauses(repo, [], ['write.entered']);
  parent.letGo('printf nested | swamp data put m nested', nested.env);
  const verdict = await waitsOrEnters(repo, nested);
  points.go('restructure.closed');
  await finished(deleter);
  await finished(parent.running);
  return verdict;
}

/** N1: a nested writer passes whoever drains its ancestor, or neither could ever go on. */
export async function nestedWriterPassesWhoDrainsItsAncestor(repo: TestRepo): Promise<Verdict> {
  return nestedWhileDrained(repo, 'printf nested | swamp data put p nested');
}

/** N3: who drains the ancestor of a nested structural command gives way to it. */
export async function whoDrainsTheAncestorGivesWay(repo: TestRepo): Promise<Verdict> {
  return nestedWhileDrained(repo, 'swamp data delete m a --force');
}

/**
 * N3 over two runs: a delete drains p, whose child waits for the run of q, whose child waits for the global lock that the delete
 * holds. No direct ancestor of the last one is waited for, and still all three stand still unless the delete gives way.
 */
export async function whoDrainsGivesWayOverOtherRuns(repo: TestRepo): Promise<Verdict> {
  await seeded(repo);
  const q = await createGated(repo, 'q');
  await runGated(repo, 'q');
  const points = new Pauses(repo, ['restructure.after-first-drain']);
  const deleter = start(repo, ['data', 'delete', 'p', 'result', '--force'], { env: points.env });
  await points.at('restructure.after-first-drain', deleter);
  const methods = [startGated(repo, 'p'), startGated(repo, 'q')] as const;
  const [ofP, ofQ] = methods;
  await Promise.all(methods.map((gated) => gated.begun()));
  points.go('restructure.after-first-drain');
  await until('the delete holds the global lock', () => heldLocks(repo).includes('global'));
  ofP.letGo('swamp data delete q log --force --lock-timeout 8000; echo "nested: $?"');
  await until('the child of p waits for the run of q', () => ticketsOf(repo, { kind: 'run', modelId: q }, 'd').length === 1);
  const verdict = await nested(ofQ, 'swamp model create store z', 'nested: 0');
  await finished(ofP.running, verdict === 'holds' ? 0 : [0, 1]);
  if (verdict === 'holds') await finished(deleter);
  return verdict;
}

/** N2: a nested structural command does not wait for the method it was started from. */
export async function nestedStructuralCountsItsAncestorsAsDrained(repo: TestRepo): Promise<Verdict> {
  await seeded(repo);
  return nested(startGated(repo, 'p'), 'swamp data delete p log --force', 'nested: 0');
}

/** N4: a method that runs itself is told at once, not at the deadline. */
export async function runningItselfIsADeadlock(repo: TestRepo): Promise<Verdict> {
  await seeded(repo);
  return nested(startGated(repo, 'p'), 'swamp model method run p execute --json', '"code":"deadlock"');
}

async function nestedWhileDrained(repo: TestRepo, command: string): Promise<Verdict> {
  await seeded(repo);
  const points = new Pauses(repo, ['restructure.after-first-drain']);
  const deleter = start(repo, ['data', 'delete', 'p', 'result', '--force'], { env: points.env });
  await points.at('restructure.after-first-drain', deleter);
  const parent = startGated(repo, 'p');
  await parent.begun();
  points.go('restructure.after-first-drain');
  await deleter.says(DRAINING);
  const verdict = await nested(parent, command, 'nested: 0');
  if (verdict === 'holds') await finished(deleter);
  return verdict;
}

/** Whether the parent says what is right once its nested command has ended. One that waits in vain says something else before the parent does so, too. */
async function nested(parent: Gated, command: string, right: string): Promise<Verdict> {
  parent.letGo(`${command} --lock-timeout 3000; echo "nested: $?"`);
  await parent.running.says(/nested: [0-9]/);
  if (!parent.running.stderr().includes(right)) return 'waited for whom it keeps waiting';
  await finished(parent.running);
  return 'holds';
}

/** A model `m` with one version of `a`, and a gated model `p` that has run once. The id of `m`. */
async function seeded(repo: TestRepo): Promise<string> {
  const modelId = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'seed');
  await createGated(repo, 'p');
  await runGated(repo, 'p');
  return modelId;
}

interface Stopped {
  readonly running: Running;
  readonly points: Pauses;
}

function startWriter(repo: TestRepo, stops: readonly string[], marks: readonly string[] = []): Stopped {
  const points = new Pauses(repo, stops, marks);
  return { points, running: start(repo, ['data', 'put', 'm', 'a'], { stdin: 'more', env: points.env }) };
}

async function writerAt(repo: TestRepo, stop: string, marks: readonly string[] = []): Promise<Stopped> {
  const writer = startWriter(repo, [stop], marks);
  await writer.points.at(stop, writer.running);
  return writer;
}

function startDelete(repo: TestRepo, points: Pauses, lockTimeout = '15000'): Running {
  return start(repo, ['data', 'delete', 'm', 'a', '--force', '--lock-timeout', lockTimeout], { env: points.env });
}

async function waitsOrCloses(deleter: Running, points: Pauses): Promise<Verdict> {
  await until('the deleter waits, or has closed', () => DRAINING.test(deleter.stderr()) || points.reached('restructure.closed'));
  return points.reached('restructure.closed') ? 'closed over a writer' : 'holds';
}

async function waitsOrEnters(repo: TestRepo, writer: Pauses): Promise<Verdict> {
  await until('the writer waits for the global lock, or is inside', () => ticketsOf(repo, GLOBAL, 'w').length === 1 || writer.reached('write.entered'));
  return writer.reached('write.entered') ? 'wrote behind a closed fence' : 'holds';
}
