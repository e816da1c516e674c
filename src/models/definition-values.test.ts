/** `model set`: single values change, everything else of the text stays, and both readers of definitions read the result alike. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseDefinition, parseYaml } from './definition.js';
import { withValues } from './definition-values.js';

const ID = '523ffdc3-8648-47ae-a1a2-1fb185d39bbc';
const SHELL = { name: 'm', type: 'command/shell' } as const;
const TEXT = `# what it is for
id: ${ID}
type: command/shell # the type
tags: { env: prod, other: 'x' } # tags

methods:
  # the only one
  execute:
    arguments:
      run: |
        make
        make install
      timeout: 5 # short
`;

function definitionIn(text: string | undefined) {
  const parsed = parseDefinition(text ?? '', 'm.yaml', SHELL);
  assert.ok('definition' in parsed, JSON.stringify(parsed));
  return parsed.definition;
}

test('one value changes, and no other byte', () => {
  const set = (key: string, value: string): string | undefined => withValues(TEXT, SHELL, { set: { [key]: value }, unset: [] });
  assert.equal(set('timeout', '6'), TEXT.replace('timeout: 5', 'timeout: 6'));
  assert.equal(set('methods.execute.arguments.timeout', '6'), TEXT.replace('timeout: 5', 'timeout: 6'));
  assert.equal(set('tags.env', 'dev'), TEXT.replace('prod', 'dev'));
  assert.equal(set('run', 'make all'), TEXT.replace('|\n        make\n        make install', 'make all'));
  assert.equal(set('tags.env', 'prod'), undefined, 'nothing changes');
  assert.equal(withValues(TEXT, SHELL, { set: {}, unset: ['timeout'] }), TEXT.replace(/ +timeout.*\n/, ''));
  assert.equal(withValues(TEXT, SHELL, { set: {}, unset: ['tags.env', 'tags.other', 'tags.none'] }), TEXT.replace(/tags.*\n/, ''));
});

test('whatever text is set is read back, by both readers alike, with all the rest', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('yes', 'null', '1.10', '0o7', '|', ' a', 'a: b', '#', "'", 'a\n', '\n', '~', '-'),
  );
  fc.assert(
    fc.property(texts, texts, fc.boolean(), (tag, run, flow) => {
      fc.pre(tag.isWellFormed() && run.isWellFormed() && !/[\0]/.test(tag + run) && run.trim() !== '');
      const before = flow ? `{ id: ${ID}, type: command/shell, methods: { execute: { arguments: { run: x } } } }\n` : TEXT;
      const text = withValues(before, SHELL, { set: { 'tags.t': tag, run, 'env.A': tag }, unset: ['timeout'] });
      const definition = definitionIn(text);
      assert.deepEqual(definition, { ...definitionIn(before), tags: { ...definitionIn(before).tags, t: tag }, methods: definition.methods });
      assert.deepEqual(definition.methods, { execute: { run, workingDir: '.', env: { A: tag }, ignoreExitCode: false } });
      assert.deepEqual(parseYaml(text ?? '', 'm.yaml', SHELL), { definition });
    }),
    { numRuns: 300 },
  );
});

describe('refused is', () => {
  for (const [key, hint] of [
    ['id=x', /another model/],
    ['type=store', /another model/],
    ['name=n', /model rename/],
    ['runn=x', /"run"/],
    ['tags.=x', /tags\.NAME/],
    ['methods.execute.run=x', /methods\.METHOD\.arguments\.NAME/],
    ['methods.create.arguments.run=x', /methods/],
    ['methods=x', /methods/],
    ['env.SWAMP_ANCESTORS=x', /./],
    ['env.a-b=x', /./],
    ['timeout=1.5', /./],
    ['timeout=-1', /./],
    ['ignoreExitCode=yes', /./],
    ['run= ', /true/],
    ['__proto__=x', /./],
    ['tags.__proto__=x', /./],
    ['constructor=x', /./],
  ] as const) {
    test(key, () => {
      const [name = '', value = ''] = key.split(/=(.*)/s);
      const refusal = (error: unknown): boolean => {
        const { code, hint: shown } = error as { code: string; hint: string };
        assert.equal(code, 'usage');
        assert.match(shown, hint);
        return true;
      };
      assert.throws(() => withValues(TEXT, SHELL, { set: { [name]: value }, unset: [] }), refusal);
    });
  }

  test('a method of a store, and to take away what must be there', () => {
    const store = `id: ${ID}\ntype: store\n`;
    assert.throws(() => withValues(store, { name: 's', type: 'store' }, { set: { run: 'x' }, unset: [] }), { code: 'usage' });
    for (const key of ['run', 'methods.execute']) assert.throws(() => withValues(TEXT, SHELL, { set: {}, unset: [key] }), { code: 'usage' }, key);
  });
});
