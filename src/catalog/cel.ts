/** The language of predicates, CEL: what an expression mentions, and what it answers for a version. The only file that knows the package, which is loaded with the first expression. */
import type { ASTNode } from '@marcbachmann/cel-js';
import { SwampError } from '../errors.js';
import { QUERY_FIELDS } from './fields.js';

export type Node = ASTNode;

/** A value for each field that the expression mentions. */
export type FieldValues = Readonly<Record<string, unknown>>;

export interface Expression {
  readonly tree: Node;
  /** The fields that are mentioned. */
  readonly fields: ReadonlySet<string>;
  /** Its answer; undefined where it has none, for instance because a key is missing. */
  evaluate(values: FieldValues): unknown;
}

/** An expression over the fields of a version. Throws `usage`. `wants`: the type it must have. */
export async function compile(source: string, what: string, wants?: 'bool'): Promise<Expression> {
  const { Environment, EvaluationError, TypeError: TypeMismatch } = await import('@marcbachmann/cel-js');
  const environment = new Environment({ unlistedVariablesAreDyn: false, homogeneousAggregateLiterals: false, enableOptionalTypes: true });
  for (const { name, cel } of QUERY_FIELDS) environment.registerVariable(name, cel);
  const { valid, type, error } = environment.check(source);
  if (!valid) throw refusal(source, what, error?.message ?? 'it is malformed');
  if (wants !== undefined && ![wants, 'dyn'].includes(String(type))) throw refusal(source, what, `its answer is ${type}, not true or false`);
  const run = environment.parse(source);
  const evaluate = (values: FieldValues): unknown => {
    try {
      return run(values as Record<string, unknown>);
    } catch (error) {
      if (error instanceof EvaluationError || error instanceof TypeMismatch) return undefined;
      throw error;
    }
  };
  return { tree: run.ast, fields: mentioned(run.ast), evaluate };
}

function refusal(source: string, what: string, message: string): SwampError {
  const [first = '', ...more] = message.split('\n');
  const unknown = /^Unknown variable: (\S+)/.exec(first)?.[1];
  const at = more.find((line) => line.trim() === '^')?.indexOf('^');
  const where = more.find((line) => /^> +\d+ \| /.test(line));
  const column = at === undefined || where === undefined ? undefined : at - where.indexOf('| ') - 1;
  return new SwampError(
    'usage',
    unknown === undefined
      ? `The ${what} ${JSON.stringify(source)} cannot be understood: ${first}${column === undefined ? '' : ` (at character ${column})`}.`
      : `There is no field "${unknown}".`,
    {
      hint:
        unknown === undefined
          ? `Example: swamp data query 'size > 1000 && tags.env == "prod"'`
          : `The fields are ${QUERY_FIELDS.map(({ name }) => name).join(', ')}.`,
      data: { expression: source, ...(unknown !== undefined && { field: unknown, fields: QUERY_FIELDS.map(({ name }) => name) }) },
    },
  );
}

const NAMES: ReadonlySet<string> = new Set(QUERY_FIELDS.map(({ name }) => name));

function mentioned(tree: unknown, into = new Set<string>()): ReadonlySet<string> {
  if (Array.isArray(tree)) for (const one of tree) mentioned(one, into);
  else if (isNode(tree)) {
    if (tree.op === 'id' && typeof tree.args === 'string' && NAMES.has(tree.args)) into.add(tree.args);
    mentioned(tree.args, into);
  }
  return into;
}

function isNode(value: unknown): value is { readonly op: string; readonly args: unknown } {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

/** What JSON says, as the language has it: whole numbers are int, others double; a key never reaches a prototype. */
export function fromJson(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([key, one]) => [key, fromJson(one)]));
}

/** What the language answers, as JSON: null for what has no answer or no form there. */
export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value === undefined || value === null || typeof value === 'boolean' || typeof value === 'string') return value ?? null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Set) return [...value].map(toJson);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(entries.map(([key, one]) => [String(key), toJson(one)]));
}
