import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDefinition, parseYaml, serialiseDefinition } from './definition.js';
import { readPlainYaml } from './plain-yaml.js';

const ID = '523ffdc3-8648-47ae-a1a2-1fb185d39bbc';
const AT = { name: 'm' };

/** What a plain value may look like, and what only looks so. */
const VALUE = fc.oneof(
  fc.constantFrom(
    ID,
    'store',
    'command/shell',
    'm',
    'true',
    'null',
    'Null',
    '~',
    '1',
    '1.10',
    '0x1F',
    '1e3',
    '.5',
    '.inf',
    './a.sh',
    '_a',
    'a b',
    'a  b',
    "'it''s'",
  ),
  fc.constantFrom(
    "''",
    "' '",
    "'a: b #'",
    '"x"',
    '[a]',
    '{ a: b }',
    '&a b',
    '*a',
    '!!str a',
    '|',
    '>',
    '- a',
    '? a',
    '-',
    '...',
    '---',
    'a: b',
    'a #b',
    'a ',
    '@a',
    '`a`',
    '%a',
  ),
  fc.string({
    unit: fc.constantFrom('a', 'Z', '0', '9', ' ', '.', '/', '_', '=', ',', ';', '+', '-', "'", ':', '#', '"', '\\', 'é', '\t', '\r'),
    maxLength: 6,
  }),
);
const KEY = fc.constantFrom(
  'id',
  'type',
  'name',
  'description',
  'tags',
  'methods',
  'execute',
  'delete',
  'arguments',
  'run',
  'env',
  'A',
  'timeout',
  'null',
  '<<',
  '1',
  'a b',
  '__proto__',
);
const LINE = fc
  .tuple(fc.constantFrom('', '  ', '    ', '      ', ' ', '\t'), KEY, fc.option(VALUE))
  .map(([indent, key, value]) => (value === null ? `${indent}${key}:` : `${indent}${key}: ${value}`));
/** A definition that is right, as lines. */
const RIGHT = fc.constantFrom(
  [`id: ${ID}`, 'type: store'],
  [`id: ${ID}`, 'type: store', 'description: some text', 'tags:', '  env: prod', '  n: 5'],
  [
    `id: ${ID}`,
    'name: m',
    'type: command/shell',
    'methods:',
    '  execute:',
    '    arguments:',
    '      run: echo a',
    '      env:',
    '        A: b',
    '  delete:',
    '    arguments:',
    "      run: 'x: #y'",
  ],
);
/** Right ones with lines exchanged, added, or left out; and ends of all kinds. */
const TEXT = fc
  .tuple(RIGHT, fc.array(fc.tuple(fc.nat(12), fc.nat(1), LINE), { maxLength: 2 }), fc.constantFrom('\n', '\n', '\n', '', '\n\n', '\r\n', '\n# end\n'))
  .map(([lines, changes, end]) => {
    const changed: string[] = [...lines];
    for (const [at, removed, line] of changes) changed.splice(at, removed, line);
    return changed.join('\n') + end;
  });

test('a definition is read the same with and without the YAML reader, whatever is in it', () => {
  let known = 0;
  fc.assert(
    fc.property(TEXT, (text) => {
      if (readPlainYaml(text) !== undefined) known++;
      assert.deepEqual(parseDefinition(text, 'p', AT), parseYaml(text, 'p', AT));
    }),
    { numRuns: 1_500 },
  );
  assert.ok(known > 150, `${known} of them were read without YAML`);
});

test('what swamp writes for a store, and for a shell model with simple commands, is read without the YAML reader', () => {
  const shell = (run: string) => ({ run, workingDir: '.', env: {}, ignoreExitCode: false });
  for (const definition of [
    { id: ID, name: 'm', type: 'store', tags: {}, methods: {} },
    { id: ID, name: 'm', type: 'store', description: 'Results of the nightly run', tags: { env: 'prod' }, methods: {} },
    { id: ID, name: 'm', type: 'command/shell', tags: {}, methods: { execute: shell('echo done'), delete: shell('./teardown.sh') } },
    { id: ID, name: 'm', type: 'command/shell', tags: {}, methods: { execute: shell('echo "a: b" # c') } },
  ] as const) {
    const text = serialiseDefinition(definition);
    assert.ok(readPlainYaml(text) !== undefined, text);
    assert.deepEqual(parseDefinition(text, 'p', AT), { definition });
  }
});
