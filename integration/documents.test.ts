/** What the documents say of the program is what the program does: numbers, names, paths, tables, the example of a store. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { parse } from '../src/cli/parse.js';
import { COMMANDS } from '../src/cli/table.js';
import { CODES } from '../src/errors.js';
import { openRepo } from '../src/index.js';
import { FAMILIES } from '../src/layout/families.js';
import { createGated, runGated, startGated } from './support/gated.js';
import { createModel, put, type TestRepo, tempRepo, ticketsOf } from './support/repo.js';
import { cannotTrace } from './support/strace.js';
import { finished, launch, ROOT, run, start } from './support/swamp.js';
import { until } from './support/until.js';

/** Files of the project that are kept, relative to its root. */
const FILES = trackedFiles();
const DOCUMENTS = FILES.filter((path) => /^[A-Z]+\.md$/.test(path) || /^(examples|integration)\/README\.md$/.test(path) || /^design\/.*\.md$/.test(path));
const SOURCES = FILES.filter((path) => /^(src|integration)\/.*\.ts$/.test(path));

function trackedFiles(): readonly string[] {
  const git = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const listed = existsSync(join(ROOT, '.git')) ? execFileSync('git', git, { cwd: ROOT, encoding: 'utf8', timeout: 20_000 }).split('\0') : walk('');
  return listed.filter((path) => path !== '' && statSync(join(ROOT, path), { throwIfNoEntry: false })?.isFile() === true).sort();
}

