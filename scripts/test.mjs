/**
 * The whole suite: types, lint and bundle side by side, then every test file under node's own runner, whose summary closes the output.
 *
 *   npm test                          everything but integration/long
 *   npm test -- integration/race      only the test files whose path contains a word given; no types, no lint
 *   npm run test:long                 integration/long
 *
 * With CI=true a skipped test is a failure.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { transpile } from './transpile.mjs';
import { root } from './tree.mjs';

const MINUTE = 60_000;
const words = process.argv.slice(2).filter((word) => word !== '--long');
const long = process.argv.includes('--long');

const checks = [];
if (words.length === 0 && !long) {
  checks.push(run('types', ['node_modules/typescript/bin/tsc', '--noEmit']));
  checks.push(run('lint', ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings']));
}
const files = (await transpile()).filter(isWanted).sort();
if (files.length === 0) stop(`No test file matches ${words.join(' ') || 'integration/long'}.`);
if (files.some((file) => file.startsWith('build/integration/'))) checks.push(run('bundle', ['scripts/build.mjs']));
await Promise.all(checks);

const skipped = resolve(root, `build/skipped-${process.pid}.txt`);
const reporters = [
  '--test-reporter=spec',
  '--test-reporter-destination=stdout',
  '--test-reporter=./scripts/skipped.mjs',
  `--test-reporter-destination=${skipped}`,
];
// Many tests wait, and leave a core idle; two of the long ones do for half of their time.
const options = ['--enable-source-maps', '--test', `--test-concurrency=${long ? 4 : 3}`, `--test-timeout=${(long ? 120 : 10) * MINUTE}`, ...reporters];
const { status, error } = spawnSync(process.execPath, [...options, ...files], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
if (error) throw error;
const reasons = existsSync(skipped) ? readFileSync(skipped, 'utf8').trim() : '';
rmSync(skipped, { force: true });
if (reasons !== '' && process.env.CI === 'true') stop(`Skipped tests are failures here:\n${reasons}`);
process.exitCode = status ?? 1;

/** Files arrive as build/<path>.js, words name sources: `src/cli/parse`, `integration/race.test.ts`, `build/...`. */
function isWanted(file) {
  if (file.startsWith('build/integration/long/') !== long) return false;
  return words.length === 0 || words.some((word) => file.includes(word.replace(/\.ts$/, '.js')));
}

async function run(title, args) {
  process.stdout.write(`${title}\n`);
  const [status] = await once(spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], timeout: 5 * MINUTE }), 'exit');
  if (status !== 0) stop(`${title}: failed`);
}

function stop(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
