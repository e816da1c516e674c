/** The teardown of a deleted model: its delete method, run once by the holder of the model's run fence, as a recorded state (O1, O5, O7). */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { SwampError } from '../errors.js';
import { failpoint } from '../fs/failpoints.js';
import { FenceLost } from '../locks/fence.js';
import { hostName, isProvablyAlive, isProvablyDead, parseHolder, startTime } from '../locks/holder.js';
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import { methodOf, parseDefinition, type ShellMethod } from '../models/definition.js';
import { nestedEnvironment, shellEnvironment } from '../models/inputs.js';
import { runShell } from '../models/shell.js';
import { type OnOutput, show } from '../models/show.js';
import { ancestorKey } from '../protocol/contender.js';
import { withRunFence } from '../protocol/run.js';
import { withSession } from '../protocol/session.js';
import { type Repo, requireTrusted } from '../repo.js';
import { type DeletedModel, forgetTeardownExit, readDeleted, recordTeardown, type Teardown, teardownExit } from '../store/deletion.js';

export interface TeardownOptions {
  readonly signal: AbortSignal;
  readonly onOutput?: OnOutput;
}

/** How much of a failing teardown's output its record and error keep. Bytes. */
const OUTPUT_KEPT = 16 * 1024;

/**
 * Runs what is still to be run, and answers the state afterwards; null when the model has no delete method. `patient`:
 * waits for another runner; else a living runner is left alone (O3). `retry`: also when it cannot be known whether an
 * earlier child still runs. Throws `teardown_failed`.
 */
export async function runTeardown(
  repo: Repo,
  modelId: string,
  options: TeardownOptions & { readonly patient: boolean; readonly retry?: boolean },
): Promise<Teardown['state'] | null> {
  const state = readDeleted(repo, modelId)?.teardown?.state ?? null;
  if (state === null || state === 'done') return state;
  requireTrusted(repo);
  await failpoint('teardown.before-lock');
  const patient = options.patient ? repo : Object.freeze({ ...repo, timing: { ...repo.timing, lockTimeoutMs: 0 } });
  try {
    return await withSession(
      patient,
      (session) => withRunFence(patient, modelId, (run) => underFence(session, run, options), { signal: options.signal, session }),
      { signal: options.signal, removes: true },
    );
  } catch (error) {
    if (error instanceof FenceLost) {
      throw new SwampError('lock_lost', 'The run lock was taken away while the delete method ran; its outcome is not on record.', {
        hint: `Run: swamp model delete ${modelId}`,
        data: { modelId },
      });
    }
    // Another process runs it, or this one is nested in a run of this very model: it stays pending, and is finished by the next delete or sweep.
    if (!(error instanceof SwampError) || !['lock_timeout', 'deadlock'].includes(error.code)) throw error;
    return readDeleted(repo, modelId)?.teardown?.state ?? null;
  }
}

async function underFence(session: Session, run: Lease, options: TeardownOptions & { readonly retry?: boolean }): Promise<Teardown['state'] | null> {
  const { repo } = session;
  const record = readDeleted(repo, run.modelId);
  if (record === undefined || record.teardown === null || record.teardown.state === 'done') return record?.teardown?.state ?? null;
  const hasEnded = hasEndedWell(repo, record);
  if (!hasEnded && record.teardown.state === 'running' && !mayRunAgain(repo, record, record.teardown, options)) return 'running';
  const outcome: Teardown = hasEnded ? { state: 'done' } : await execute(session, run, record, options);
  await recordTeardown(run, outcome);
  if (outcome.state !== 'failed') return outcome.state;
  throw new SwampError('teardown_failed', `The model "${record.name}" is deleted, but its delete method failed: ${outcome.reason}.`, {
    hint: `Mend the cause, then: swamp model delete ${record.id}`,
    data: { model: record.name, modelId: record.id, output: outcome.output },
  });
}

/** O8: a run whose starter died is not repeated when its command came to its end. A status of an earlier run that failed decides nothing: that one is to be run again. */
function hasEndedWell(repo: Repo, record: DeletedModel): boolean {
  if (record.teardown?.state !== 'running') return false;
  const exitCode = teardownExit(repo, record.id);
  return exitCode !== undefined && (exitCode === 0 || deleteMethod(record).ignoreExitCode);
}

