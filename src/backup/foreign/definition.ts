/** A definition of swamp-club's swamp as one of this program. */
import { isModelId } from '../../layout/layout.js';
import { type Definition, isModelName, parseDefinition, type ShellMethod, serialiseDefinition } from '../../models/definition.js';
import { readBoolean, readInteger, textField } from '../../models/yaml.js';
import { type ForeignMapping, fieldsOf, mappingIn, textsIn, wrongIn } from './yaml.js';

export interface ForeignDefinition {
  readonly definition: Definition;
  /** Relative to the foreign repository. */
  readonly path: string;
}

type Read = { readonly problem: string } | { readonly definition: Definition; readonly notes: readonly string[] };

/** What is of that program alone, and says nothing of the model. */
const BOOKKEEPING = ['typeVersion', 'version', 'type'];

/** `notes`: what of it is left out. */
export function readForeignDefinition(text: string, path: string): Read {
  const reading = fieldsOf(text, path);
  if (typeof reading === 'string') return { problem: reading };
  const { source, fields } = reading;
  const [id, name, description] = ['id', 'name', 'description'].map((key) => textField(source, fields.get(key)));
  const tags = textsIn(reading, fields.get('tags'));
  const { method, notes } = methodIn(reading);
  const given = [...mappingIn(reading, 'globalArguments').keys()];
  const known = ['id', 'name', 'description', 'tags', 'methods', 'globalArguments', ...BOOKKEEPING];
  const others = [...fields.keys()].filter((key) => !known.includes(key));
  if (source.found.length > 0) return { problem: wrongIn(source) };
  if (id === undefined || !isModelId(id.toLowerCase())) return { problem: 'has no id that is a UUID' };
  if (name === undefined || !isModelName(name)) return { problem: `has a name that a model cannot have here: ${JSON.stringify(name ?? null)}` };
  const base = { id: id.toLowerCase(), name, ...(description === undefined ? {} : { description }), tags };
  const definition: Definition =
    method === undefined ? { ...base, type: 'store', methods: {} } : { ...base, type: 'command/shell', methods: { execute: method } };
  const parsed = parseDefinition(serialiseDefinition(definition), path, { name });
  if ('problems' in parsed) return { problem: `cannot be a definition here: ${parsed.problems[0]?.message}` };
  return {
    definition: parsed.definition,
    notes: [
      ...notes,
      ...(method === undefined ? ['has no command of its own; it becomes a store, with its data'] : []),
      ...(given.length === 0 ? [] : [`its globalArguments are left out: ${given.join(', ')}`]),
      ...others.map((key) => `its field "${key}" is left out`),
    ],
  };
}

/** Its `execute`, where that has a command. */
function methodIn({ source, fields }: ForeignMapping): { readonly method: ShellMethod | undefined; readonly notes: readonly string[] } {
  const methods = mappingIn({ source, fields }, 'methods');
  const notes = [...methods.keys()].filter((name) => name !== 'execute').map((name) => `its method "${name}" is left out`);
  const execute = mappingIn({ source, fields: methods }, 'execute');
  notes.push(...[...execute.keys()].filter((name) => name !== 'arguments').map((name) => `the field "${name}" of its method is left out`));
  const given = mappingIn({ source, fields: execute }, 'arguments');
  const known = ['run', 'workingDir', 'timeout', 'env', 'ignoreExitCode'];
  notes.push(...[...given.keys()].filter((name) => !known.includes(name)).map((name) => `the argument "${name}" of its method is left out`));
  const run = textField(source, given.get('run'));
  const workingDir = textField(source, given.get('workingDir')) ?? '.';
  const timeoutMs = readInteger(source, given.get('timeout'), { min: 1, max: 2 ** 31 - 1 });
  const env = textsIn({ source, fields: given }, given.get('env'));
  const ignoreExitCode = readBoolean(source, given.get('ignoreExitCode')) ?? false;
  if (run === undefined || run.trim() === '') return { method: undefined, notes };
  if (run.includes('${{')) notes.push('its command has an expression of that program, which is not evaluated here');
  return { method: { run, workingDir, ...(timeoutMs === undefined ? {} : { timeoutMs }), env, ignoreExitCode }, notes };
}
