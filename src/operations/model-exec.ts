/** `model exec`: any command under the run lock of a model. Nothing of it is stored; its streams and its exit code are its own. */
import { SwampError } from '../errors.js';
import { exists } from '../fs/tree.js';
import type { Lease } from '../locks/lease.js';
import type { Model } from '../models/files.js';
import { nestedEnvironment } from '../models/inputs.js';
import { type ProgramOptions, runProgram } from '../models/program.js';
import { ancestorKey, lockLost } from '../protocol/contender.js';
import { withRunFence } from '../protocol/run.js';
import { withSession } from '../protocol/session.js';
import type { Repo } from '../repo.js';
import { syncCommit } from '../store/commit.js';
import { modelFor, requireModel } from './data-put.js';
import { operation } from './operation.js';

export interface ModelExecInput {
  /** Name or id. */
  readonly model: string;
  /** The program and its arguments; no shell reads them. It runs in the working directory of this process, with its streams. */
  readonly command: readonly string[];
  /** Makes a `store` model of that name when there is none. */
  readonly create?: boolean;
}

export interface ModelExecResult {
  readonly modelId: string;
  readonly modelName: string;
  /** Null when the command was ended by a signal. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** How long the command ran. */
  readonly durationMs: number;
}

/**
 * A command that fails is a result. Throws `lock_timeout` and `deadlock`, `lock_lost` when the lock was lost while the command ran (which is
 * ended then), `usage` when there is no such command, `io` when it cannot be run, `model_not_found`.
 */
export const modelExec = operation({ verb: 'model exec', access: 'writes', about: ({ model, command }) => `${model} -- ${command.join(' ')}` }, exec);

async function exec(
  repo: Repo,
  { model: reference, command, create = false }: ModelExecInput,
  { signal, onStart }: Pick<ProgramOptions, 'signal' | 'onStart'>,
): Promise<ModelExecResult> {
  if (command.length === 0 || command[0] === '') throw new SwampError('usage', 'A command is missing.', { hint: 'Its program first, then its arguments.' });
  if (command.some((word) => word.includes('\0'))) throw new SwampError('usage', 'The command has a NUL in it.', { hint: 'No argument can hold one.' });
  const model = await modelFor(repo, { model: reference, name: '', create }, { signal });
  return withSession(repo, (session) => withRunFence(repo, model.id, (run) => underLock(repo, run, { model, command, signal, onStart }), { signal, session }), {
    signal,
  });
}

interface Given extends Pick<ProgramOptions, 'signal' | 'onStart'> {
  readonly model: Model;
  readonly command: readonly string[];
}

async function underLock(repo: Repo, run: Lease, { model, command, signal, onStart }: Given): Promise<ModelExecResult> {
  requireModel(repo, model);
  // P6: what the command does under this epoch is out of the store's sight.
  await syncCommit(run, []);
  const lost = new AbortController();
  // Sooner than the heartbeat finds out, and at once when this process was stopped and goes on: another command may have begun.
  const look = setInterval(() => exists(run.path) || lost.abort(), repo.timing.pollMs);
  const started = performance.now();
  try {
    const env = nestedEnvironment(repo, ancestorKey(run.modelId, run.name));
    const result = await runProgram(command, { env, signal: AbortSignal.any([signal, run.signal, lost.signal]), onStart });
    if (!exists(run.path)) throw lockLost(`The run lock of "${model.name}" was lost while ${JSON.stringify(command[0])} ran; the command was ended.`, RETRY);
    signal.throwIfAborted();
    return { modelId: model.id, modelName: model.name, ...result, durationMs: Math.round(performance.now() - started) };
  } finally {
    clearInterval(look);
  }
}

const RETRY = 'What it had done by then is done; another command may have run since. See what there is, then run it again.';