async function execute(session: Session, run: Lease, record: DeletedModel, options: TeardownOptions): Promise<Teardown> {
  const { repo } = session;
  const method = deleteMethod(record);
  const output = new Tail();
  const signal = AbortSignal.any([options.signal, run.signal]);
  const take = (chunk: Uint8Array, over: AbortSignal): Promise<void> => {
    output.add(chunk);
    return show(chunk, options.onOutput, over);
  };
  const cwd = resolve(repo.root, method.workingDir);
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true)
    return { state: 'failed', reason: `its working directory ${cwd} is not there`, output: '' };
  const result = await runShell(method.run, {
    cwd,
    env: shellEnvironment(nestedEnvironment(repo, ancestorKey(run.modelId, run.name)), method, {}),
    ...(method.timeoutMs === undefined ? {} : { timeoutMs: method.timeoutMs }),
    signal,
    onStdout: take,
    onStderr: take,
    recorded: {
      exitPath: repo.layout.teardownExit(record.id),
      // The child waits until its pid is on record: a teardown that is not on record never runs a command.
      before: async (pid) => {
        await recordTeardown(run, {
          state: 'running',
          runner: session.holder,
          pid,
          startedAt: new Date().toISOString(),
          processStart: startTime(pid) ?? 'x',
          host: hostName(),
        });
        await forgetTeardownExit(repo, record.id);
        await failpoint('teardown.recorded');
      },
    },
  });
  if (options.signal.aborted)
    repo.reporter.warn(
      `The model "${record.name}" is deleted, but its delete method was ended half-way and must run again: swamp model delete --force ${record.id}`,
      { topic: 'model', modelId: record.id, modelName: record.name },
    );
  options.signal.throwIfAborted();
  if (run.signal.aborted) throw new FenceLost(run.path);
  if (result.exitCode === 0 || (method.ignoreExitCode && !result.timedOut)) return { state: 'done' };
  const reason = result.timedOut
    ? 'it ran over its time limit'
    : result.exitCode === null
      ? `it was ended by ${result.signal ?? 'a signal'}`
      : `it exited with ${result.exitCode}`;
  return { state: 'failed', reason, output: output.text };
}

function deleteMethod(record: DeletedModel): ShellMethod {
  const parsed = parseDefinition(record.definition, record.definitionPath, record);
  if ('definition' in parsed) return methodOf(parsed.definition, 'delete');
  throw new SwampError('corrupt', `The record of the deleted model "${record.name}" holds a definition that cannot be read.`, {
    hint: 'Run "swamp datastore check".',
    data: { modelId: record.id },
  });
}

/**
 * Never two runners at once (O5). A live winner would hold the run fence, which is ours, so its child decides: again when it left
 * an exit status, which is of a failure, or when both are provably dead; never while the child provably lives; where neither can be
 * known a person decides, with --retry-teardown.
 */
function mayRunAgain(
  repo: Repo,
  { id, name }: DeletedModel,
  { runner, pid, processStart, startedAt, host }: Extract<Teardown, { state: 'running' }>,
  { retry }: { readonly retry?: boolean },
): boolean {
  if (teardownExit(repo, id) !== undefined) return true;
  const holder = parseHolder(runner);
  const child = holder === undefined ? undefined : { ...holder, pid, started: processStart };
  const seenAt = (): number => Date.parse(startedAt);
  if (child !== undefined && holder !== undefined && isProvablyDead(holder, seenAt) && isProvablyDead(child, seenAt)) return true;
  const lives = child !== undefined && isProvablyAlive(child);
  if (retry === true && !lives) return true;
  repo.reporter.warn(
    lives
      ? `The teardown of "${name}" still runs (pid ${pid}), although the command that started it has ended. When it is over: swamp datastore sweep`
      : `The teardown of "${name}" was started on ${host} (pid ${pid}), and swamp cannot see whether it still runs. When it does not: swamp datastore sweep --retry-teardown ${id}`,
    { topic: 'model', modelId: id, modelName: name, host, pid },
  );
  return false;
}

/** The end of a stream. */
class Tail {
  #bytes = Buffer.alloc(0);

  add(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]).subarray(-OUTPUT_KEPT);
  }

  get text(): string {
    return this.#bytes.toString('utf8');
  }
}
