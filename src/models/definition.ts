/**
 * A model's definition and its YAML: strict reading with every problem reported, and writing that reads back the same. The name of
 * the file is the name of the model; a field `name` may repeat it.
 *
 *   id: 523ffdc3-8648-47ae-a1a2-1fb185d39bbc
 *   type: command/shell
 *   tags: { env: prod }
 *   retention: { lifetime: 30d, gc: 10 }
 *   methods:
 *     execute: { arguments: { run: "echo done", workingDir: ., timeout: 60000, env: { A: b }, ignoreExitCode: false } }
 *     delete: { arguments: { run: ./teardown.sh } }
 */
import { Document, parseDocument, visit } from 'yaml';
import { SwampError } from '../errors.js';
import { isModelId } from '../layout/layout.js';
import { ANCESTORS_VARIABLE } from '../repo.js';
import { GC_EXAMPLES, LIFETIME_EXAMPLES, parseGc, parseLifetime } from '../store/lifetimes.js';
import type { Retention } from '../store/retention.js';
import { type PlainYaml, readPlainYaml } from './plain-yaml.js';
import type { Problem } from './problem.js';
import { nearest } from './suggest.js';
import {
  problemsOf,
  readBoolean,
  readFields,
  readInteger,
  readYaml,
  reportAt,
  requireField,
  shapeText,
  textField,
  type YamlField,
  type YamlSource,
} from './yaml.js';

/** The types there are, with the methods of each: the first is required, the others may be missing. */
const METHODS = { store: [], 'command/shell': ['execute', 'delete'] } as const satisfies Record<string, readonly string[]>;

export type ModelType = keyof typeof METHODS;
export const MODEL_TYPES = Object.keys(METHODS) as readonly ModelType[];
/** The largest delay a timer takes (24 days). */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1;

const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
export const NAME_HINT = 'A model name has 1 to 100 letters, digits, ".", "_" or "-", and begins with a letter or digit.';

/** A command for `/bin/sh -c`, as a method of `command/shell`. */
export interface ShellMethod {
  readonly run: string;
  /** Relative to the repository; `.` unless written. */
  readonly workingDir: string;
  readonly timeoutMs?: number;
  readonly env: Readonly<Record<string, string>>;
  /** True: a failing command does not fail the run. */
  readonly ignoreExitCode: boolean;
}

export interface Definition {
  /** A lower-case UUID. */
  readonly id: string;
  /** That of the file. */
  readonly name: string;
  readonly type: ModelType;
  readonly description?: string;
  readonly tags: Readonly<Record<string, string>>;
  /** For data that was stored without a rule of its own. */
  readonly retention?: Retention;
  readonly methods: Readonly<Record<string, ShellMethod>>;
}

export function isModelType(text: string): text is ModelType {
  return Object.hasOwn(METHODS, text);
}

/** The methods that a model of this type may have; the first one it must have. */
export function methodNames(type: ModelType): readonly string[] {
  return METHODS[type];
}

export function isModelName(text: string): boolean {
  return MODEL_NAME.test(text);
}

/** Throws `name_invalid` unless `name` may become a file name (B8). */
export function checkModelName(name: string): void {
  if (!isModelName(name))
    throw new SwampError('name_invalid', `${JSON.stringify(name.slice(0, 200))} cannot be a model name.`, {
      hint: NAME_HINT,
      data: { name: name.slice(0, 200) },
    });
}

/** Why `name` may not become an environment variable of a method; undefined when it may. */
export function variableProblem(name: string): string | undefined {
  if (!VARIABLE_NAME.test(name) || name === '__proto__') return `"${name}" cannot be the name of an environment variable`;
  if (name === ANCESTORS_VARIABLE) return `${name} is set by swamp itself`;
  return undefined;
}

/** The method of that name. Throws `usage` when the model has none. */
export function methodOf(definition: Definition, name: string): ShellMethod {
  const method = Object.hasOwn(definition.methods, name) ? definition.methods[name] : undefined;
  if (method !== undefined) return method;
  const names = Object.keys(definition.methods);
  const meant = nearest(name, names);
  throw new SwampError('usage', `The model "${definition.name}" (${definition.type}) has no method "${name}".`, {
    hint:
      meant !== undefined
        ? `Did you mean "${meant}"?`
        : names.length === 0
          ? `${definition.type === 'store' ? 'A store has no methods' : 'Its definition has no methods'}: write data with "swamp data put".`
          : `It has: ${names.join(', ')}.`,
    data: { model: definition.name, method: name, methods: names },
  });
}

