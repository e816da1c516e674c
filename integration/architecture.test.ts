/** The rules of the source that no compiler knows: which layer may import which, who may write, what a file looks like. No exceptions. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { describe, test } from 'node:test';
import { ROOT } from './support/swamp.js';

/** Each may import what stands further down, and nothing else; those on one line do not know each other. */
const LAYERS: readonly (readonly string[])[] = [
  ['index.ts', 'cli'],
  ['library'],
  ['demo'],
  ['operations'],
  ['backup', 'recovery', 'watch'],
  ['models', 'catalog'],
  ['protocol'],
  ['store'],
  ['locks'],
  ['fs'],
  ['repo.ts'],
  ['layout'],
  ['timing.ts', 'event-loop.ts', 'at-most.ts', 'version.ts'],
  ['errors.ts'],
];

/** Where a package may be imported. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  yargs: /^cli\/help\.ts$/,
  'yargs-parser': /^cli\/parse\.ts$/,
  '@logtape/logtape': /^(cli\/log|library\/loggers)\.ts$/,
  'proper-lockfile': /^locks\/lease\.ts$/,
  'node-sqlite3-wasm': /^catalog\/driver\.ts$/,
  '@marcbachmann/cel-js': /^catalog\/cel\.ts$/,
  'tar-stream': /^backup\/archive\.ts$/,
  yaml: /^(models\/|repo\.ts$)/,
};

/** Functions of node:fs that change something by its path. `open` is one unless it only reads. */
const MUTATION =
  /^(appendFile|chmod|chown|copyFile|cp|createWriteStream|fchmod|fchown|ftruncate|futimes|lchmod|lchown|link|lutimes|mkdir|mkdtemp|rename|rm|rmdir|symlink|truncate|unlink|utimes|writeFile)(Sync)?$/;

/** Functions of node:fs that open a descriptor to read, read from it or close it. `cli` writes to those it was started with. */
const DESCRIPTOR = /^(close|closeSync|openSync|read|readSync|readv|createReadStream|createWriteStream)$/;

interface Import {
  readonly from: string;
  readonly names: readonly string[];
}

interface Source {
  /** Below src/. */
  readonly path: string;
  readonly text: string;
  /** The text with comments and the content of quoted texts blanked. */
  readonly code: string;
  readonly imports: readonly Import[];
}

const SOURCES = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .sort()
  .map(sourceAt);
const SHIPPED = SOURCES.filter(({ path }) => !path.endsWith('.test.ts'));

function sourceAt(path: string): Source {
  const text = readFileSync(join(ROOT, 'src', path), 'utf8');
  return { path, text, code: blanked(text), imports: importsOf(text) };
}

