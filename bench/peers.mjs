/** The programs that swamp is compared with: found in the system, or installed into a folder of their own; absent, they are skipped by name. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { root } from '../scripts/tree.mjs';
import { run } from './run.mjs';

const PLACE = resolve(root, 'bench/.peers');
const PACKAGES = ['cacache@20', 'lmdb@3', 'libsql@0.5'];
const DEBIAN = ['restic', 'sqlite3'];

/** Installs what is missing: packages of npm without their install scripts, and, where there is apt, packages of Debian, unpacked and not installed. */
export function installPeers() {
  mkdirSync(PLACE, { recursive: true });
  run('npm', ['install', '--prefix', PLACE, '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts', ...PACKAGES], {
    stdio: ['ignore', 2, 2],
    timeout: 300_000,
  });
  for (const name of DEBIAN) {
    if (commandOf(name) !== undefined) continue;
    const got = spawnSync('apt-get', ['download', '-q', name], { cwd: PLACE, stdio: ['ignore', 2, 2], timeout: 300_000 });
    const file = got.status === 0 && readdirSync(PLACE).find((entry) => entry.startsWith(`${name}_`) && entry.endsWith('.deb'));
    if (file) run('dpkg-deb', ['-x', join(PLACE, file), join(PLACE, 'debian')]);
  }
}

/** The path of a program, undefined where there is none. */
export function commandOf(name) {
  const own = join(PLACE, 'debian/usr/bin', name);
  if (existsSync(own)) return own;
  const { status } = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { stdio: 'ignore', timeout: 10_000 });
  return status === 0 ? name : undefined;
}

/** A package of npm, undefined where it is not installed. */
export function packageOf(name) {
  try {
    return createRequire(join(PLACE, 'peers.js'))(name);
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}

export const ABSENT = 'npm run bench -- --peers';
