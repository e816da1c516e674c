/** The part of a predicate that SQLite can decide, as SQL: what it leaves out never would have passed. */
import type { Node } from './cel.js';
import type { Bound } from './driver.js';
import { COLUMNS } from './fields.js';

export interface Conditions {
  /** To be joined by `and`. */
  readonly sql: readonly string[];
  readonly values: Bound;
  /** True: what passes these passes the predicate, and nothing else does. */
  readonly exact: boolean;
}

interface Condition {
  readonly sql: string;
  readonly values: Bound;
}

/** Of a predicate that is a conjunction of simple comparisons all are decided there; else those that are. */
export function conditionsOf(tree: Node): Conditions {
  const parts = conjuncts(tree).map(conditionOf);
  const known = parts.flatMap((part) => part ?? []);
  return { sql: known.map(({ sql }) => sql), values: known.flatMap(({ values }) => [...values]), exact: known.length === parts.length };
}

function conjuncts(tree: Node): Node[] {
  return tree.op === '&&' ? (tree.args as [Node, Node]).flatMap(conjuncts) : [tree];
}

const MIRRORED: Readonly<Record<string, string>> = { '==': '==', '!=': '!=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

function conditionOf(node: Node): Condition | undefined {
  const { op } = node;
  if (op === 'value') return node.args === true ? { sql: 'true', values: [] } : undefined;
  if (op === 'id') return isFlag(node) ? { sql: 'v.latest', values: [] } : undefined;
  if (op === '!_') return isFlag(node.args as Node) ? { sql: 'not v.latest', values: [] } : undefined;
  if (op === 'rcall') return beginning(node.args as [string, Node, Node[]]);
  if (op === 'in') return membership(...(node.args as [Node, Node]));
  if (MIRRORED[op] === undefined) return undefined;
  const [left, right] = node.args as [Node, Node];
  return comparison(left, op, right) ?? comparison(right, MIRRORED[op], left);
}

function isFlag(node: Node): boolean {
  return node.op === 'id' && node.args === 'isLatest';
}

function comparison(left: Node, op: string, right: Node): Condition | undefined {
  const column = operandOf(left);
  const literal = literalOf(right);
  if (column === undefined || literal === undefined) return undefined;
  // Two orders of texts agree where one of both is ASCII: by UTF-16 units in the language, by UTF-8 bytes in SQLite.
  if (typeof literal === 'string' && !['==', '!='].includes(op) && /[^\0-\x7f]/.test(literal)) return undefined;
  return { sql: `${column} ${op} ?`, values: [typeof literal === 'boolean' ? Number(literal) : literal] };
}

function membership(element: Node, list: Node): Condition | undefined {
  const column = operandOf(element);
  if (column === undefined || list.op !== 'list') return undefined;
  const literals = (list.args as Node[]).map(literalOf);
  if (literals.length === 0 || literals.some((literal) => literal === undefined || typeof literal === 'boolean')) return undefined;
  return { sql: `${column} in (${literals.map(() => '?').join(', ')})`, values: literals as (string | number)[] };
}

function beginning([name, receiver, given]: [string, Node, Node[]]): Condition | undefined {
  const column = operandOf(receiver);
  const [argument] = given;
  const literal = argument === undefined ? undefined : literalOf(argument);
  if (name !== 'startsWith' || column === undefined || typeof literal !== 'string') return undefined;
  return { sql: `substr(${column}, 1, ?) = ?`, values: [[...literal].length, literal] };
}

/** A field that the catalog holds, or one tag. */
function operandOf(node: Node): string | undefined {
  if (node.op === 'id') return COLUMNS.find(({ name, cel }) => name === node.args && !cel.startsWith('map'))?.column;
  if (node.op !== '.' && node.op !== '[]') return undefined;
  const [of, key] = node.args as [Node, Node | string];
  const name = typeof key === 'string' ? key : literalOf(key);
  if (of.op !== 'id' || of.args !== 'tags' || typeof name !== 'string' || !/^[A-Za-z0-9_.-]+$/.test(name)) return undefined;
  return `json_extract(v.tags, '$."${name}"')`;
}

/** A text, a truth, or a number that both languages hold exactly. */
function literalOf(node: Node): string | number | boolean | undefined {
  if (node.op === '-_') {
    const positive = literalOf(node.args as Node);
    return typeof positive === 'number' ? -positive : undefined;
  }
  const value = node.op === 'value' ? node.args : undefined;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : undefined;
  // SQLite ends a text at a NUL here and there.
  if (typeof value === 'string') return value.includes('\0') ? undefined : value;
  return typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}