/** `misnamed`: the field `name` is not the name of the file, which counts. */
export type ParsedDefinition = { readonly definition: Definition; readonly misnamed?: Problem } | { readonly problems: readonly Problem[] };

/** Reads a definition. `path` is what problems name; `at` is what the file's own path says. */
export function parseDefinition(text: string, path: string, at: { readonly name: string; readonly type?: string }): ParsedDefinition {
  const plain = readPlainYaml(text);
  const definition = plain && definitionOf(plain, at);
  return definition === undefined ? parseYaml(text, path, at) : { definition };
}

/** parseDefinition by way of YAML, for every text. */
export function parseYaml(text: string, path: string, at: { readonly name: string; readonly type?: string }): ParsedDefinition {
  const { source, root } = readYaml(text, path);
  const fields = readFields(source, root, ['id', 'name', 'type', 'description', 'tags', 'retention', 'methods']);
  if (root === undefined || fields === undefined) return { problems: problemsOf(source) };
  const id = readId(source, requireField(source, root, fields, 'id'));
  const written = fields.get('name');
  const name = textField(source, written);
  const type = readType(source, requireField(source, root, fields, 'type'), at.type);
  const description = textField(source, fields.get('description'));
  const tags = readTexts(source, fields.get('tags'), (tag) => (tag === '' ? 'a tag needs a name' : undefined));
  const retention = readRetention(source, fields.get('retention'));
  const methods = type === undefined ? undefined : readMethods(source, type, fields.get('methods') ?? { what: 'methods', line: 1, node: null });
  const misnamed = name === undefined || name === at.name ? undefined : misnamedAs(path, written?.line ?? 1, name, at.name);
  if (source.found.length > 0 || id === undefined || type === undefined || methods === undefined) {
    if (misnamed !== undefined) source.found.push(misnamed);
    return { problems: problemsOf(source) };
  }
  const optional = { ...(description === undefined ? {} : { description }), tags, ...(retention === undefined ? {} : { retention }) };
  const definition = { id, name: at.name, type, ...optional, methods };
  return misnamed === undefined ? { definition } : { definition, misnamed };
}

/** Undefined for all but a definition that has no problem and nothing rare in it. */
function definitionOf(plain: PlainYaml, at: { readonly name: string; readonly type?: string }): Definition | undefined {
  const { id, type, name = at.name, description, tags, retention, methods, ...others } = Object.fromEntries(plain);
  if (Object.keys(others).length > 0 || typeof id !== 'string' || typeof type !== 'string' || !isModelId(id) || !isModelType(type)) return undefined;
  if ((at.type !== undefined && type !== at.type) || name !== at.name || (description !== undefined && typeof description !== 'string')) return undefined;
  const texts = tags === undefined ? {} : plainTexts(tags);
  const kept = retention === undefined ? {} : plainRetention(retention);
  const shells = type === 'store' && methods === undefined ? {} : type === 'command/shell' ? plainMethods(methods) : undefined;
  if (texts === undefined || kept === undefined || shells === undefined) return undefined;
  const optional = { ...(description === undefined ? {} : { description }), tags: texts, ...(retention === undefined ? {} : { retention: kept }) };
  return { id, name, type, ...optional, methods: shells };
}

function plainRetention(retention: string | PlainYaml): Retention | undefined {
  const { lifetime, gc, ...others } = plainTexts(retention) ?? { neither: '' };
  return isEmpty(others) && isLifetime(lifetime) && isGc(gc) ? retentionOf(lifetime, gc) : undefined;
}

function plainMethods(methods: string | PlainYaml | undefined): Record<string, ShellMethod> | undefined {
  if (!(methods instanceof Map) || !methods.has('execute')) return undefined;
  const entries = [...(methods as PlainYaml)].map(([name, body]) => [name, plainMethod(body)] as const);
  const known = entries.flatMap(([name, method]) =>
    method !== undefined && METHODS['command/shell'].some((one) => one === name) ? [[name, method] as const] : [],
  );
  return known.length === entries.length ? Object.fromEntries(known) : undefined;
}

