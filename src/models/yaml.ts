/**
 * Reads YAML from people as a tree that keeps its lines: limits first, then every problem with file, line and hint.
 * Values are taken from the tree itself, never turned into an object, so no key can reach a prototype.
 */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  type ParsedNode,
  Parser,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { MAX_DEFINITION_BYTES } from '../store/metadata.js';
import type { Problem } from './problem.js';
import { nearest } from './suggest.js';

const MAX_DEPTH = 20;
/** How many problems of one file are reported; the rest is counted. */
const MAX_PROBLEMS = 20;

/** A value, with its dotted name (`methods.execute.arguments`; the whole document has none) and the line of its key. */
export interface YamlField {
  readonly what: string;
  readonly line: number;
  readonly node: ParsedNode | null;
}

/** A file while it is read. What reads it answers undefined after telling a problem, and for an undefined field. */
export interface YamlSource {
  readonly path: string;
  readonly lines: LineCounter;
  /** Everything found so far, in any order. */
  readonly found: Problem[];
}

/** Reads a whole document. `path` is what problems name. */
export function readYaml(text: string, path: string): { readonly source: YamlSource; readonly root: YamlField | undefined } {
  const source: YamlSource = { path, lines: new LineCounter(), found: [] };
  const node = compose(source, text);
  return { source, root: source.found.length > 0 ? undefined : { what: '', line: 1, node } };
}

/** The problems in the order of the lines, the first 20. */
export function problemsOf({ path, found }: YamlSource): readonly Problem[] {
  const sorted = found.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const left = sorted.length - MAX_PROBLEMS;
  return left <= 0 ? sorted : [...sorted.slice(0, MAX_PROBLEMS), { path, message: `${left} more problems` }];
}

export function reportAt(source: YamlSource, line: number | undefined, message: string, hint?: string): void {
  source.found.push({ path: source.path, ...(line === undefined ? {} : { line }), message, ...(hint === undefined ? {} : { hint }) });
}

/** The fields of a mapping by name: duplicates are refused, and so is every name not in `known`. */
export function readFields(source: YamlSource, mapping: YamlField | undefined, known?: readonly string[]): Map<string, YamlField> | undefined {
  if (mapping === undefined) return undefined;
  if (!isMap(mapping.node)) {
    refuse(source, mapping, 'must be a mapping', 'Write "key: value" lines, indented by two spaces.');
    return undefined;
  }
  const fields = new Map<string, YamlField>();
  for (const pair of (mapping.node as YAMLMap<ParsedNode, ParsedNode | null>).items) {
    const line = lineOf(source, pair.key) ?? mapping.line;
    const name = isScalar(pair.key) ? scalarText(pair.key) : undefined;
    const first = name === undefined ? undefined : fields.get(name);
    if (name === undefined || name === '__proto__') reportAt(source, line, `${titleOf(mapping)} has a key that is not a name`, 'Use plain text as the key.');
    else if (first !== undefined) reportAt(source, line, `"${name}" occurs twice in ${titleOf(mapping)}, first in line ${first.line}`, 'Remove one of them.');
    else if (known !== undefined && !known.includes(name)) reportAt(source, line, `unknown field "${name}" in ${titleOf(mapping)}`, hintFor(name, known));
    else fields.set(name, { what: mapping.what === '' ? name : `${mapping.what}.${name}`, line, node: pair.value });
  }
  return fields;
}

/** The field of that name of a mapping; a problem when it is missing. */
export function requireField(source: YamlSource, mapping: YamlField, fields: ReadonlyMap<string, YamlField> | undefined, name: string): YamlField | undefined {
  const field = fields?.get(name);
  if (fields !== undefined && field === undefined) reportAt(source, mapping.line, `"${name}" is missing in ${titleOf(mapping)}`);
  return field;
}

/** A text; a plain number or boolean counts as the text that was written (`1.10` stays `1.10`). */
export function textField(source: YamlSource, field: YamlField | undefined): string | undefined {
  if (field === undefined) return undefined;
  const text = isScalar(field.node) ? scalarText(field.node) : undefined;
  if (text?.isWellFormed() && !text.includes('\0')) return text;
  if (text === undefined) refuse(source, field, 'must be a text', 'An empty text is written "".');
  else refuse(source, field, 'has a NUL or half a character in it', 'Remove it.');
  return undefined;
}

export function readBoolean(source: YamlSource, field: YamlField | undefined): boolean | undefined {
  if (field === undefined) return undefined;
  const value = isScalar(field.node) ? field.node.value : undefined;
  if (typeof value === 'boolean') return value;
  refuse(source, field, 'must be true or false');
  return undefined;
}

