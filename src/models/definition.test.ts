import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwampError } from '../errors.js';
import { checkModelName, type Definition, methodOf, parseDefinition, serialiseDefinition, withName } from './definition.js';
import type { Problem } from './problem.js';

const ID = '523ffdc3-8648-47ae-a1a2-1fb185d39bbc';
const PATH = 'models/command/shell/race-writer.yaml';
const EXAMPLE = `id: ${ID}
name: race-writer
type: command/shell
tags: { env: prod }
methods:
  execute: { arguments: { run: "sleep 0.3; echo done", workingDir: ., timeout: 60000, env: { A: b }, ignoreExitCode: false } }
  delete:  { arguments: { run: "./teardown.sh" } }
`;
const STORE = `id: ${ID}\nname: s\ntype: store\n`;

function valid(text: string, at: { readonly name: string; readonly type?: string } = { name: 's' }): Definition {
  const parsed = parseDefinition(text, PATH, at);
  assert.ok('definition' in parsed, JSON.stringify(parsed));
  return parsed.definition;
}

function problems(text: string, at: { readonly name: string; readonly type?: string } = { name: 's' }): readonly Problem[] {
  const parsed = parseDefinition(text, PATH, at);
  assert.ok('problems' in parsed, 'no problem was found');
  assert.ok(parsed.problems.length > 0);
  return parsed.problems;
}

test('the example of the manual is read', () => {
  assert.deepEqual(valid(EXAMPLE, { name: 'race-writer', type: 'command/shell' }), {
    id: ID,
    name: 'race-writer',
    type: 'command/shell',
    tags: { env: 'prod' },
    methods: {
      execute: { run: 'sleep 0.3; echo done', workingDir: '.', timeoutMs: 60_000, env: { A: 'b' }, ignoreExitCode: false },
      delete: { run: './teardown.sh', workingDir: '.', env: {}, ignoreExitCode: false },
    },
  });
});

test('a store needs no methods, and may say so', () => {
  assert.deepEqual(valid(STORE), { id: ID, name: 's', type: 'store', tags: {}, methods: {} });
  assert.deepEqual(valid(`${STORE}methods: {}\n`).methods, {});
});

test('tags, variables and commands written as numbers or booleans are the text that was written', () => {
  const { tags, methods } = valid(`id: ${ID}
name: m
type: command/shell
tags: { version: 1.10, on: true, hex: 0x1F, date: 2026-01-02, quoted: "007", empty: "" }
methods:
  execute:
    arguments:
      run: true
      env: { PORT: 08, RATIO: 1e3 }
`);
  assert.deepEqual(tags, { version: '1.10', on: 'true', hex: '0x1F', date: '2026-01-02', quoted: '007', empty: '' });
  assert.equal(methods['execute']?.run, 'true');
  assert.deepEqual(methods['execute']?.env, { PORT: '08', RATIO: '1e3' });
});

const SHELL = `id: ${ID}\nname: s\ntype: command/shell\n`;
const RUN = `${SHELL}methods:\n  execute:\n    arguments:\n      run: date\n`;