/** Static ones, dynamic ones, and what is exported from elsewhere. */
function importsOf(text: string): Import[] {
  const statements = text.matchAll(/^(?:import|export)\s(?:type\s)?([^'";]*?)\s?from\s'([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm);
  return [...statements].map(([, clause = '', ...sources]) => ({
    from: sources.find((source) => source !== undefined) ?? '',
    names: [...clause.matchAll(/(?<![\w$]|\bas\s)(?!type\b|as\b)([\w$]+|\*)(?=\s*(?:,|\}|$|as\b))/g)].map(([, name = '']) => name),
  }));
}

/** Keeps lines and lengths, so that a match tells its place. */
function blanked(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(,])\/\/.*$|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/gm, (match) => match.replaceAll(/[^\n]/g, ' '));
}

function layerOf(path: string): number {
  const [first = ''] = path.split('/');
  return LAYERS.findIndex((layer) => layer.includes(first));
}

describe('imports', () => {
  const relative = SHIPPED.flatMap(({ path, imports }) =>
    imports.filter(({ from }) => from.startsWith('.')).map(({ from }) => ({ path, to: normalize(join(dirname(path), from)).replace(/\.js$/, '.ts') })),
  );

  test('are all seen by this test', () => {
    assert.ok(relative.length > 400, `${relative.length} imports`);
    const known = new Set(SOURCES.map(({ path }) => path));
    assert.deepEqual(
      relative.filter(({ to }) => !known.has(to)),
      [],
    );
  });

  test('go downwards only, between layers that all have their place', () => {
    assert.deepEqual(
      SHIPPED.filter(({ path }) => layerOf(path) < 0).map(({ path }) => path),
      [],
      'a file that is in no layer',
    );
    const wrong = relative.filter(({ path, to }) => path.split('/')[0] !== to.split('/')[0] && layerOf(path) >= layerOf(to));
    assert.deepEqual(wrong, []);
  });

  test('have no cycle', () => {
    const next = new Map(SHIPPED.map(({ path }) => [path, relative.filter((one) => one.path === path).map(({ to }) => to)]));
    const done = new Set<string>();
    const walk = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) assert.fail(`${[...trail.slice(trail.indexOf(path)), path].join(' > ')}`);
      if (done.has(path)) return;
      for (const to of next.get(path) ?? []) walk(to, [...trail, path]);
      done.add(path);
    };
    for (const { path } of SHIPPED) walk(path, []);
  });

  test('of packages stand where design/decisions.md has room for them', () => {
    const packages = SHIPPED.flatMap(({ path, imports }) => imports.filter(({ from }) => !/^(\.|node:)/.test(from)).map(({ from }) => ({ path, from })));
    assert.deepEqual(
      packages.filter(({ path, from }) => PACKAGES[from]?.test(path) !== true),
      [],
    );
    const decisions = readFileSync(join(ROOT, 'design/decisions.md'), 'utf8');
    const { devDependencies, dependencies = {} } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, Record<string, string>>;
    assert.deepEqual(dependencies, {}, 'everything is bundled');
    const told = Object.keys(devDependencies ?? {}).filter((name) => !decisions.includes(`| ${name.replace(/^@types\/.*/, '@types/*')} |`));
    assert.deepEqual(told, [], 'a dependency without a line in design/decisions.md');
  });
});

describe('node:fs', () => {
  test('changes the store in fs/ and locks/ only: cli/ writes the file a person asked for, demo/ its own directory', () => {
    const wrong = SHIPPED.filter(({ path }) => !/^(fs|locks|cli|demo)\//.test(path)).flatMap((source) => [
      ...source.imports
        .filter(isFileSystem)
        .flatMap(({ names }) => names.filter((name) => MUTATION.test(name) || name === '*').map((name) => `${source.path}: ${name}`)),
      ...opensToWrite(source).map((call) => `${source.path}: ${call}`),
    ]);
    assert.deepEqual(wrong, []);
  });

  test('is looked for by that test: what it must find, it finds', () => {
    const text =
      "import { type Stats, open, rmSync as remove, statSync } from 'node:fs';\nopen(path, 'r');\nopenSync(join(a, b), 'wx');\nopen(a, constants.O_RDWR);\n";
    const source: Source = { path: 'x.ts', text, code: text, imports: importsOf(text) };
    assert.deepEqual(source.imports[0]?.names, ['Stats', 'open', 'rmSync', 'statSync']);
    assert.equal(MUTATION.test('rmSync'), true);
    assert.deepEqual(opensToWrite(source), ["openSync(join(a, b), 'wx')", 'open(a, constants.O_RDWR)']);
  });

  test('gives descriptors to fs/ alone: elsewhere an open file is a Handle, which nothing but itself can close', () => {
    const wrong = SHIPPED.filter(({ path }) => !/^(fs\/|repo\.ts$)/.test(path)).flatMap(({ path, imports }) =>
      imports.filter(isFileSystem).flatMap(({ names }) => names.filter((name) => DESCRIPTOR.test(name)).map((name) => `${path}: ${name}`)),
    );
    assert.deepEqual(wrong, []);
    assert.deepEqual(
      SHIPPED.filter(({ code }) => /\bcreate(Read|Write)Stream\(/.test(code)).map(({ path }) => path),
      [],
      'a stream closes its descriptor when it is aborted',
    );
  });

  test('leaves it to src/layout to know what stands where in the datastore', () => {
    const families = '(fences|queues|staging|data|tombstones|deleted|kept|uploads|pins|trash|reserve|restoring|quarantine)';
    // `bundle`: what a restore stages is laid out by itself.
    const built = new RegExp(`join\\((?!bundle\\b)[^,()]+, '${families}'`);
    const wrong = SHIPPED.filter(({ path, text }) => path !== 'layout/layout.ts' && !path.startsWith('layout/') && built.test(text)).map(({ path }) => path);
    assert.deepEqual(wrong, []);
    assert.match("join(base, 'data', modelId)", built);
  });

  test('removes trees of the store, scratch beside a backup, and catalogs, in one place each (P5)', () => {
    const callers = SHIPPED.filter(({ path, code }) => path !== 'fs/tree.ts' && /\bremoveTree\(/.test(code)).map(({ path }) => path);
    assert.deepEqual(callers, ['backup/scratch.ts', 'catalog/place.ts', 'store/sweep.ts']);
  });
});

function isFileSystem({ from }: Import): boolean {
  return from === 'node:fs' || from === 'node:fs/promises';
}

/** Calls of open whose flags are not plainly for reading. */
function opensToWrite({ text, imports }: Source): string[] {
  if (!imports.some((one) => isFileSystem(one) && one.names.some((name) => /^open(Sync)?$/.test(name)))) return [];
  const calls = [...text.matchAll(/\bopen(?:Sync)?\((?:[^()]|\([^()]*\))*\)/g)].map(([call]) => call);
  return calls.filter((call) => /\bO_(WRONLY|RDWR|CREAT|TRUNC|APPEND)\b/.test(call) || !/, ('r'|.*\bO_RDONLY\b.*|READ_ONLY|[A-Z_]+_READ)\)$/.test(call));
}

