/** `model create`: structural with an empty scope, because names are unique over all types. */

import { randomUUID } from 'node:crypto';
import { SwampError } from '../errors.js';
import { takeBack } from '../fs/durable.js';
import { checkModelName, type Definition, isModelType, parseDefinition, type ShellMethod, serialiseDefinition, typeHint } from '../models/definition.js';
import { assertNameFree, giveWay, publishDefinition, requireOnly } from '../models/names.js';
import { nearest } from '../models/suggest.js';
import { restructure, type Structural } from '../protocol/restructure.js';
import { clearName } from '../recovery/finish.js';
import { displayPath, type Repo } from '../repo.js';
import { operation } from './operation.js';

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
export const modelCreate = operation({ verb: 'model create', access: 'writes', about: ({ type, name }) => `${type} ${name}` }, createModel);

async function createModel(repo: Repo, input: ModelCreateInput, options: { readonly signal: AbortSignal }): Promise<ModelCreateResult> {
  checkModelName(input.name);
  const definition = checked(define(input));
  const { id, name, type } = definition;
  await clearName(repo, name, options);
  let published: string | undefined;
  const create = async (global: Structural): Promise<string> => {
    if (published === undefined) {
      assertNameFree(repo, name);
      global.stillHeld();
      published = await publishDefinition(repo, definition);
    }
    await requireOnly(repo, definition, global.fence);
    return published;
  };
  try {
    const path = await restructure(repo, { models: [], runs: false }, create, options);
    return { id, name, type, path: displayPath(repo, path) };
  } catch (error) {
    // The wait for a second look may have ended without one.
    if (published !== undefined) await takeBack(() => giveWay(repo, definition));
    throw error;
  }
}

/** The definition as it will be read: what the reader would refuse is refused before anything is written. */
function checked(definition: Definition): Definition {
  const parsed = parseDefinition(serialiseDefinition(definition), 'definition', definition);
  if ('definition' in parsed) return parsed.definition;
  const [problem] = parsed.problems;
  throw usage(`The definition would not be valid: ${problem?.message}`, problem?.hint ?? 'Correct the option.');
}

function define({ type, name, run, deleteRun, set = {}, tags = {}, description }: ModelCreateInput): Definition {
  if (!isModelType(type)) throw usage(`There is no model type "${type}"`, typeHint(type));
  const base = { id: randomUUID(), name, type, ...(description === undefined ? {} : { description }), tags };
  if (type === 'store') {
    if (run === undefined && deleteRun === undefined && Object.keys(set).length === 0) return { ...base, methods: {} };
    throw usage('A store has no methods: --run, --delete-run and --set go with command/shell', 'Leave them out, or create a command/shell model.');
  }
  if (run === undefined) throw usage('A command/shell model needs a command', `Example: swamp model create command/shell ${name} --run "echo hello"`);
  const execute = withArguments({ run, workingDir: '.', env: {}, ignoreExitCode: false }, set);
  if (deleteRun === undefined) return { ...base, methods: { execute } };
  return { ...base, methods: { execute, delete: { run: deleteRun, workingDir: '.', env: {}, ignoreExitCode: false } } };
}

function withArguments(method: ShellMethod, set: Readonly<Record<string, string>>): ShellMethod {
  let result = method;
  for (const [key, value] of Object.entries(set)) result = { ...result, ...argument(result, key, value) };
  return result;
}

/** What `--set key=value` changes. */
function argument({ env }: ShellMethod, key: string, value: string): Partial<ShellMethod> {
  if (key.startsWith('env.')) return { env: Object.fromEntries([...Object.entries(env), [key.slice('env.'.length), value]]) };
  switch (key) {
    case 'workingDir':
      return { workingDir: value };
    case 'timeout':
      if (/^[0-9]{1,15}$/.test(value)) return { timeoutMs: Number(value) };
      throw usage(`--set timeout must be a whole number of milliseconds, not "${value}"`, 'Example: --set timeout=60000');
    case 'ignoreExitCode':
      if (value === 'true' || value === 'false') return { ignoreExitCode: value === 'true' };
      throw usage(`--set ignoreExitCode must be true or false, not "${value}"`, 'Example: --set ignoreExitCode=true');
    default:
      throw usage(`--set does not know "${key}"`, settableHint(key));
  }
}

function settableHint(key: string): string {
  const meant = nearest(key, ['workingDir', 'timeout', 'ignoreExitCode']);
  return meant === undefined ? 'It sets workingDir, timeout, ignoreExitCode and env.NAME.' : `Did you mean "${meant}"?`;
}

function usage(message: string, hint: string): SwampError {
  return new SwampError('usage', `${message}.`, { hint });
}
