/**
 * Bundles what is shipped into dist/; nothing is left to install.
 *
 *   main.cjs and what it loads  the program, CommonJS: Node starts that faster, and starting is most of what a command costs
 *   node-sqlite3-wasm.wasm      SQLite, as its package has it
 *   index.js                    the library, ES modules, to be read: not minified, with the names of the source
 *
 * `--release` starts from an empty dist/ and adds the declarations of the library.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { thirdParty } from './third-party.mjs';
import { root, writeFiles } from './tree.mjs';

const { version } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));

const YAML = resolve(root, 'node_modules/yaml/browser/dist/index.js');

/** SQLite itself. */
const WASM = 'node-sqlite3-wasm.wasm';

const COMMON = {
  absWorkingDir: root,
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  minify: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  // graceful-fs would patch the process; proper-lockfile is given its own fs. The ES modules of yaml can be bundled in parts.
  alias: { 'graceful-fs': 'node:fs', yaml: YAML },
  metafile: true,
  define: { SWAMP_VERSION: JSON.stringify(version) },
  write: false,
  logLevel: 'warning',
};

/** What stands in a file of its own, loaded when it is first imported. No two of them may share what is compared by identity. */
const APART = {
  './hot.js': 'hot',
  './everything.js': 'everything',
  './help.js': 'help',
  './log.js': 'log',
  'tar-stream': 'tar-stream',
  'node-sqlite3-wasm': 'sqlite',
  '@marcbachmann/cel-js': 'cel',
};

/** Stands in main.cjs for the hash of the other bundles until that is known. */
const UNNAMED = '0'.repeat(16);

const program = await build({
  ...COMMON,
  entryPoints: {
    main: 'src/cli/main.ts',
    hot: 'src/cli/hot.ts',
    everything: 'src/cli/everything.ts',
    help: 'src/cli/help.ts',
    log: 'src/cli/log.ts',
    'tar-stream': 'tar-stream',
    sqlite: 'node-sqlite3-wasm',
    cel: '@marcbachmann/cel-js',
    yaml: YAML,
  },
  alias: { 'graceful-fs': 'node:fs' },
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  supported: { 'dynamic-import': false },
  define: { ...COMMON.define, 'import.meta.url': 'importMeta.url', SWAMP_BUILD: JSON.stringify(UNNAMED) },
  banner: { js: `const importMeta={get url(){return require("node:url").pathToFileURL(__filename).href}},lazyReq=${lazyModule};` },
  plugins: [{ name: 'apart', setup: keepApart }],
});

const library = await build({
  ...COMMON,
  // An error that nobody catches shows the line it comes from: minified, that line is the whole library.
  minify: false,
  keepNames: true,
  sourcemap: false,
  entryPoints: { index: 'src/index.ts' },
  chunkNames: 'library/[name]-[hash]',
  format: 'esm',
  splitting: true,
  // SQLite looks for its WebAssembly beside itself; there is one copy for the program and the library.
  define: { ...COMMON.define, __dirname: 'distDirectory' },
  banner: {
    js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url),distDirectory=import.meta.dirname.replace(/[/]library$/,'');",
  },
});

const bundles = program.outputFiles
  .filter(({ path }) => path.endsWith('.cjs'))
  .map(({ path, text }) => ({ path, text: inAscii(withLazyModules(text)), isMain: path.endsWith('/main.cjs') }));
const release = process.argv.includes('--release');
if (release) rmSync(resolve(root, 'dist'), { recursive: true, force: true });
writeFiles([
  ...bundles.map(({ path, text, isMain }) => ({ path, contents: Buffer.from(isMain ? text.replace(UNNAMED, nameOf(bundles)) : text) })),
  ...program.outputFiles.filter(({ path }) => !path.endsWith('.cjs')),
  ...library.outputFiles,
  { path: resolve(root, 'dist', WASM), contents: readFileSync(resolve(root, 'node_modules/node-sqlite3-wasm/dist', WASM)) },
  { path: resolve(root, 'dist/THIRD-PARTY.txt'), contents: Buffer.from(thirdParty(program.metafile, library.metafile)) },
]);
if (release) declarations();

function keepApart(bundler) {
  // Most definitions are of a shape that is read without it, and it is as much code as a command.
  bundler.onResolve({ filter: /^yaml$/ }, () => ({ path: './yaml.cjs', external: true }));
  bundler.onResolve({ filter: /.*/ }, ({ path, kind }) => {
    const file = kind === 'dynamic-import' ? APART[path] : undefined;
    return file === undefined ? undefined : { path: `./${file}.cjs`, external: true };
  });
  // Its one use of Node's own, of five modules, is to ask whether an argument is a function.
  bundler.onResolve({ filter: /^assert$/ }, ({ importer }) => (importer.includes('/signal-exit/') ? { path: resolve(root, 'scripts/assert.cjs') } : undefined));
}

/** What the program is told of its bundles: code that was kept of others is not for these. */
function nameOf(all) {
  const hash = createHash('sha256');
  for (const { text, isMain } of all) {
    // The program reads them byte by byte.
    if (/[^\0-\x7f]/.test(text)) throw new Error('A bundle is not ASCII.');
    if (!isMain) hash.update(text);
  }
  return hash.digest('hex').slice(0, UNNAMED.length);
}

/** A pattern of a package may have other characters: the bundler leaves those as they are. */
function inAscii(code) {
  return code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Stands for a module until something of it is used: several of Node's cost more to load than a command takes to run. */
function lazyModule(id) {
  let loaded;
  return new Proxy(
    {},
    {
      get(_, name) {
        loaded ??= require(id);
        return loaded[name];
      },
    },
  );
}

/** As long as what it replaces, for the source map's sake. */
function withLazyModules(code) {
  return code.replaceAll(/=require\(("(?:node:[a-z/_]+|\.\/yaml\.cjs)"\))(?=[,;}])/g, '=lazyReq($1');
}

function declarations() {
  const tsc = resolve(root, 'node_modules/typescript/bin/tsc');
  const { status, error } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.types.json'], { cwd: root, stdio: 'inherit', timeout: 120_000 });
  if (error) throw error;
  process.exitCode = status ?? 1;
}
