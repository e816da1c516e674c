/** The package as people get it: packed from a copy of the tree, installed without a network, run, imported, and type-checked. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ROOT } from './support/swamp.js';

const MINUTE = 60_000;
/** What packing needs of the tree; dist/ is built anew. */
const NEEDED = [
  'bin',
  'scripts',
  'src',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.types.json',
  'README.md',
  'LICENSE',
  'API.md',
  'CHANGELOG.md',
  'examples',
  '.npmrc',
];

/** Every command in a directory of its own, with an empty cache and a registry that answers nobody. */
interface Bed {
  readonly base: string;
  readonly sh: (cwd: string, command: string, args: readonly string[], input?: string) => string;
}

function bedFor(t: TestContext): Bed {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'swamp-package-')));
  t.after(() => rmSync(base, { recursive: true, force: true, maxRetries: 3 }));
  const inherited = Object.entries(process.env).filter(([name]) => !/^(SWAMP_|NODE_|npm_)/i.test(name));
  const env = {
    ...Object.fromEntries(inherited),
    HOME: base,
    npm_config_cache: join(base, 'cache'),
    npm_config_registry: 'http://127.0.0.1:9/',
    npm_config_update_notifier: 'false',
  };
  const sh: Bed['sh'] = (cwd, command, args, input = '') => {
    const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, input, encoding: 'utf8', timeout: 2 * MINUTE });
    assert.equal(error, undefined);
    assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
    return stdout;
  };
  return { base, sh };
}