/** Each text, the line that its only problem is told at, and what the problem says. */
const PROBLEMS: readonly (readonly [title: string, text: string, line: number, message: RegExp, hint?: RegExp])[] = [
  ['nothing in it', '', 1, /empty/],
  ['only a comment', '# nothing\n', 1, /empty/],
  ['a list', '- a\n- b\n', 1, /must be a mapping/],
  ['a text', 'just words\n', 1, /must be a mapping/],
  ['an unknown field', `${STORE}tagz: {}\n`, 4, /unknown field "tagz" in the definition/, /Did you mean "tags"\?/],
  ['a field of another tool', `${STORE}typeVersion: 2026.02.09.1\n`, 4, /unknown field "typeVersion"/, /Known here: id, name/],
  ['a field that stands twice', `${STORE}\nname: s\n`, 5, /"name" occurs twice in the definition, first in line 2/],
  ['a tag that stands twice, once quoted', `${STORE}tags:\n  1: a\n  "1": b\n`, 6, /"1" occurs twice in tags, first in line 5/],
  ['no id', 'name: s\ntype: store\n', 1, /"id" is missing in the definition/],
  ['an id in upper case', STORE.replace(ID, ID.toUpperCase()), 1, /not a lower-case UUID/],
  ['an id that is a path', STORE.replace(ID, '../../etc/passwd'), 1, /not a lower-case UUID/],
  ['an unknown type', STORE.replace('store', 'stoer'), 3, /unknown type "stoer"/, /Did you mean "store"\?/],
  ['a type that every object has', STORE.replace('store', 'constructor'), 3, /unknown type "constructor"/],
  ['a store with a method', `${STORE}methods:\n  execute: { arguments: { run: date } }\n`, 5, /a store has no methods/],
  ['a shell without methods', SHELL, 1, /"execute" is missing in methods/],
  ['a shell without execute', `${SHELL}methods:\n  delete: { arguments: { run: date } }\n`, 4, /"execute" is missing in methods/],
  ['an unknown method', `${RUN}  executes: { arguments: { run: date } }\n`, 8, /unknown field "executes" in methods/, /Did you mean "execute"\?/],
  ['a method without arguments', `${SHELL}methods:\n  execute: {}\n`, 5, /"arguments" is missing in methods\.execute/],
  ['a method without a command', `${SHELL}methods:\n  execute: { arguments: { workingDir: . } }\n`, 5, /"run" is missing in methods\.execute\.arguments/],
  ['an empty command', `${SHELL}methods:\n  execute: { arguments: { run: "  " } }\n`, 5, /run is empty/],
  ['a command that is a list', RUN.replace('date', '[date]'), 7, /run must be a text/],
  ['a command with a NUL', RUN.replace('date', String.raw`"a\0b"`), 7, /run has a NUL/],
  ['an unknown argument', `${RUN}      workingdir: .\n`, 8, /unknown field "workingdir"/, /Did you mean "workingDir"\?/],
  ['a time limit in words', `${RUN}      timeout: 10s\n`, 8, /timeout must be a whole number from 1 to 2147483647/],
  ['a time limit of nothing', `${RUN}      timeout: 0\n`, 8, /timeout must be a whole number/],
  ['a time limit larger than a timer takes', `${RUN}      timeout: 2147483648\n`, 8, /timeout must be a whole number/],
  ['a yes for true', `${RUN}      ignoreExitCode: yes\n`, 8, /ignoreExitCode must be true or false/],
  ['a tag without a value', `${STORE}tags:\n  env:\n`, 5, /tags\.env must be a text/],
  ['a tag without a name', `${STORE}tags: { "": x }\n`, 4, /a tag needs a name/],
  ['a tag that is a mapping', `${STORE}tags:\n  env: { a: b }\n`, 5, /tags\.env must be a text/],
  ['tags without any', `${STORE}tags:\n`, 4, /tags must be a mapping/],
  ['a tag that reaches for the prototype', `${STORE}tags:\n  __proto__: x\n`, 5, /tags has a key that is not a name/],
  ['a key that is a mapping', `${STORE}tags:\n  ? { a: b }\n  : c\n`, 5, /tags has a key that is not a name/],
  ['a variable that is none', `${RUN}      env:\n        MY-VAR: x\n`, 9, /"MY-VAR" cannot be the name of an environment variable/],
  ['a variable that swamp sets', `${RUN}      env:\n        SWAMP_ANCESTORS: x\n`, 9, /SWAMP_ANCESTORS is set by swamp itself/],
  ['a variable that reaches for the prototype', `${RUN}      env:\n        __proto__: x\n`, 9, /key that is not a name/],
  ['an alias', `${STORE}description: &a text\ntags: { a: *a }\n`, 5, /\*a is an alias/],
  ['a merge', `${STORE}tags: { <<: { a: b } }\n`, 4, /tags\.<< must be a text/],
  ['a tag of YAML that nobody knows', `${STORE}description: !secret x\n`, 4, /secret/],
  ['a second document', `${STORE}---\n${STORE}`, 4, /a second document begins here/],
  ['a tab for indentation', `${STORE}tags:\n\tenv: prod\n`, 5, /[Tt]ab/, /spaces/],
  ['an open quote', `${STORE}description: "abc\n`, 5, /quote/i],
  ['half a character', `${STORE}description: "\\ud800"\n`, 4, /half a character/],
];

