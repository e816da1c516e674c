/** Changes single values of a definition by their names, and keeps everything else of its text: comments, order, layout. */
import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isScalar, parseDocument } from 'yaml';
import { SwampError } from '../errors.js';
import { type Definition, type ModelType, methodNames, parseDefinition } from './definition.js';
import { nearest } from './suggest.js';
import { shapeText } from './yaml.js';

/** The values to set, and those to remove, by name. */
export interface Values {
  readonly set: Readonly<Record<string, string>>;
  readonly unset: readonly string[];
}

const ARGUMENTS = ['run', 'workingDir', 'timeout', 'ignoreExitCode'];
const RETENTION = ['lifetime', 'gc'];
/** Mappings that may be missing: the last value that is removed takes them along. */
const OPTIONAL = /^(tags|retention|methods\/[^/]+\/arguments\/env)$/;

/**
 * The text with other values, of a valid definition; undefined when nothing of it would change. Names: `description`, `tags.NAME`,
 * `retention.lifetime`, `retention.gc`, `methods.METHOD.arguments.NAME`; and the arguments of `execute` without what is in front of them: `run`,
 * `workingDir`, `timeout`, `ignoreExitCode`, `env.NAME`. Throws `usage` for another name, and for a value that would make it invalid.
 */
export function withValues(text: string, current: Pick<Definition, 'name' | 'type'>, { set, unset }: Values): string | undefined {
  // compat: as in serialiseDefinition.
  const document = parseDocument(text, { compat: 'yaml-1.1' });
  for (const key of unset) remove(document, pathOf(key, current, 'unset'));
  for (const [key, value] of Object.entries(set)) put(document, pathOf(key, current, 'set'), value);
  const changed = document.toString({ lineWidth: 0 });
  const parsed = parseDefinition(changed, 'definition', { name: current.name, type: current.type });
  const before = parseDefinition(text, 'definition', { name: current.name, type: current.type });
  if ('definition' in parsed) return isDeepStrictEqual(parsed, before) ? undefined : changed;
  const [problem] = parsed.problems;
  throw new SwampError('usage', `The definition would not be valid any more: ${problem?.message}.`, {
    hint: problem?.hint ?? 'Nothing was changed.',
    data: { problems: parsed.problems },
  });
}

/** The names of the values that a definition of this type may have; behind one that ends with a dot another name is wanted. */
export function valueNames(type: ModelType): readonly string[] {
  const ofMethods = methodNames(type).flatMap((method) => [...ARGUMENTS, 'env.'].map((name) => `methods.${method}.arguments.${name}`));
  const short = ofMethods.length === 0 ? [] : [...ARGUMENTS, 'env.'];
  return ['description', 'tags.', ...RETENTION.map((name) => `retention.${name}`), ...short, ...ofMethods];
}

function put(document: Document.Parsed, path: readonly string[], text: string): void {
  document.setIn(path, scalarOf(path.at(-1), path.includes('arguments') && !path.includes('env'), text));
  const node = document.getIn(path, true);
  // The style of the text before may not fit this one.
  if (isScalar(node)) shapeText(node);
}

/** What is not a number or a switch where one is wanted stays a text, which the reader of the definition refuses in its own words. */
function scalarOf(name: string | undefined, isArgument: boolean, text: string): string | number | boolean {
  if (isArgument && name === 'timeout' && /^[0-9]{1,15}$/.test(text)) return Number(text);
  if (isArgument && name === 'ignoreExitCode' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

function remove(document: Document.Parsed, path: readonly string[]): void {
  if (!document.hasIn(path)) return;
  document.deleteIn(path);
  const above = path.slice(0, -1);
  const parent = document.getIn(above);
  if (OPTIONAL.test(above.join('/')) && isMap(parent) && parent.items.length === 0) document.deleteIn(above);
}

/** Where a name leads in the document. Throws `usage`. */
function pathOf(key: string, { type }: Pick<Definition, 'type'>, act: 'set' | 'unset'): readonly string[] {
  const [first = '', ...rest] = key.split('.');
  const name = rest.join('.');
  if (key === 'description') return [key];
  if (first === 'tags' && (name !== '' || act === 'unset')) return name === '' ? [first] : [first, name];
  if (first === 'retention' && (RETENTION.includes(name) || (name === '' && act === 'unset'))) return name === '' ? [first] : [first, name];
  const methods: readonly string[] = methodNames(type);
  if (ARGUMENTS.includes(key) || (first === 'env' && name !== '')) return ['methods', 'execute', 'arguments', ...argument(key, type, methods)];
  const [method = '', word, ...argumentName] = rest;
  if (first === 'methods' && methods.includes(method)) {
    if (word === undefined && act === 'unset') return [first, method];
    const last = argumentName.join('.');
    if (word === 'arguments' && (ARGUMENTS.includes(last) || last.startsWith('env.') || (last === 'env' && act === 'unset')))
      return [first, method, word, ...argument(last, type, methods)];
  }
  throw unknownKey(key, type);
}

function argument(name: string, type: string, methods: readonly string[]): readonly string[] {
  if (methods.length === 0)
    throw new SwampError('usage', `A ${type} has no methods, so "${name}" cannot be set.`, { hint: 'It has a description, tags and retention.' });
  return name.startsWith('env.') ? ['env', name.slice('env.'.length)] : [name];
}

function unknownKey(key: string, type: ModelType): SwampError {
  if (key === 'name') return new SwampError('usage', 'The name of a model is that of its file.', { hint: 'Rename it with "swamp model rename".' });
  if (key === 'id' || key === 'type')
    return new SwampError('usage', `The ${key} of a model cannot be changed: its data is filed under it.`, { hint: 'Create another model.' });
  const known = valueNames(type);
  const meant = nearest(key, known);
  const shown = (name: string): string => (name.endsWith('.') ? `${name}NAME` : name);
  const all = known.filter((name) => !name.startsWith('methods.')).map(shown);
  if (all.length < known.length) all.push('methods.METHOD.arguments.NAME');
  return new SwampError('usage', `A ${type} has no value ${JSON.stringify(key.slice(0, 200))}.`, {
    hint: meant === undefined ? `There are ${all.join(', ')}.` : `Did you mean "${shown(meant)}"?`,
    data: { key: key.slice(0, 200) },
  });
}