/** A command, and variables of it: whatever else there may be is rare. */
function plainMethod(body: string | PlainYaml): ShellMethod | undefined {
  const args = body instanceof Map && body.size === 1 ? (body as PlainYaml).get('arguments') : undefined;
  if (!(args instanceof Map)) return undefined;
  const { run, env, ...others } = Object.fromEntries(args as PlainYaml);
  const variables = env === undefined ? {} : plainTexts(env);
  if (Object.keys(others).length > 0 || typeof run !== 'string' || run.trim() === '' || variables === undefined) return undefined;
  if (Object.keys(variables).some((name) => variableProblem(name) !== undefined)) return undefined;
  return { run, workingDir: '.', env: variables, ignoreExitCode: false };
}

function plainTexts(mapping: string | PlainYaml): Record<string, string> | undefined {
  if (typeof mapping === 'string') return undefined;
  const texts = [...mapping].flatMap(([name, text]) => (typeof text === 'string' ? [[name, text] as const] : []));
  return texts.length === mapping.size ? Object.fromEntries(texts) : undefined;
}

/** The YAML of a definition, without its name and without what is at its default; parseDefinition reads it back the same. */
export function serialiseDefinition(definition: Definition): string {
  const { id, type, description, tags, retention } = definition;
  const methods = Object.fromEntries(Object.entries(definition.methods).map(([key, method]) => [key, { arguments: withoutDefaults(method) }]));
  const fields = {
    ...{ id, type },
    ...(description === undefined ? {} : { description }),
    ...(isEmpty(tags) ? {} : { tags }),
    ...(retention === undefined ? {} : { retention }),
    ...(isEmpty(methods) ? {} : { methods }),
  };
  // compat: quotes `yes`, `0o7` and the like, so that an older YAML reader sees texts too. lineWidth 0: a command keeps its line.
  const document = new Document(fields, { compat: 'yaml-1.1' });
  visit(document, { Scalar: (_key, node) => shapeText(node) });
  return document.toString({ lineWidth: 0, blockQuote: 'literal' });
}

/** The arguments of a method as a definition writes them and JSON shows them. */
export function shellArguments({ run, workingDir, timeoutMs, env, ignoreExitCode }: ShellMethod) {
  return { run, workingDir, ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }), env, ignoreExitCode };
}

function withoutDefaults(method: ShellMethod): Partial<ReturnType<typeof shellArguments>> {
  const { workingDir, env, ignoreExitCode, ...rest } = shellArguments(method);
  return { ...rest, ...(workingDir === '.' ? {} : { workingDir }), ...(isEmpty(env) ? {} : { env }), ...(ignoreExitCode ? { ignoreExitCode } : {}) };
}

function isEmpty(record: object): boolean {
  return Object.keys(record).length === 0;
}

/** What to write instead of an unknown type. */
export function typeHint(type: string): string {
  const meant = nearest(type, MODEL_TYPES);
  return meant === undefined ? `Types: ${MODEL_TYPES.join(', ')}.` : `Did you mean "${meant}"?`;
}

function readId(source: YamlSource, field: YamlField | undefined): string | undefined {
  const id = textField(source, field);
  if (field === undefined || id === undefined || isModelId(id)) return id;
  reportAt(source, field.line, `id ${JSON.stringify(id)} is not a lower-case UUID`, 'Restore it from git: the data of the model is filed under its id.');
  return undefined;
}

function misnamedAs(path: string, line: number, name: string, file: string): Problem {
  return {
    path,
    line,
    message: `name is "${name}", and the file is ${file}.yaml`,
    hint: 'The name of the file counts: remove the line, or write that name there.',
  };
}

function readType(source: YamlSource, field: YamlField | undefined, expected: string | undefined): ModelType | undefined {
  const type = textField(source, field);
  if (field === undefined || type === undefined) return undefined;
  if (!isModelType(type)) {
    reportAt(source, field.line, `unknown type "${type}"`, typeHint(type));
    return undefined;
  }
  if (expected !== undefined && type !== expected)
    reportAt(source, field.line, `the type is "${type}", the directory is models/${expected}`, `Move the file to models/${type}/, or correct the type.`);
  return type;
}

function retentionOf(lifetime: string | undefined, gc: string | undefined): Retention {
  return { ...(lifetime === undefined ? {} : { lifetime }), ...(gc === undefined ? {} : { gc }) };
}

function isLifetime(text: string | undefined): boolean {
  return text === undefined || parseLifetime(text) !== undefined;
}

function isGc(text: string | undefined): boolean {
  return text === undefined || parseGc(text) !== undefined;
}