for (const [title, text, line, message, hint] of PROBLEMS) {
  test(`${title} is a problem, told with its line`, () => {
    const [first, ...more] = problems(text);
    assert.deepEqual(more, []);
    assert.match(first?.message ?? '', message);
    assert.equal(first?.line, line);
    assert.equal(first?.path, PATH);
    if (hint !== undefined) assert.match(first?.hint ?? '', hint);
  });
}

test('a definition must be what its path says', () => {
  const [name, type, ...more] = problems(EXAMPLE, { name: 'reader', type: 'store' });
  assert.match(name?.message ?? '', /name is "race-writer", and the file is reader\.yaml/);
  assert.match(type?.message ?? '', /the type is "command\/shell", the directory is models\/store/);
  assert.deepEqual(more, []);
});

test('the name is that of the file; another one in the text is told beside the definition', () => {
  assert.deepEqual(parseDefinition(`id: ${ID}\ntype: store\n`, PATH, { name: 'a' }), {
    definition: { id: ID, name: 'a', type: 'store', tags: {}, methods: {} },
  });
  for (const name of ['b', '../s', 'A']) {
    const parsed = parseDefinition(STORE.replace('name: s', `name: ${name}`), PATH, { name: 'a' });
    assert.ok('definition' in parsed);
    assert.equal(parsed.definition.name, 'a');
    const { line, message, hint } = parsed.misnamed ?? {};
    assert.deepEqual([line, message], [2, `name is "${name}", and the file is a.yaml`]);
    assert.match(hint ?? '', /remove the line/);
  }
});

test('a definition that gets another name keeps its text, but for the name in it', () => {
  const bare = `# of ours\nid:   ${ID}\ntype: store\n`;
  assert.equal(withName(bare, 'b'), bare);
  assert.equal(withName(`# of ours\n${STORE}`, 'b'), `# of ours\n${STORE.replace('name: s', 'name: b')}`);
});

test('every problem is told at once, in the order of the lines', () => {
  const found = problems(`${RUN}      timeout: x\n      typo: y\ntagz: 1\n`);
  assert.deepEqual(
    found.map(({ line }) => line),
    [8, 9, 10],
  );
});

test('a file with a thousand problems tells twenty and counts the rest', () => {
  const found = problems(STORE + Array.from({ length: 1_000 }, (_, i) => `field${i}: x\n`).join(''));
  assert.equal(found.length, 21);
  assert.match(found.at(-1)?.message ?? '', /980 more problems/);
});

