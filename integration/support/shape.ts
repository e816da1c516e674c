/** What a JSON result must look like: exactly these fields, of these kinds. */
import assert from 'node:assert/strict';

/**
 * `text?`, `number?`: null is right too. A list holds the shape of every item. In an object a key that ends with `?` may be
 * missing, and `*` stands for every key that is not named.
 */
export type Shape = 'text' | 'text?' | 'number' | 'number?' | 'flag' | readonly [Shape] | { readonly [key: string]: Shape };

/** All of one kind, by name. */
export function fields(names: string, shape: Shape): { readonly [key: string]: Shape } {
  return Object.fromEntries(names.split(' ').map((name) => [name, shape]));
}

export function assertShape(value: unknown, shape: Shape, where = 'result'): void {
  if (typeof shape === 'string') assertKind(value, shape, where);
  else if (isList(shape)) {
    assert.ok(Array.isArray(value), `${where} is a list`);
    for (const [i, item] of value.entries()) assertShape(item, shape[0], `${where}[${i}]`);
  } else assertObject(value, shape, where);
}

function isList(shape: Exclude<Shape, string>): shape is readonly [Shape] {
  return Array.isArray(shape);
}

const KINDS = { text: 'string', number: 'number', flag: 'boolean' } as const;

function assertKind(value: unknown, shape: Extract<Shape, string>, where: string): void {
  if (shape.endsWith('?') && value === null) return;
  assert.equal(typeof value, KINDS[shape.replace('?', '') as keyof typeof KINDS], `kind of ${where}: ${JSON.stringify(value)}`);
}

function assertObject(value: unknown, shape: { readonly [key: string]: Shape }, where: string): void {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `${where} is an object: ${JSON.stringify(value)}`);
  const { '*': others, ...named } = shape;
  for (const [key, item] of Object.entries(value)) {
    const wanted = named[key] ?? named[`${key}?`] ?? others;
    assert.ok(wanted !== undefined, `${where} has no field "${key}" in the contract: ${JSON.stringify(value)}`);
    assertShape(item, wanted, `${where}.${key}`);
  }
  const missing = Object.keys(named).filter((key) => !key.endsWith('?') && !Object.hasOwn(value, key));
  assert.deepEqual(missing, [], `missing in ${where}: ${JSON.stringify(value)}`);
}