function readRetention(source: YamlSource, field: YamlField | undefined): Retention | undefined {
  const fields = readFields(source, field, ['lifetime', 'gc']);
  if (field === undefined || fields === undefined) return undefined;
  const [lifetime, gc] = [textField(source, fields.get('lifetime')), textField(source, fields.get('gc'))];
  if (!isLifetime(lifetime)) reportAt(source, fields.get('lifetime')?.line, `"${lifetime}" is not a lifetime`, LIFETIME_EXAMPLES);
  if (!isGc(gc)) reportAt(source, fields.get('gc')?.line, `"${gc}" does not say which versions to keep`, GC_EXAMPLES);
  return retentionOf(lifetime, gc);
}

function readMethods(source: YamlSource, type: ModelType, field: YamlField): Record<string, ShellMethod> | undefined {
  const names: readonly string[] = METHODS[type];
  const [first] = names;
  if (first === undefined) return refuseMethods(source, type, field);
  const fields = field.node === null ? new Map<string, YamlField>() : readFields(source, field, names);
  requireField(source, field, fields, first);
  const methods = new Map<string, ShellMethod>();
  for (const [name, body] of fields ?? []) {
    const method = readMethod(source, body);
    if (method !== undefined) methods.set(name, method);
  }
  return Object.fromEntries(methods);
}

function refuseMethods(source: YamlSource, type: ModelType, field: YamlField): Record<string, never> {
  const [method] = (field.node === null ? undefined : readFields(source, field))?.values() ?? [];
  if (method !== undefined) reportAt(source, method.line, `a ${type} has no methods`, 'Remove them, or make the model a command/shell.');
  return {};
}

function readMethod(source: YamlSource, body: YamlField): ShellMethod | undefined {
  const argumentsField = requireField(source, body, readFields(source, body, ['arguments']), 'arguments');
  const fields = readFields(source, argumentsField, ['run', 'workingDir', 'timeout', 'env', 'ignoreExitCode']);
  if (argumentsField === undefined || fields === undefined) return undefined;
  const run = readCommand(source, requireField(source, argumentsField, fields, 'run'));
  const workingDir = textField(source, fields.get('workingDir')) ?? '.';
  const timeoutMs = readInteger(source, fields.get('timeout'), { min: 1, max: MAX_TIMEOUT_MS });
  const env = readTexts(source, fields.get('env'), variableProblem);
  const ignoreExitCode = readBoolean(source, fields.get('ignoreExitCode')) ?? false;
  return run === undefined ? undefined : { run, workingDir, ...(timeoutMs === undefined ? {} : { timeoutMs }), env, ignoreExitCode };
}

function readCommand(source: YamlSource, field: YamlField | undefined): string | undefined {
  const run = textField(source, field);
  if (field === undefined || run === undefined || run.trim() !== '') return run;
  reportAt(source, field.line, `${field.what} is empty`, 'Write the command for /bin/sh -c; "true" does nothing.');
  return undefined;
}

/** A mapping of texts, e.g. tags; `refuse` says what is wrong with a name. */
function readTexts(source: YamlSource, field: YamlField | undefined, refuse: (name: string) => string | undefined): Record<string, string> {
  const texts = new Map<string, string>();
  for (const [name, value] of readFields(source, field) ?? []) {
    const wrong = refuse(name);
    const text = textField(source, value);
    if (wrong !== undefined) reportAt(source, value.line, wrong);
    else if (text !== undefined) texts.set(name, text);
  }
  return Object.fromEntries(texts);
}

/** The text of a definition whose file gets another name: where it has that field, it has the new name there. Comments and layout stay. */
export function withName(text: string, name: string): string {
  return parseDocument(text).has('name') ? withFields(text, { name }) : text;
}

/**
 * The text with other values of these fields, of `name` only where it is there; the rest stays, comments too. Throws `model_invalid` when that is no definition
 * any more, as when it has become too large: publishing it would leave no model.
 */
export function withFields(text: string, fields: Partial<Pick<Definition, 'id' | 'name'>>): string {
  const document = parseDocument(text);
  for (const [key, value] of Object.entries(fields)) if (key !== 'name' || document.has(key)) document.set(key, value);
  const changed = document.toString({ lineWidth: 0 });
  const parsed = parseDefinition(changed, 'definition', { name: fields.name ?? '' });
  if ('definition' in parsed) return changed;
  const { problems } = parsed;
  throw new SwampError('model_invalid', `The definition would not be valid any more: ${problems[0]?.message}.`, {
    hint: problems[0]?.hint ?? 'Edit it, then run the command again.',
    data: { problems },
  });
}