export function readInteger(
  source: YamlSource,
  field: YamlField | undefined,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  if (field === undefined) return undefined;
  const value = isScalar(field.node) ? field.node.value : undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  refuse(source, field, `must be a whole number from ${min} to ${max}`);
  return undefined;
}

function refuse(source: YamlSource, field: YamlField, message: string, hint?: string): void {
  const line = lineOf(source, field.node) ?? field.line;
  if (isAlias(field.node)) reportAt(source, line, `*${field.node.source} is an alias`, 'Aliases are not supported here: write the value itself.');
  else reportAt(source, line, `${titleOf(field)} ${message}`, hint);
}

function lineOf(source: YamlSource, node: ParsedNode | null): number | undefined {
  return node === null ? undefined : source.lines.linePos(node.range[0]).line;
}

function titleOf(field: YamlField): string {
  return field.what === '' ? 'the definition' : field.what;
}

/** What was written, for a plain number or boolean too; undefined for an empty value. */
function scalarText(node: Scalar): string | undefined {
  if (node.value === null) return undefined;
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
}

function hintFor(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined ? `Known here: ${known.join(', ')}. Remove everything else.` : `Did you mean "${meant}"?`;
}

function compose(source: YamlSource, text: string): ParsedNode | null {
  if (Buffer.byteLength(text) > MAX_DEFINITION_BYTES) {
    reportAt(source, undefined, `larger than ${MAX_DEFINITION_BYTES} bytes`, 'Keep long scripts in files of their own, and call them.');
    return null;
  }
  const tokens = [...new Parser(source.lines.addNewLine).parse(text)];
  const deep = tooDeep(tokens);
  if (deep !== undefined) {
    reportAt(source, source.lines.linePos(deep.offset).line, `nested deeper than ${MAX_DEPTH} levels`, 'A definition needs five.');
    return null;
  }
  // uniqueKeys compares all pairs, by value: readFields compares texts, in linear time.
  const documents = [...new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'silent' }).compose(tokens, true, text.length)];
  return onlyContents(source, documents);
}

function onlyContents(source: YamlSource, [document, second]: readonly Document.Parsed[]): ParsedNode | null {
  if (second !== undefined)
    reportAt(source, source.lines.linePos(second.range[0]).line, 'a second document begins here', 'One definition a file: remove all but one.');
  for (const error of [...(document?.errors ?? []), ...(document?.warnings ?? [])]) tellSyntax(source, error);
  const contents = document?.contents ?? null;
  if (source.found.length === 0 && (contents === null || (isScalar(contents) && contents.value === null))) {
    reportAt(source, 1, 'the file is empty', 'Restore it from git, or remove it.');
  }
  return contents;
}

function tellSyntax(source: YamlSource, error: YAMLError): void {
  const hint = error.code === 'TAB_AS_INDENT' ? 'Indent with spaces.' : 'Check quotes and indentation: a text with ": " or " #" in it needs quotes.';
  reportAt(source, source.lines.linePos(error.pos[0]).line, error.message, hint);
}

/** The first token below the allowed depth. A loop, not a recursion: 1 MiB of "[" must not exhaust the stack, as composing it would. */
function tooDeep(tokens: readonly CST.Token[]): CST.Token | undefined {
  const stack: { readonly token: CST.Token; readonly depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) return token;
    for (const child of childrenOf(token)) stack.push({ token: child, depth: depth + 1 });
  }
  return undefined;
}

function childrenOf(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value === undefined ? [] : [token.value];
  if (!('items' in token)) return [];
  return token.items.flatMap(({ key, value }) => [key, value].filter((child) => child !== undefined && child !== null));
}

/** Gives a text the style that keeps it byte for byte: a script is a block where it can be one; what has one line is none. */
export function shapeText(node: Scalar): void {
  if (typeof node.value !== 'string') return;
  if (node.value.includes('\n')) node.type = isPlainScript(node.value) ? 'BLOCK_LITERAL' : 'QUOTE_DOUBLE';
  else if (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED') delete node.type;
}

/** A text that a YAML block can hold byte for byte; leading blanks, blank lines with blanks in them and control characters do not survive one. */
function isPlainScript(text: string): boolean {
  return /^[\x21-\x7e]/.test(text) && !/^[ \t]+$/m.test(text) && !/[^\n\t\P{C}]|[\u2028\u2029]/u.test(text);
}
