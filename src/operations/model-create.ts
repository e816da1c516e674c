/** `model create`: structural with an empty scope, because names are unique over all types. */
import { randomUUID } from 'node:crypto';
import { SwampError } from '../errors.js';
import { checkModelName, type Definition, isModelType, type ShellMethod, typeHint, variableProblem } from '../models/definition.js';
import { assertNameFree, publishDefinition } from '../models/files.js';
import { restructure } from '../protocol/restructure.js';
import { displayPath, type Repo, requireWritable, underName } from '../repo.js';

export interface ModelCreateInput {
  readonly type: string;
  readonly name: string;
  /** The command of `execute`. */
  readonly run?: string;
  /** The command of `delete`, the teardown. */
  readonly deleteRun?: string;
  /** Other arguments of `execute`: workingDir, timeout, ignoreExitCode, env.NAME. */
  readonly set?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly description?: string;
}

export interface ModelCreateResult {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly path: string;
}

/** Throws `usage`, `name_invalid`, `model_exists`, `lock_timeout`. */
export async function modelCreate(repo: Repo, input: ModelCreateInput, options: { readonly signal: AbortSignal }): Promise<ModelCreateResult> {
  requireWritable(repo);
  checkModelName(input.name);
  const definition = define(input);
  const named = underName(repo, `model create ${input.type} ${input.name}`);
  const path = await restructure(
    named,
    { models: [], runs: false },
    async (structural) => {
      assertNameFree(repo, input.name);
      structural.stillHeld();
      return publishDefinition(repo, definition);
    },
    options,
  );
  return { id: definition.id, name: definition.name, type: definition.type, path: displayPath(repo, path) };
}

function define({ type, name, run, deleteRun, set, tags, description }: ModelCreateInput): Definition {
  if (!isModelType(type)) throw usage(`There is no model type "${type}"`, typeHint(type));
  const base = { id: randomUUID(), name, type, ...(description === undefined ? {} : { description }), tags: { ...tags } };
  if (type === 'store') {
    if (run !== undefined || deleteRun !== undefined || set !== undefined)
      throw usage('A store has no methods: --run, --delete-run and --set go with command/shell', 'Leave them out, or create a command/shell model.');
    return { ...base, methods: {} };
  }
  if (run === undefined) throw usage('A command/shell model needs a command', `Example: swamp model create command/shell ${name} --run "echo hello"`);
  const execute = withArguments({ run, workingDir: '.', env: {}, ignoreExitCode: false }, set ?? {});
  const teardown: ShellMethod = { run: deleteRun ?? '', workingDir: execute.workingDir, env: {}, ignoreExitCode: false };
  return { ...base, methods: { execute, ...(deleteRun === undefined ? {} : { delete: teardown }) } };
}

function withArguments(method: ShellMethod, set: Readonly<Record<string, string>>): ShellMethod {
  let result = method;
  for (const [key, value] of Object.entries(set)) result = withArgument(result, key, value);
  return result;
}

function withArgument(method: ShellMethod, key: string, value: string): ShellMethod {
  if (key === 'workingDir') return { ...method, workingDir: value };
  if (key === 'timeout' && /^[1-9][0-9]{0,9}$/.test(value)) return { ...method, timeoutMs: Number(value) };
  if (key === 'timeout') throw usage(`--set timeout must be a positive whole number of milliseconds, not "${value}"`, 'Example: --set timeout=60000');
  if (key === 'ignoreExitCode' && (value === 'true' || value === 'false')) return { ...method, ignoreExitCode: value === 'true' };
  if (key === 'ignoreExitCode') throw usage(`--set ignoreExitCode must be true or false, not "${value}"`, 'Example: --set ignoreExitCode=true');
  const variable = /^env\.(.+)$/s.exec(key)?.[1];
  if (variable === undefined) throw usage(`--set does not know "${key}"`, 'It sets workingDir, timeout, ignoreExitCode, and env.NAME.');
  const problem = variableProblem(variable);
  if (problem !== undefined) throw usage(`--set: ${problem}`, 'Example: --set env.REGION=eu');
  return { ...method, env: { ...method.env, [variable]: value } };
}

function usage(message: string, hint: string): SwampError {
  return new SwampError('usage', `${message}.`, { hint });
}
