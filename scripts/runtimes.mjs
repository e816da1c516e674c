/**
 * Runs the main job and the contract tests on other Node versions, which npm brings as packages:
 *
 *   npm run test:runtimes             the oldest that is supported, the newest 22 and 24
 *   npm run test:runtimes -- 22.12.0  these versions
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { transpile } from './transpile.mjs';
import { root } from './tree.mjs';

const MINUTE = 60_000;
const CACHE = resolve(root, 'node_modules/.cache/runtimes');
/** What must work everywhere: the main job, every verb, the contract, and what depends on the runtime most, with kept code and without. */
const CHOSEN = /^build\/integration\/(race|verbs|contract|code-cache|start)[^/]*\.test\.js$/;

const wanted = process.argv.slice(2);
const versions = wanted.length > 0 ? wanted : ['20.19.0', '22', '24'];

run(process.execPath, ['scripts/build.mjs']);
const files = (await transpile()).filter((file) => CHOSEN.test(file)).sort();
if (files.length === 0) throw new Error(`No test file matches ${CHOSEN}.`);

let failed = false;
for (const version of versions) {
  const node = install(version);
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8', timeout: MINUTE });
  process.stdout.write(`\nNode ${stdout.trim()}: ${files.length} test files\n`);
  const path = `${resolve(node, '..')}:${process.env.PATH}`;
  const options = ['--enable-source-maps', '--test', '--test-concurrency=2', `--test-timeout=${5 * MINUTE}`, '--test-reporter=spec'];
  const { status } = spawnSync(node, [...options, ...files], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, PATH: path } });
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;

/** The program of that version, from the package npm has for this system: it holds the binary itself and needs no install script. */
function install(version) {
  const prefix = resolve(CACHE, version);
  const name = `node-${process.platform}-${process.arch}`;
  const node = resolve(prefix, 'node_modules', name, 'bin/node');
  if (existsSync(node)) return node;
  mkdirSync(prefix, { recursive: true });
  run('npm', ['install', '--prefix', prefix, '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${version}`]);
  return node;
}

function run(program, args) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2], timeout: 5 * MINUTE });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}`);
}