describe('a source file', () => {
  test('opens with a comment that says what it owns', () => {
    assert.deepEqual(
      SHIPPED.filter(({ text }) => !/^\/\*\*\s+(\* )?[A-Z`-][^@]{20}/.test(text)).map(({ path }) => path),
      [],
    );
  });

  test('has at most 400 lines', () => {
    assert.deepEqual(
      SHIPPED.filter(({ text }) => text.split('\n').length > 401).map(({ path, text }) => `${path}: ${text.split('\n').length - 1}`),
      [],
    );
  });

  test('has no any, no enum, no default export, and swallows no error unseen', () => {
    const forbidden: Readonly<Record<string, RegExp>> = {
      any: /[:<,|&(]\s*any\b(?!\s*\()|\bas any\b|\bany\[\]/,
      enum: /\benum\s+[A-Z]/,
      'default export': /\bexport default\b/,
      'catch without the error': /\bcatch\s*\{/,
      'empty catch': /\bcatch\s*\([^)]*\)\s*\{\s*\}/,
      'ignored problem of types': /@ts-(ignore|expect-error|nocheck)|biome-ignore/,
      console: /\bconsole\.\w/,
    };
    const found = SHIPPED.flatMap(({ path, code, text }) =>
      Object.entries(forbidden).flatMap(([what, pattern]) => (pattern.test(what.startsWith('ignored') ? text : code) ? [`${path}: ${what}`] : [])),
    );
    assert.deepEqual(found, []);
  });

  test('exports nothing under a name that another one exports, but for what the program loads by its name', () => {
    const exported = SHIPPED.flatMap(({ path, text }) =>
      [...text.matchAll(/^export (?:async )?(?:function\*?|const|class|interface|type) (\w+)/gm)].map(([, name = '']) => ({ path, name })),
    ).filter(({ path, name }) => !(name === 'run' && path.startsWith('cli/commands/')) && !(name === 'start' && path.startsWith('cli/')));
    const twice = exported.filter(({ path, name }) => exported.some((other) => other.name === name && other.path !== path));
    assert.deepEqual(twice, []);
  });

  test('that is a verb has fewer than 70 lines', () => {
    assert.deepEqual(
      SHIPPED.filter(({ path, text }) => path.startsWith('cli/commands/') && text.split('\n').length > 70).map(({ path }) => path),
      [],
    );
  });
});
