/** `model method run`: holds the run fence while the command runs, then commits `result` and `log` together. */

import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { asSwampError, CODES, errnoOf, SwampError } from '../errors.js';
import { FenceLost } from '../locks/fence.js';
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import { methodOf, type ShellMethod } from '../models/definition.js';
import { findModel, type Model } from '../models/files.js';
import { checkInputs, nestedEnvironment, shellEnvironment } from '../models/inputs.js';
import { runShell, type ShellResult } from '../models/shell.js';
import { type OnOutput, show } from '../models/show.js';
import { ancestorKey } from '../protocol/contender.js';
import { withRunFence } from '../protocol/run.js';
import { lostStaging, withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import { displayPath, type Repo, requireTrusted } from '../repo.js';
import { collectWritten } from '../store/collect.js';
import { isDeletedModel } from '../store/deleted.js';
import { keepOutputs } from '../store/keep.js';
import { DEFAULT_GC, DEFAULT_LIFETIME } from '../store/lifetimes.js';
import { stageVersion, type VersionFields } from '../store/stage.js';
import { commitOutputs, type Output } from '../store/write.js';
import { currentModel } from './current-model.js';
import { requireModel } from './data-put.js';
import { operation } from './operation.js';

export interface ModelRunInput {
  /** Name or id. */
  readonly model: string;
  /** Default: `execute`. */
  readonly method?: string;
  /** Reach the command as environment variables, never as text of the command line. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Milliseconds; goes before the definition's `timeout`. */
  readonly timeoutMs?: number;
}

export interface ModelRunResult {
  readonly modelId: string;
  readonly modelName: string;
  readonly method: string;
  readonly status: 'succeeded' | 'failed';
  readonly durationMs: number;
  /** Null when the command was ended by a signal. */
  readonly exitCode: number | null;
  readonly dataArtifacts: readonly { readonly name: string; readonly version: number; readonly path: string }[];
}

export interface ModelRunOptions {
  readonly signal: AbortSignal;
  readonly onOutput?: OnOutput;
}

/** Of lock_lost, lock_timeout, deadlock: nothing but the run itself is to be repeated. */
const TRY_AGAIN = CODES.lock_lost.exit;
/** How long an ended command's outputs may wait for their lock. */
const STORE_MS = 10_000;
/** `result` repeats each stream up to this; `log` has all of it. Bytes. */
const MAX_IN_RESULT = 8 * 1024 * 1024;

/**
 * Throws `method_failed` (the outputs are stored, `data` says where), `lock_lost` (P9) and whatever else keeps the outputs
 * from being committed (`data.kept` says where they are), `model_not_found`, `usage` for an unknown method, `deadlock`,
 * `lock_timeout`.
 */
export const modelRun = operation({ verb: 'model method run', access: 'writes', about: ({ model, method = EXECUTE }) => `${model} ${method}` }, runMethod);

const EXECUTE = 'execute';

async function runMethod(repo: Repo, input: ModelRunInput, options: ModelRunOptions): Promise<ModelRunResult> {
  requireTrusted(repo);
  const model = await findModel(repo, input.model);
  const name = input.method ?? EXECUTE;
  methodOf(model, name);
  const inputs = input.inputs ?? {};
  checkInputs(inputs);
  const result = await withSession(
    repo,
    (session) =>
      withRunFence(
        repo,
        model.id,
        async (run) => {
          const current = await currentModel(repo, model);
          const method = methodOf(current, name);
          const outcome = await execute(session, run, current, method, inputs, input.timeoutMs ?? method.timeoutMs, options);
          const dataArtifacts = await commit(session, run, current, outcome, outcome.storing).catch((error) => {
            options.signal.throwIfAborted();
            throw error;
          });
          if (options.signal.aborted) {
            const { id: modelId, name: modelName } = current;
            repo.reporter.info(`What "${modelName}" printed until it was ended is stored: swamp data get ${modelName} log`, {
              topic: 'model',
              modelId,
              modelName,
            });
          }
          options.signal.throwIfAborted();
          return { current, method, shell: outcome.shell, dataArtifacts };
        },
        { signal: options.signal, session },
      ),
    // Without a signal: what the commit of two outputs leaves to sweep is their intent alone.
  );
  return finished(result.current, name, result.method, result.shell, result.dataArtifacts);
}

function finished(model: Model, name: string, method: ShellMethod, shell: ShellResult, dataArtifacts: ModelRunResult['dataArtifacts']): ModelRunResult {
  const failed = shell.timedOut || (shell.exitCode !== 0 && !method.ignoreExitCode);
  const result: ModelRunResult = {
    modelId: model.id,
    modelName: model.name,
    method: name,
    status: failed ? 'failed' : 'succeeded',
    durationMs: shell.durationMs,
    exitCode: shell.exitCode,
    dataArtifacts,
  };
  if (!failed) return result;
  const why = shell.timedOut
    ? `ran over its time limit and was ended after ${shell.durationMs} ms`
    : shell.exitCode === null
      ? `was ended by ${shell.signal ?? 'a signal'}`
      : `exited with ${shell.exitCode}`;
  throw new SwampError('method_failed', `The method "${name}" of "${model.name}" ${why}.`, {
    hint: `Its output is stored: swamp data get ${model.name} log`,
    data: { ...result, signal: shell.signal, timedOut: shell.timedOut },
  });
}

interface Outcome {
  readonly shell: ShellResult;
  /** Fires when the outputs can no longer be waited for. */
  readonly storing: AbortSignal;
  readonly outputs: readonly Output[];
  /** The content of `result`, which repeats both streams: what can still be kept when the staging is gone. */
  readonly result: string;
}

/** Runs the command and stages its two outputs; the log goes to its staged file as it comes. */
async function execute(
  session: Session,
  run: Lease,
  model: Model,
  method: ShellMethod,
  inputs: Readonly<Record<string, string>>,
  timeoutMs: number | undefined,
  options: ModelRunOptions,
): Promise<Outcome> {
  const { repo } = session;
  const executedAt = new Date().toISOString();
  const log = new PassThrough({ highWaterMark: 1024 * 1024 });
  // Destroyed before its reader has begun, it would end the process; the reader gets the error all the same.
  log.on('error', () => undefined);
  const streams = { stdout: new Excerpt(), stderr: new Excerpt() };
  // Not that of the caller: what the command prints until it is ended belongs to the log.
  const staging = stageVersion(session, 'log', log, fields(model, 'log', 'text/plain'), { signal: new AbortController().signal });
  const unread = new AbortController();
  staging.catch(() => unread.abort());
  // Losing the run fence ends the command, and so does a log that cannot be written: what it does from then on can no longer count.
  const signal = AbortSignal.any([options.signal, run.signal, unread.signal]);
  const take =
    (stream: Excerpt) =>
    async (chunk: Uint8Array, over: AbortSignal): Promise<void> => {
      stream.add(chunk);
      const logged = log.write(chunk) ? undefined : once(log, 'drain', { signal: unread.signal }).catch(() => staging);
      await Promise.all([logged, show(chunk, options.onOutput, over)]);
    };
  let shell: ShellResult;
  try {
    shell = await runShell(method.run, {
      cwd: resolve(repo.root, method.workingDir),
      env: shellEnvironment(nestedEnvironment(repo, ancestorKey(run.modelId, run.name)), method, inputs),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      signal,
      onStdout: take(streams.stdout),
      onStderr: take(streams.stderr),
    });
  } catch (error) {
    log.destroy(asSwampError(error));
    await Promise.allSettled([staging]);
    throw error;
  }
  log.end();
  // What a command that a signal ended has printed is stored all the same, as after the time limit, if its lock is to be had soon.
  const storing = options.signal.aborted ? AbortSignal.timeout(STORE_MS) : options.signal;
  const told = {
    exitCode: shell.exitCode,
    command: method.run,
    executedAt,
    durationMs: shell.durationMs,
    ...streams.stdout.as('stdout'),
    ...streams.stderr.as('stderr'),
  };
  const result = `${JSON.stringify(told, null, 2)}\n`;
  const keeping = (error: unknown, ...outputs: readonly Output[]): Promise<unknown> => keptAside(session, run, model, { outputs, result }, storing, error);
  const staged = await staging.catch(async (error: unknown) => {
    throw lostStaging(session, error) === undefined ? error : await keeping(error);
  });
  const logged: Output = { name: 'log', staged };
  try {
    return { shell, storing, outputs: [await stageResult(session, model, result, storing), logged], result };
  } catch (error) {
    throw await keeping(error, logged);
  }
}

async function stageResult(session: Session, model: Model, result: string, signal: AbortSignal): Promise<Output> {
  return { name: 'result', staged: await stageVersion(session, 'result', [result], fields(model, 'resource', 'application/json'), { signal }) };
}

/** Both outputs or none, through the run fence (P9). When that is lost, or they cannot be committed for another reason, they are kept aside. */
async function commit(
  session: Session,
  run: Lease,
  model: Model,
  outcome: Pick<Outcome, 'outputs' | 'result'>,
  signal: AbortSignal,
): Promise<ModelRunResult['dataArtifacts']> {
  const { repo } = session;
  const { outputs } = outcome;
  try {
    const committed = await write(
      repo,
      model.id,
      async (writer) => {
        requireModel(repo, model);
        const committed = await commitOutputs(writer, outputs, run.path);
        await collectWritten(
          writer,
          outputs.map(({ name }) => name),
          model,
        );
        return committed;
      },
      { signal, session, own: ancestorKey(run.modelId, run.name) },
    );
    return outputs.map(({ name }, i) => {
      const version = committed[i]?.version ?? 0;
      return { name, version, path: displayPath(repo, join(repo.layout.version(model.id, name, version), 'content')) };
    });
  } catch (error) {
    // Published, they belong to the fence: its next holder makes them visible.
    throw session.intent.published === undefined ? await keptAside(session, run, model, outcome, signal, error) : error;
  }
}

/** Keeps the outputs, which may be the work of hours; the error that says where they are. Those of a deleted model are removed with it. */
async function keptAside(
  session: Session,
  run: Lease,
  model: Model,
  outcome: Pick<Outcome, 'outputs' | 'result'>,
  signal: AbortSignal,
  error: unknown,
): Promise<unknown> {
  const { repo } = session;
  const lost = `The run lock of "${model.name}" was lost while its method ran.`;
  const swept = lostStaging(session, error);
  const failure = error instanceof FenceLost ? new SwampError('lock_lost', lost) : (swept ?? asSwampError(error));
  const again = failure.exitCode === TRY_AGAIN;
  if (isDeletedModel(repo, model.id) && !again) return error;
  const path = await keep(session, run, model, outcome);
  const where = path === undefined ? ', and they are gone' : `; they are kept in ${path}`;
  if (error === signal.reason) {
    repo.reporter.warn(`The outputs of "${model.name}" were not committed${where}.`, { topic: 'model', modelId: model.id, modelName: model.name, kept: path });
    return error;
  }
  const { code, hint, data } = failure;
  const message = code === 'lock_lost' && swept === undefined ? lost : failure.message;
  return new SwampError(code, `${message} Its outputs were not committed${where}.`, {
    hint:
      again || hint === undefined ? `${path === undefined ? 'R' : 'Look at the kept outputs ("swamp datastore status"), then r'}un the method again.` : hint,
    data: { ...data, modelId: model.id, modelName: model.name, ...(path === undefined ? {} : { kept: path }) },
    cause: error,
  });
}

/** Where they are now; undefined when they cannot be kept. Where the staging is gone with them, `result` is written once more. */
async function keep(session: Session, run: Lease, model: Model, { outputs, result }: Pick<Outcome, 'outputs' | 'result'>): Promise<string | undefined> {
  const { repo } = session;
  try {
    const staged = await keepOutputs(session, model.id, run.epoch, outputs);
    const again = async (): Promise<Output> => stageResult(session, model, result, new AbortController().signal);
    const path = staged ?? (await keepOutputs(session, model.id, run.epoch, [await again()]));
    return path === undefined ? undefined : displayPath(repo, path);
  } catch (error) {
    repo.reporter.warn(`The outputs of "${model.name}" could not be kept: ${asSwampError(error).message}`, {
      topic: 'model',
      modelId: model.id,
      modelName: model.name,
      ...errnoOf(error),
    });
    return undefined;
  }
}

function fields(model: Model, type: string, contentType: string): VersionFields {
  return {
    contentType,
    lifetime: DEFAULT_LIFETIME,
    garbageCollection: DEFAULT_GC,
    tags: { type, modelName: model.name },
    ownerDefinition: { ownerType: 'model-method', ownerRef: model.id },
  };
}

/** The beginning of a stream, for `result`. */
class Excerpt {
  readonly #chunks: Uint8Array[] = [];
  #kept = 0;
  #total = 0;

  add(chunk: Uint8Array): void {
    this.#total += chunk.length;
    if (this.#kept >= MAX_IN_RESULT) return;
    this.#chunks.push(chunk.subarray(0, MAX_IN_RESULT - this.#kept));
    this.#kept += chunk.length;
  }

  /** `{stdout: text}`, and `stdoutTruncated: true` when the log has more. */
  as(name: 'stdout' | 'stderr'): Record<string, string | boolean> {
    const text = Buffer.concat(this.#chunks).toString('utf8');
    return { [name]: text, ...(this.#total > MAX_IN_RESULT ? { [`${name}Truncated`]: true } : {}) };
  }
}
