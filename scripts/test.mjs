/**
 * The whole suite: types, lint and bundle side by side, then every test file under node's own runner, whose summary closes the output.
 *
 *   npm test                          everything but integration/long, of long tables a sample
 *   npm test -- integration/race      only the test files whose path contains a word given, with each of their tests; no types, no lint
 *   npm run test:long                 all of integration/, at full length
 *
 * With CI=true a skipped test is a failure. The short form takes samples of its tables; SWAMP_SAMPLE=N makes those of a run again. It keeps the
 * files of its tests in memory where it can: they are made and removed by the ten thousand, and none outlives the run. TMPDIR names another place.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
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
const sample = process.env.SWAMP_SAMPLE || String(Math.floor(Date.now() / MINUTE));
if (!long) process.stdout.write(`SWAMP_SAMPLE=${sample}\n`);
const memory = long || process.env.TMPDIR ? undefined : inMemory();
const env = {
  ...process.env,
  SWAMP_SAMPLE: sample,
  ...(long ? { SWAMP_LONG: '1' } : words.length === 0 ? { SWAMP_SUITE: 'short' } : {}),
  ...(memory === undefined ? {} : { TMPDIR: memory }),
};
// Ctrl-C reaches the tests, too: what is left to do here is to clear up after them.
process.on('SIGINT', () => undefined);
const { status, error } = spawnSync(process.execPath, [...options, ...files], { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
if (memory !== undefined) rmSync(memory, { recursive: true, force: true, maxRetries: 3 });
if (error) throw error;
const reasons = existsSync(skipped) ? readFileSync(skipped, 'utf8').trim() : '';
rmSync(skipped, { force: true });
if (reasons !== '' && process.env.CI === 'true') stop(`Skipped tests are failures here:\n${reasons}`);
process.exitCode = status ?? 1;

/** Files arrive as build/<path>.js, words name sources: `src/cli/parse`, `integration/race.test.ts`, `build/...`. */
function isWanted(file) {
  if (long ? !file.startsWith('build/integration/') : file.startsWith('build/integration/long/')) return false;
  return words.length === 0 || words.some((word) => file.includes(word.replace(/\.ts$/, '.js')));
}

/** A directory of its own in a tmpfs with enough room, in which programs may be executed; undefined where there is none. */
function inMemory() {
  const [tmpfs, place] = [0x01021994, '/dev/shm'];
  if (!existsSync(place)) return undefined;
  const { type, bavail, bsize } = statfsSync(place);
  if (type !== tmpfs || bavail * bsize < 2 * 1024 ** 3) return undefined;
  const directory = mkdtempSync(join(place, 'swamp-suite-'));
  // As /tmp: a test that runs as another account works here, too.
  chmodSync(directory, 0o1777);
  const program = join(directory, 'executable');
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
  const { status } = spawnSync(program, { timeout: MINUTE });
  rmSync(status === 0 ? program : directory, { recursive: true });
  return status === 0 ? directory : undefined;
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