function walk(directory: string): string[] {
  const left = ['.git', ...read('.gitignore').split('\n')].map((line) => line.replace(/\/$/, ''));
  return readdirSync(join(ROOT, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return left.includes(entry.name) ? [] : entry.isDirectory() ? walk(path) : [path];
  });
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

describe('numbered requirements', () => {
  /** `- **P1** ...` in a document. */
  const defined = new Set(DOCUMENTS.flatMap((path) => [...read(path).matchAll(/^- \*\*([A-Z][0-9]+)\*\* /gm)].map(([, number = '']) => number)));

  test('cited in code or in a document are defined in a document, once', () => {
    const all = DOCUMENTS.flatMap((path) => [...read(path).matchAll(/^- \*\*([A-Z][0-9]+)\*\* /gm)].map(([, number = '']) => number));
    assert.deepEqual(
      all.filter((number, i) => all.indexOf(number) !== i),
      [],
    );
    assert.ok(all.length > 50, `${all.length} definitions`);
    const dangling = [...SOURCES, ...DOCUMENTS].flatMap((path) =>
      citations(read(path))
        .filter((number) => !defined.has(number))
        .map((number) => `${path}: ${number}`),
    );
    assert.deepEqual(dangling, []);
  });

  test('that are invariants or steps of the protocol are cited by the code that keeps them', () => {
    const cited = new Set(SOURCES.filter((path) => path.startsWith('src/') && !path.endsWith('.test.ts')).flatMap((path) => citations(read(path))));
    const owed = [...defined].filter((number) => /^[PWSN]/.test(number));
    assert.equal(owed.length, 10 + 5 + 5 + 4);
    assert.deepEqual(
      owed.filter((number) => !cited.has(number)),
      [],
    );
  });

  test('that are invariants are cited by a test', () => {
    const cited = new Set(SOURCES.filter((path) => path.startsWith('integration/') || path.endsWith('.test.ts')).flatMap((path) => citations(read(path))));
    assert.deepEqual(
      [...defined].filter((number) => number.startsWith('P') && !cited.has(number)),
      [],
    );
  });

  test('are the only numbers that code cites: nobody can look up another list', () => {
    const found = SOURCES.flatMap((path) => [...read(path).matchAll(/\((?:habit|rule|issue) [0-9]+/g)].map(([text]) => `${path}: ${text}`));
    assert.deepEqual(found, []);
  });
});

/** P1, W1 to W5, S1..S5; what is quoted or stands in a name (`S3_BUCKET`, `"D2"`) is none. */
function citations(text: string): string[] {
  const numbers = [...text.matchAll(/(?<![\w"'`#/.-])([PWSNLDO])([1-9][0-9]?)(?:(?: to |\.\.)\1([1-9][0-9]?))?(?![\w"'`])/g)];
  return numbers.flatMap(([, letter = '', first = '', last = first]) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => `${letter}${Number(first) + i}`),
  );
}

describe('names in documents', () => {
  test('of files exist', () => {
    const wanted = DOCUMENTS.flatMap((path) =>
      [...read(path).matchAll(/`((?:src|integration|scripts|design|bin|bench|\.ci)\/[\w./-]*)`/g)].map(([, file = '']) => ({ path, file })),
    );
    assert.ok(wanted.length > 40);
    assert.deepEqual(
      wanted.filter(({ file }) => !existsSync(join(ROOT, file))),
      [],
    );
  });

  test('of functions, classes and constants exist in the code', () => {
    const code = SOURCES.map(read).join('\n');
    const words = new Set(code.match(/[A-Za-z_][A-Za-z0-9_]*/g));
    const wanted = DOCUMENTS.filter((path) => path.startsWith('design/')).flatMap((path) =>
      [...read(path).matchAll(/`([a-z]+[A-Z][A-Za-z]*|[A-Z][a-z]+[A-Z][A-Za-z]*|[A-Z]{3,}(?:_[A-Z]+)*)(?:\.([a-z][A-Za-z]*))?`/g)].flatMap(
        ([, name = '', member]) => [name, ...(member === undefined ? [] : [member])].map((word) => ({ path, word })),
      ),
    );
    assert.ok(wanted.length > 50);
    // Errors and signals of the system, and what the code puts together: `${stream}Truncated`.
    const foreign = /^(E[A-Z]+|SIG[A-Z]+|std(out|err)Truncated)$/;
    assert.deepEqual(
      wanted.filter(({ word }) => !words.has(word) && !foreign.test(word)),
      [],
    );
  });

  test('of places in another document lead somewhere', () => {
    const wanted = DOCUMENTS.flatMap((path) =>
      [...read(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => ({ path, link })).filter(({ link }) => !/^[a-z]+:/.test(link)),
    );
    assert.ok(wanted.length > 15);
    for (const { path, link } of wanted) {
      const [file = '', anchor] = link.split('#');
      const target = resolve(ROOT, dirname(path), file === '' ? (path.split('/').at(-1) ?? '') : file);
      assert.ok(existsSync(target), `${path} links to ${link}`);
      if (anchor !== undefined) assert.ok(anchorsOf(readFileSync(target, 'utf8')).includes(anchor), `${path} links to ${link}`);
    }
  });
});

/** The anchors that a heading gets. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}

test('API.md has every declaration that a program can get hold of, as the sources have it', async () => {
  const { apiDocument } = (await import(pathToFileURL(join(ROOT, 'scripts/generate-api.mjs')).href)) as { apiDocument: () => string };
  assert.equal(read('API.md'), apiDocument(), 'run "npm run generate"');
});

describe('design/errors.md and README.md', () => {
  test('have the codes of src/errors.ts: the document as generated, and every exit code in the README', async () => {
    const { errorsDocument } = (await import(pathToFileURL(join(ROOT, 'scripts/generate-errors.mjs')).href)) as {
      errorsDocument: (codes: typeof CODES) => string;
    };
    assert.equal(read('design/errors.md'), errorsDocument(CODES), 'run "npm run generate"');
    const exits = [...read('README.md').matchAll(/^ *\| ([0-9n+]+) \| /gm)].map(([, exit]) => exit);
    const wanted = [0, ...new Set(Object.values(CODES).map(({ exit }) => exit))].sort((a, b) => a - b).map(String);
    assert.deepEqual(exits, [...wanted, '128+n']);
  });

  test('name every verb there is, none that there is not, and call none missing that is there', () => {
    const text = read('README.md');
    const table = text.slice(text.indexOf('## Commands'), text.indexOf('**Not available yet:**'));
    const named = namedVerbs(table);
    assert.deepEqual(
      named.filter((verb) => !isVerb(verb)),
      [],
    );
    const known = new Set(named.map(canonical));
    assert.deepEqual(
      COMMANDS.map(({ verb }) => verb).filter((verb) => !known.has(verb)),
      [],
      'missing in the table of commands',
    );
    const missing = text.slice(text.indexOf('**Not available yet:**'), text.indexOf('\n\n', text.indexOf('**Not available yet:**')));
    assert.deepEqual(namedVerbs(missing).filter(isThere), [], 'said to be missing');
    // `$ swamp ...`, "| swamp ...", and `swamp ...` between backticks.
    const typed = [
      ...DOCUMENTS.map(read)
        .join('\n')
        .matchAll(/(?:^ {4,}(?:\$ |.*\| )?|[`"'])swamp ((?:[a-z]+ ?)+)/gm),
    ].map(([, words = '']) => words.trim());
    assert.ok(typed.length > 15, `${typed.length} commands`);
    assert.deepEqual(
      typed.filter((words) => !beginsWithVerb(words)),
      [],
    );
  });
});

/** In the first cells of a table, or in running text: `data put`, `get` are two of one group; so are `datastore lock status`, `lock release`. */
function namedVerbs(text: string): string[] {
  const cells = text.includes('|') ? text.split('\n').map((line) => line.split('|')[1] ?? '') : [text];
  return cells.flatMap((cell) => {
    let group: string[] = [];
    return [...cell.matchAll(/`([a-z][a-z -]*)`/g)].map(([, words = '']) => {
      const [plain = '', flag] = words.split(/ (?=--)/);
      // The group of the one before, then less and less of it.
      const readings = group.map((_, i) => `${group.slice(0, group.length - i).join(' ')} ${plain}`);
      const full = [plain, ...readings].find(isVerb) ?? (plain.includes(' ') ? plain : (readings[0] ?? plain));
      group = full.split(' ').slice(0, -1);
      return flag === undefined ? full : `${full} ${flag}`;
    });
  });
}

function canonical(words: string): string {
  return COMMANDS.find(({ verb, also }) => verb === words || also?.includes(words))?.verb ?? words;
}

function isVerb(words: string): boolean {
  return COMMANDS.some(({ verb }) => verb === canonical(words));
}

/** A verb, or a verb with a flag that it has. */
function isThere(words: string): boolean {
  const [verb = '', flag] = words.split(' --');
  const command = COMMANDS.find((one) => one.verb === canonical(verb));
  return command !== undefined && (flag === undefined || command.flags.some(({ name }) => name === flag));
}

function beginsWithVerb(words: string): boolean {
  const list = words.split(' ');
  return list.some((_, i) => isVerb(list.slice(0, i + 1).join(' '))) || parse(list).kind !== 'refused' || /^(on|itself|again|and|of)\b/.test(words);
}

describe('design/disk-layout.md', () => {
  test('shows a store as a real one looks, path by path', async (t) => {
    const repo = await tempRepo(t, { pending: 'allowed' });
    await fillEveryFamily(repo);
    const name = 'm';
    const gated = startGated(repo, name);
    await gated.begun();
    const deleter = start(repo, ['data', 'delete', name, 'result', '--force'], { timeoutMs: 60_000 });
    const modelId = (JSON.parse((await run(repo, ['model', 'get', name, '--json'])).stdout) as { id: string }).id;
    await until('the delete waits', () => ticketsOf(repo, { kind: 'run', modelId }, 'd').length === 1, { detail: deleter.stderr });
    const real = shapesOf(treeOf(join(repo.dir, '.swamp/v3')));
    gated.letGo();
    await finished(gated.running);
    await finished(deleter);
    const example = shapesOf(exampleTree());
    assert.deepEqual(
      { onlyInTheDocument: example.filter((path) => !real.includes(path)), onlyInTheStore: real.filter((path) => !example.includes(path)) },
      { onlyInTheDocument: [], onlyInTheStore: [] },
    );
  });

  test('has a row for each family of paths that src/layout builds, as has the comment there', () => {
    const text = read('design/disk-layout.md');
    const table = text.slice(text.indexOf('### Families'), text.indexOf('## Names'));
    const rows = [...table.matchAll(/^\| `([a-z.]+)\/?` \|/gm)].map(([, family]) => family);
    const built = builtFamilies();
    assert.deepEqual(rows.toSorted(), built);
    const comment = [...read('src/layout/layout.ts').matchAll(/^ \* {5}([a-z]+)\//gm)].map(([, family]) => family ?? '');
    assert.deepEqual([...new Set(comment)].sort(), built.filter((family) => !family.includes('.')).sort());
    for (const { name } of FAMILIES) assert.ok(built.includes(name), name);
  });
});

/** The first segment below v3/ of every path that a Layout builds. */
function builtFamilies(): string[] {
  const families = [...read('src/layout/layout.ts').matchAll(/this\.#at\('([a-z.]+)'/g)].map(([, family = '']) => family);
  return [...new Set(families)].sort();
}

/** Something in every family that there is now: a deleted model, a tombstone, kept outputs, a long name, a name that is encoded. */
async function fillEveryFamily(repo: TestRepo): Promise<void> {
  await createModel(repo, 'dead');
  await run(repo, ['model', 'delete', 'dead', '--force']);
  await createGated(repo, 'm');
  await runGated(repo, 'm');
  await put(repo, 'm', 'Reports/2026 Q3.txt', 'x');
  await run(repo, ['data', 'delete', 'm', 'Reports/2026 Q3.txt', '--force']);
  await put(repo, 'm', 'Reports/2026 Q3.txt', 'y');
  await put(repo, 'm', 'a very long name/'.repeat(20), 'x');
  const { upload } = openRepo(repo.dir);
  for (const [name, ...parts] of [
    ['dump', 'one', 'two'],
    ['unfinished', 'hello'],
  ]) {
    const { uploadId } = await upload.begin({ model: 'm', name: name ?? '' });
    for (const [i, text] of parts.entries()) await upload.part({ upload: uploadId, partNumber: i + 1, source: [text] });
    if (name === 'dump') await upload.complete({ upload: uploadId });
  }
  const losing = startGated(repo, 'm');
  await losing.begun();
  await run(repo, ['datastore', 'lock', 'release', '--force', '--model', 'm']);
  losing.letGo();
  await finished(losing.running, 75);
}

/** Every path below a directory; a directory ends with a slash. */
function treeOf(root: string, below = ''): string[] {
  return readdirSync(join(root, below), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [`${below}${entry.name}/`, ...treeOf(root, `${below}${entry.name}/`)] : [`${below}${entry.name}`],
  );
}

/** The indented tree of the document, as paths. */
function exampleTree(): string[] {
  const text = read('design/disk-layout.md');
  const block = text.slice(text.indexOf('    .swamp/v3/\n') + '    .swamp/v3/\n'.length).split('\n\n')[0] ?? '';
  const open: string[] = [];
  return block.split('\n').map((line) => {
    const depth = (line.length - line.trimStart().length) / 2 - 3;
    const name = line.trim().split(/\s{2,}/)[0] ?? '';
    open.splice(depth, open.length, name);
    return open.join('');
  });
}

const HOLDER = '[0-9a-fx]+-[0-9a-fx]+-[0-9x]+-[0-9x]+-[0-9]+-[0-9a-fx]+-[0-9a-f]{12}';

/** What the format fixes of a path; what differs from store to store is replaced by what it is. */
function shapeOf(path: string): string {
  return path
    .replace(/^reserve\/[0-9]+$/, 'reserve/<number>')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replace(new RegExp(`/[0-9]{13}-([awd])-${HOLDER}\\.json`), '/<ticket $1>')
    .replace(new RegExp(`^(fences/.*/)[0-9]+\\.${HOLDER}(?=/|$)`), '$1<held>')
    .replace(/^(fences\/.*\/)[0-9]+\.free-[0-9a-f]{12}(?=\/|$)/, '$1<free>')
    .replaceAll(new RegExp(HOLDER, 'g'), '<holder>')
    .replace(/scope\.[0-9]+\./, 'scope.<epoch>.')
    .replace(/^uploads\/<id>\/<id>-[0-9a-f]{12}/, 'uploads/<id>/<upload>')
    .replace(/\/sums\/[0-9]+\.[0-9]+\.[0-9a-f]{64}$/, '/sums/<sum>')
    .replace(/^kept\/<id>\/[0-9]+-[0-9a-f]{12}\//, 'kept/<id>/<epoch>-<nonce>/')
    .replace(/^trash\/<id>-[0-9]+-[0-9a-f]{12}/, 'trash/<id>-<epoch>-<nonce>')
    .replace(/(?<=tombstone-|trash\/)[0-9a-f]{12}$/, '<nonce>')
    .replace(/^data\/<id>\/[^/]+%~[0-9a-f]{64}\//, 'data/<id>/<long artifact>/')
    .replace(/^(data\/<id>\/[^/]+\/)[0-9]+(?=\/|$)/, '$1<version>');
}

function shapesOf(paths: readonly string[]): string[] {
  return [...new Set(paths.map(shapeOf))].sort();
}

describe('the order of syncs', () => {
  const skip = cannotTrace() ?? false;

  test('of a put is the one that design/disk-layout.md tells (P3, P6)', { skip }, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'one');
    const steps = await stepsOf(repo, ['data', 'put', 'm', 'a', '/etc/hostname']);
    assert.deepEqual(steps, [
      'sync staging/<holder>/v/content',
      'sync staging/<holder>/v/metadata.json',
      'sync staging/<holder>/v',
      'rename fences/<id>/data/<free> fences/<id>/data/<held>',
      'rename staging/<holder>/v fences/<id>/data/<held>/<holder>.v',
      'rename fences/<id>/data/<held>/<holder>.v data/<id>/a/<version>',
      'sync fences/<id>/data',
      'sync data/<id>/a',
      'rename fences/<id>/data/<held> fences/<id>/data/<free>',
      'answer',
    ]);
  });

  test('of an upload is the one that design/disk-layout.md tells (P3, P6)', { skip }, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'one');
    const { uploadId } = await openRepo(repo.dir).upload.begin({ model: 'm', name: 'a' });
    assert.deepEqual(await stepsOf(repo, ['data', 'upload', 'part', uploadId, '1', '/etc/hostname']), [
      'sync staging/<holder>/part',
      'sync uploads/<id>/<upload>/sums',
      'rename staging/<holder>/part uploads/<id>/<upload>/parts/1',
      'sync uploads/<id>/<upload>/parts',
      'answer',
    ]);
    assert.deepEqual(await stepsOf(repo, ['data', 'upload', 'complete', uploadId]), [
      'rename uploads/<id>/<upload> uploads/<id>/<upload>.<holder>',
      'sync uploads/<id>',
      'sync uploads/<id>/<upload>.<holder>/parts',
      'sync staging/<holder>/v/metadata.json',
      'sync staging/<holder>/v',
      'rename fences/<id>/data/<free> fences/<id>/data/<held>',
      'rename staging/<holder>/v staging/<holder>/outputs/v',
      'sync staging/<holder>/outputs/intent.json',
      'sync staging/<holder>/outputs',
      'rename staging/<holder>/outputs fences/<id>/data/<held>/<holder>.intent',
      'sync fences/<id>/data',
      'sync fences/<id>/data/<held>',
      'rename uploads/<id>/<upload>.<holder>/parts fences/<id>/data/<held>/<holder>.intent/v/parts',
      'sync fences/<id>/data/<held>/<holder>.intent/v',
      'rename fences/<id>/data/<held>/<holder>.intent/v data/<id>/a/<version>',
      'sync data/<id>/a',
      'rename uploads/<id>/<upload>.<holder> fences/<id>/data/<held>/trash/<nonce>',
      'sync fences/<id>/data',
      'sync uploads/<id>',
      'rename fences/<id>/data/<held>/<holder>.intent fences/<id>/data/<held>/trash/<nonce>',
      'rename fences/<id>/data/<held>/trash trash/<id>-<epoch>-<nonce>',
      'rename fences/<id>/data/<held> fences/<id>/data/<free>',
      'answer',
    ]);
  });

  test('of a delete is the one that design/disk-layout.md tells (P4, P5, P6)', { skip }, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'one');
    const steps = await stepsOf(repo, ['data', 'delete', 'm', 'a', '--force']);
    assert.deepEqual(
      steps.filter((step) => !/global|scope/.test(step)),
      [
        'rename fences/<id>/data/<free> fences/<id>/data/<held>',
        'sync staging/<holder>/tombstone-<nonce>',
        'rename staging/<holder>/tombstone-<nonce> fences/<id>/data/<held>/<holder>.tombstone-<nonce>',
        'rename fences/<id>/data/<held>/<holder>.tombstone-<nonce> tombstones/<id>/a.json',
        'sync tombstones/<id>',
        'rename data/<id>/a fences/<id>/data/<held>/trash/<nonce>',
        'sync fences/<id>/data',
        'sync data/<id>',
        'rename fences/<id>/data/<held>/trash trash/<id>-<epoch>-<nonce>',
        'rename fences/<id>/data/<held> fences/<id>/data/<free>',
        'answer',
      ],
    );
  });
});

/** Every sync and every rename below v3/, and the answer, in the order in which they ended. */
async function stepsOf(repo: TestRepo, args: readonly string[]): Promise<string[]> {
  const log = join(repo.base, 'strace');
  const strace = ['-f', '-qq', '-y', '-e', 'trace=fsync,?rename,?renameat,?renameat2,write', '-e', 'signal=none', '-o', log];
  const program = [process.execPath, repo.bin, ...args];
  // One thread in the pool: what is begun together ends in one order.
  await finished(launch(repo, 'strace', [...strace, ...program], { env: { UV_THREADPOOL_SIZE: '1' } }));
  const begun = new Map<string, string>();
  const steps = readFileSync(log, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, thread = '', call = ''] = /^([0-9]+) +(.*)$/.exec(line) ?? [];
      if (call.endsWith('<unfinished ...>')) return begun.set(thread, call) && [];
      return [call.startsWith('<...') ? (begun.get(thread) ?? '') : call];
    })
    .flatMap((call) => {
      if (/^write\(1</.test(call)) return ['answer'];
      const below = [...call.matchAll(/\.swamp\/v3\/([^">]+)/g)].map(([, path = '']) => path);
      return below.length === 0 || call.startsWith('write') ? [] : [`${call.startsWith('fsync') ? 'sync' : 'rename'} ${below.map(shapeOf).join(' ')}`];
    });
  // What is made on the way, once for all: families, and the staging of a session.
  return steps.filter((step) => !/^sync ([a-z]+|staging\/<holder>)?$/.test(step));
}

test('what the program tells people to run is a verb that there is, or the first words of some', () => {
  const verbs = COMMANDS.flatMap(({ verb, also }) => [verb, ...(also ?? [])]);
  const isKnown = (words: string): boolean => verbs.some((verb) => `${words} `.startsWith(`${verb} `) || `${verb} `.startsWith(`${words} `));
  const told = SOURCES.filter((path) => path.startsWith('src/') && !path.endsWith('.test.ts')).flatMap((path) =>
    [...read(path).matchAll(/"swamp ([a-z]+(?: [a-z]+)*)/g)].map(([, words = '']) => ({ path, words })),
  );
  assert.ok(told.length > 50, `${told.length} are told`);
  assert.deepEqual(
    told.filter(({ words }) => !isKnown(words)),
    [],
  );
});

test('no file that is kept names a machine, a person, or a registry', () => {
  // In pieces, so that this file is none of them.
  const words = [
    ['/', 'work/'],
    ['/', 'root/'],
    ['/tmp', '/[a-z]{1,3}/'],
    ['registry\\.', 'npmjs'],
    ['npm', 'mirror'],
    ['veri', 'daccio'],
    ['"resol', 'ved":'],
  ];
  const pattern = new RegExp(words.map((parts) => parts.join('')).join('|'), 'i');
  const homes = /\/(home|Users)\/(?!you\b)[a-z]/;
  const found = FILES.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) || homes.test(line) ? [`${path}:${i + 1}: ${line.trim().slice(0, 120)}`] : [])),
  );
  assert.deepEqual(found, []);
});
