/**
 * The checklist of a release, in order; it stops at the first item that fails, and publishes nothing itself.
 *
 *   npm run release            all of it
 *   npm run release -- --quick without the whole suite
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from './tree.mjs';

const MINUTE = 60_000;
const { version } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));

const STEPS = [
  ['nothing is uncommitted', () => must(git('status', '--porcelain') === '', 'Commit or stash the changes first.')],
  [
    `CHANGELOG.md has a section for ${version} with a date`,
    () =>
      must(
        new RegExp(`^## ${version.replaceAll('.', '\\.')}, \\d{4}-\\d{2}-\\d{2}$`, 'm').test(readFileSync(resolve(root, 'CHANGELOG.md'), 'utf8')),
        `Write "## ${version}, YYYY-MM-DD".`,
      ),
  ],
  [`the tag v${version} is free`, () => must(git('tag', '--list', `v${version}`) === '', 'Raise "version" in package.json.')],
  ['the whole suite passes', () => process.argv.includes('--quick') || run('npm', ['test'], 30)],
  ['the package installs into an empty folder, and its program starts', installed],
];

for (const [title, step] of STEPS) {
  process.stdout.write(`- ${title}\n`);
  step();
}
process.stdout.write(`\nReady. Now: git tag v${version} && git push --tags && npm publish\n`);

function installed() {
  const dir = mkdtempSync(join(tmpdir(), 'swamp-release-'));
  try {
    run('npm', ['pack', '--pack-destination', dir], 5);
    run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--prefix', dir, join(dir, `swamp-${version}.tgz`)], 5);
    const told = execFileSync(join(dir, 'node_modules/.bin/swamp'), ['--version'], { encoding: 'utf8', timeout: MINUTE }).trim();
    must(told === version, `The packed program says that it is ${told}.`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', timeout: MINUTE }).trim();
}

function run(program, args, minutes) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2], timeout: minutes * MINUTE });
  if (error) throw error;
  must(status === 0, `${program} ${args.join(' ')} ended with ${status}.`);
}

function must(holds, otherwise) {
  if (holds) return;
  process.stderr.write(`  failed: ${otherwise}\n`);
  process.exit(1);
}