test('a text beyond the limits of size or depth is refused in bounded time', () => {
  const cases = {
    'larger than 1048576 bytes': `description: "${'x'.repeat(1024 * 1024)}"`,
    'nested deeper than 20 levels': '['.repeat(100_000),
  };
  for (const [message, text] of Object.entries(cases))
    assert.deepEqual(
      problems(text).map((problem) => problem.message),
      [message],
    );
  for (const text of [
    '{a: '.repeat(50_000),
    '- '.repeat(100_000),
    '? '.repeat(100_000),
    Array.from({ length: 60 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''),
  ]) {
    assert.match(problems(text)[0]?.message ?? '', /nested deeper than 20 levels/);
  }
});

test('no text reaches the prototype of anything', () => {
  for (const text of [
    `${STORE}__proto__: { polluted: 1 }\n`,
    `${STORE}constructor: { prototype: { polluted: 1 } }\n`,
    `${STORE}tags: { "__proto__": { polluted: x } }\n`,
  ])
    problems(text);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  const { tags } = valid(`${STORE}tags: { constructor: a, toString: b }\n`);
  assert.deepEqual(Object.entries(tags), [
    ['constructor', 'a'],
    ['toString', 'b'],
  ]);
});

test('a method is never found on the prototype', () => {
  const definition = valid(EXAMPLE);
  assert.equal(methodOf(definition, 'delete').run, './teardown.sh');
  for (const name of ['constructor', 'toString', '__proto__', 'exekute']) {
    assert.throws(
      () => methodOf(definition, name),
      (error) => error instanceof SwampError && error.code === 'usage',
    );
  }
  assert.throws(
    () => methodOf(definition, 'excute'),
    (error) => error instanceof SwampError && error.hint === 'Did you mean "execute"?',
  );
  assert.throws(
    () => methodOf(valid(STORE), 'execute'),
    (error) => error instanceof SwampError && /data put/.test(error.hint ?? ''),
  );
});

test('a model name is 1 to 100 plain characters that begin with a letter or digit', () => {
  for (const name of ['a', 'A.b_c-9', '0', 'x'.repeat(100)]) checkModelName(name);
  for (const name of ['', '.a', '-a', '_a', 'a/b', 'a b', 'ä', 'a\n', '..', 'x'.repeat(101)]) {
    assert.throws(
      () => checkModelName(name),
      (error) => error instanceof SwampError && error.code === 'name_invalid',
      name,
    );
  }
});

test('what is written is the shape of the manual, without what is at its default', () => {
  assert.equal(
    serialiseDefinition(valid(EXAMPLE)),
    `id: ${ID}
type: command/shell
tags:
  env: prod
methods:
  execute:
    arguments:
      run: sleep 0.3; echo done
      timeout: 60000
      env:
        A: b
  delete:
    arguments:
      run: ./teardown.sh
`,
  );
});

test('a script of several lines is written as a block, and a long line is not folded', () => {
  const run = `set -e\nfor i in 1 2 3; do\n\techo "$i"\ndone\n`;
  const base = valid(EXAMPLE);
  const execute = { run, workingDir: 'sub dir', env: {}, ignoreExitCode: true };
  assert.match(serialiseDefinition({ ...base, methods: { execute } }), /run: \|\n {8}set -e\n/);
  const long = `echo ${'word '.repeat(100)}end`;
  assert.ok(serialiseDefinition({ ...base, methods: { execute: { ...execute, run: long } } }).includes(long));
});

/** A small generator with a seed, so that a failure can be repeated. */
function randomTexts(seed: number): () => string {
  const pieces = [
    'a',
    'Z',
    '0',
    ' ',
    '  ',
    '\n',
    '\n\n',
    '\t',
    '\r',
    '\r\n',
    '"',
    "'",
    ':',
    ': ',
    ' #',
    '#',
    '-',
    '- ',
    '?',
    '|',
    '>',
    '%',
    '@',
    '`',
    '&a',
    '*a',
    '!',
    '{',
    '}',
    '[',
    ']',
    ',',
    '\\',
    '~',
    'null',
    'true',
    'yes',
    '1e3',
    '0x1',
    '.5',
    '---',
    '...',
    '<<',
    '=',
    'é',
    '😀',
    '\u2028',
    '\u0085',
    '\ufeff',
    '\u0007',
    '$(x)',
  ];
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  return () => Array.from({ length: next(9) }, () => pieces[next(pieces.length)] ?? '').join('');
}

const AWKWARD = [
  ...['', '\n', '\n\n', ' \n', ' \n\n', '\t\n\n', ' \nx', '\nx', '  a\nb', '\ta\nb', 'a\n \nb', 'a\n  ', 'a\n\n\n', '# a\nb', '- a\n'],
  ...['a\r\nb\n', 'a\rb', 'a\u2028b\n', 'a\u0085b\n', '\ufeffa\n', 'x\u0007\n'],
];

test('texts that a YAML block cannot hold are read back the same', () => {
  for (const text of AWKWARD) {
    const execute = { run: `x${text}`, workingDir: text, env: { A: ` ${text}`, B: `${text} ` }, ignoreExitCode: false };
    const definition: Definition = { id: ID, name: 'm', type: 'command/shell', description: text, tags: { [`t${text}`]: text }, methods: { execute } };
    assert.deepEqual(parseDefinition(serialiseDefinition(definition), PATH, definition), { definition }, JSON.stringify(text));
  }
});

test('whatever is written is read back the same', () => {
  const seed = Date.now() >>> 0;
  const text = randomTexts(seed);
  for (let round = 0; round < 3_000; round++) {
    const execute = { run: `x${text()}`, workingDir: text(), env: { A: text(), _9: text() }, ignoreExitCode: round % 2 === 0, timeoutMs: round + 1 };
    const definition: Definition = {
      id: ID,
      name: 'm',
      type: 'command/shell',
      description: text(),
      tags: { [`t${text()}`]: text(), '1': '2' },
      methods: { execute },
    };
    const written = serialiseDefinition(definition);
    const parsed = parseDefinition(written, PATH, definition);
    assert.deepEqual(parsed, { definition }, `seed ${seed}, round ${round}:\n${written}`);
  }
});