test('the package needs nothing but itself: it installs offline, runs, is imported, and its types hold', async (t) => {
  const { base, sh } = bedFor(t);
  // A copy, because packing builds dist/ from nothing while other tests run the one that is there.
  const tree = join(base, 'tree');
  mkdirSync(tree);
  for (const path of NEEDED) cpSync(join(ROOT, path), join(tree, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  const [packed] = JSON.parse(sh(tree, 'npm', ['pack', '--json', '--pack-destination', base]).replace(/^[^[]*/, '')) as {
    filename: string;
    files: { path: string }[];
  }[];
  const user = join(base, 'user');
  mkdirSync(user);
  const { name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { name: string; version: string };

  await t.test('it holds the program, the library, its types, the licences, and nothing else', () => {
    const paths = packed?.files.map(({ path }) => path) ?? [];
    for (const path of [
      'package.json',
      'README.md',
      'LICENSE',
      'bin/swamp.js',
      'dist/main.cjs',
      'dist/index.js',
      'dist/types/index.d.ts',
      'dist/THIRD-PARTY.txt',
    ])
      assert.ok(paths.includes(path), path);
    assert.deepEqual(
      paths.filter(
        (path) =>
          !/^(package\.json|README\.md|LICENSE|API\.md|CHANGELOG\.md|examples\/[^/]+|bin\/[^/]+|dist\/.*\.(cjs|js|map|d\.ts)|dist\/THIRD-PARTY\.txt|dist\/node-sqlite3-wasm\.wasm)$/.test(
            path,
          ) || /\.test\./.test(path),
      ),
      [],
    );
  });

  await t.test('it installs into an empty folder without a network', () => {
    sh(user, 'npm', ['install', '--offline', '--no-audit', '--no-fund', `../${packed?.filename}`]);
    assert.deepEqual(
      readdirSync(join(user, 'node_modules')).filter((entry) => !entry.startsWith('.')),
      [name],
    );
    assert.equal(JSON.parse(readFileSync(join(user, 'node_modules', name, 'package.json'), 'utf8')).dependencies, undefined);
  });

  await t.test('npx runs it: a version, and what was put comes back', () => {
    const swamp = (args: readonly string[], input?: string): string => sh(user, 'node_modules/.bin/swamp', args, input);
    assert.equal(sh(user, 'npx', ['--no-install', 'swamp', '--version']), `${version}\n`);
    swamp(['repo', 'init', 'data']);
    writeFileSync(join(user, '.npmrc'), '');
    swamp(['data', 'put', 'm', 'a', '--create', '--repo-dir', 'data'], 'content');
    assert.equal(swamp(['data', 'get', 'm', 'a', '--repo-dir', 'data']), 'content');
    assert.match(swamp(['--help']), /^swamp COMMAND/);
    assert.match(swamp(['datastore', 'check', '--repo-dir', 'data']), /no damage, 0 pending/);
  });

  const program = `import { text } from 'node:stream/consumers';
import { CODES, type DataPutResult, type ErrorCode, initRepo, openRepo, SwampError } from 'swamp';

await initRepo('library');
const repo = openRepo('library', { lockTimeoutMs: 5000 });
const put: DataPutResult = await repo.data.put({ model: 'm', name: 'a/b', source: ['one'], create: true });
const { record, openContent } = await repo.data.get({ model: 'm', name: 'a/b' });
const content: string = await text(openContent());
const code: ErrorCode | 'none' = await repo.data.get({ model: 'm', name: 'none' }).then(
  () => 'none' as const,
  (error: unknown) => {
    if (!(error instanceof SwampError)) throw error;
    return error.code;
  },
);
const { findings } = await repo.datastore.check();
console.log(JSON.stringify([put.version, record.version, content, code, CODES[code === 'none' ? 'internal' : code].exit, findings.length]));
`;

  await t.test('it is imported as a library, with the same errors', () => {
    writeFileSync(
      join(user, 'program.mjs'),
      program.replaceAll(/type \w+, |: \w+( \| 'none')?(?= =)|: unknown|\.then\(|as const/g, (match) => (match === '.then(' ? match : '')),
    );
    assert.equal(sh(user, process.execPath, ['program.mjs']), '[1,1,"one","data_not_found",66,0]\n');
  });

  await t.test('an error that nobody catches is short, and named', () => {
    const code = "import { openRepo } from 'swamp'; await openRepo('library').data.get({ model: 'm', name: 'none' });";
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { cwd: user, encoding: 'utf8', timeout: MINUTE });
    assert.match(stderr, /^SwampError: There is no data named "none"/m);
    assert.ok(stderr.length < 3_000, stderr);
  });

  await t.test('its types hold under strict, with no other package installed, and refuse what is wrong', () => {
    writeFileSync(join(user, 'package.json'), '{"type":"module"}');
    writeFileSync(join(user, 'program.ts'), program);
    // A field that there is not, a value of another kind, and a result that was not looked at.
    const wrong = `import { openRepo } from 'swamp';
const repo = openRepo();
// @ts-expect-error there is no such field
await repo.data.put({ model: 'm', name: 'a', source: ['x'], ifchanged: true });
// @ts-expect-error a version is a number
await repo.data.get({ model: 'm', name: 'a', version: '1' });
// @ts-expect-error one artifact, or many
console.log((await repo.data.delete({ model: 'm', name: 'a' })).versionsDeleted);
`;
    writeFileSync(join(user, 'wrong.ts'), wrong);
    const compilerOptions = {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
    };
    // The types of Node are those of whoever uses the library.
    mkdirSync(join(user, 'types'));
    for (const needed of ['node', 'undici-types'])
      symlinkSync(join(ROOT, 'node_modules', needed === 'node' ? '@types/node' : needed), join(user, 'types', needed));
    const config = { compilerOptions: { ...compilerOptions, typeRoots: ['types'], types: ['node'] }, files: ['program.ts', 'wrong.ts'] };
    writeFileSync(join(user, 'tsconfig.json'), JSON.stringify(config));
    sh(user, process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.']);
  });
});

test('an older Node is told which one is needed, in words that it can read', () => {
  const program = join(ROOT, 'bin/swamp.js');
  const source = readFileSync(program, 'utf8');
  assert.doesNotMatch(source, /\b(const|let|class|async|import)\b|=>|`|\?\.|\?\?/);
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { engines: { node: string } };
  for (const [found, code] of [
    ['18.20.4', 78],
    ['20.3.0', 78],
    ['20.18.9', 78],
    ['20.19.0', 0],
    ['22.0.0', 0],
  ] as const) {
    const pretend = `Object.defineProperty(process.versions, 'node', { value: '${found}' }); process.argv[1] = '${program}'; require('${program}');`;
    for (const flags of found === '18.20.4' ? [[], ['--json']] : [[]]) {
      const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', pretend, program, '--version', ...flags], { encoding: 'utf8', timeout: MINUTE });
      assert.equal(status, code, `${found}: ${stderr}`);
      if (code === 0) continue;
      assert.equal(stdout, '');
      assert.ok(stderr.includes(engines.node.replace('>=', '')) && stderr.includes(found), stderr);
      if (flags.length > 0) assert.equal((JSON.parse(stderr) as { error: { code: string } }).error.code, 'config_invalid');
    }
  }
});
