/**
 * A backup against what a person without it would do: `swamp backup create`, and `restore`, within 1.5x of `cp -a` plus `sha256sum` of the same
 * data, for many small files and for one large one; medians of interleaved rounds, of the wall clock and of processor time
 * (user and system, of all processes), which other work on the machine disturbs less. A backup is on disk when it is told, a copy
 * by cp is not: the same with `sync -f` behind it is printed beside. `npm run bench:backup -- 10000 4 3`: artifacts, GiB of the
 * large one, rounds. Exit 1 when a limit of the wall clock is exceeded. Peak memory of the large one is printed, limit 150 MB.
 */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from '../scripts/tree.mjs';

const [ARTIFACTS, GIB, ROUNDS] = [Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 4), Number(process.argv[4] ?? 3)];
const SWAMP = resolve(root, 'bin/swamp.js');
const LIMIT = 1.5;
const LIMIT_MB = 150;
const MIB = 1024 * 1024;
let count = 0;

const dir = mkdtempSync(join(tmpdir(), 'swamp-bench-'));
try {
  measure(
    `${ARTIFACTS} small files`,
    repoWith('small', ARTIFACTS, () => randomBytes(100 + Math.floor(Math.random() * 900))),
  );
  const large = repoWith('large', 0, () => Buffer.alloc(0));
  putLarge(large);
  measure(`one file of ${GIB} GiB`, large);
  reportMemory(large);
} finally {
  rmSync(dir, { recursive: true, force: true });
}

function measure(title, repo) {
  const ways = {
    'cp -a + sha256sum': (out) => copyAndSum(repo, out),
    'the same + sync -f': (out) => copyAndSum(repo, out) + timed(['sync', '-f', out]),
    'swamp backup create': (out) => timed([process.execPath, SWAMP, 'backup', 'create', out, '--quiet', '--repo-dir', repo]),
    'swamp backup restore': (out) => timed([process.execPath, SWAMP, 'backup', 'restore', backup, '--quiet', '--repo-dir', out]),
  };
  const backup = join(dir, 'backup');
  run(process.execPath, [SWAMP, 'backup', 'create', backup, '--quiet', '--repo-dir', repo]);
  const [times, cpus] = [0, 1].map(() => Object.fromEntries(Object.keys(ways).map((name) => [name, []])));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, act] of Object.entries(ways)) {
      // Nothing is removed before the end: ext4 creates slowly for half a minute after many files were removed.
      const out = join(dir, `out${count++}`);
      if (name.endsWith('restore')) run(process.execPath, [SWAMP, 'repo', 'init', out]);
      run('sync', ['-f', dir]);
      const start = performance.now();
      const cpu = act(out);
      times[name].push(performance.now() - start);
      cpus[name].push(cpu);
      if (GIB >= 2 && repo.endsWith('large')) rmSync(out, { recursive: true });
    }
  }
  rmSync(backup, { recursive: true });
  const base = 'cp -a + sha256sum';
  process.stdout.write(`${title}, load ${loadavg()[0].toFixed(1)} on ${availableParallelism()} processors\n`);
  for (const name of Object.keys(ways)) {
    const [wall, cpu] = [times, cpus].map((all) => ({ seconds: median(all[name]) / 1000, ratio: median(all[name]) / median(all[base]) }));
    const verdict = name.startsWith('swamp') ? `, limit ${LIMIT}x: ${wall.ratio <= LIMIT ? 'ok' : 'TOO SLOW'}` : '';
    if (name.startsWith('swamp') && wall.ratio > LIMIT) process.exitCode = 1;
    process.stdout.write(`  ${name.padEnd(22)}${inShort(wall)}, processor ${inShort(cpu)}${verdict}\n`);
  }
}

function inShort({ seconds, ratio }) {
  return `${seconds.toFixed(2).padStart(8)} s  ${ratio.toFixed(2)}x`;
}

/** The data of the store as it lies there, and the sums of the contents: what a backup gives, less the consistency. */
function copyAndSum(repo, out) {
  const script = 'cp -a "$1" "$2" && cd "$2" && find . -name content -print0 | xargs -0 sha256sum > CHECKSUMS';
  return timed(['sh', '-c', script, 'sh', join(repo, '.swamp/v1/data'), out]);
}

/** Runs a command; the processor time of it and its children in milliseconds, to 10 ms. */
function timed(command) {
  const { stdout } = run('sh', ['-c', '"$@" > /dev/null || exit; times', 'sh', ...command]);
  const [, children = ''] = stdout.trim().split('\n');
  return [...children.matchAll(/([0-9]+)m([0-9.]+)s/g)].reduce((sum, [, minutes, seconds]) => sum + (Number(minutes) * 60 + Number(seconds)) * 1000, 0);
}

function reportMemory(repo) {
  const probe = `process.on('exit', () => process.stderr.write('peak ' + process.resourceUsage().maxRSS));`;
  const hook = join(dir, 'hook.cjs');
  writeFileSync(hook, probe);
  const [backup, restored] = [join(dir, 'last'), join(dir, 'restored')];
  run(process.execPath, [SWAMP, 'repo', 'init', restored]);
  for (const args of [
    ['create', backup, '--repo-dir', repo],
    ['restore', backup, '--repo-dir', restored],
  ]) {
    const { stderr } = run(process.execPath, ['--require', hook, SWAMP, 'backup', ...args, '--quiet']);
    const mb = Number(/peak ([0-9]+)/.exec(stderr)?.[1]) / 1024;
    if (!(mb <= LIMIT_MB)) process.exitCode = 1;
    process.stdout.write(`  peak memory of ${args[0].padEnd(9)}${mb.toFixed(0).padStart(6)} MB, limit ${LIMIT_MB} MB: ${mb <= LIMIT_MB ? 'ok' : 'TOO MUCH'}\n`);
  }
}

/** A repository with one model and so many artifacts, written straight into the store: putting each would take longer than all that is measured. */
function repoWith(name, artifacts, content) {
  const repo = join(dir, name);
  run(process.execPath, [SWAMP, 'repo', 'init', repo]);
  run(process.execPath, [SWAMP, 'data', 'put', 'm', 'first', '--create', '--repo-dir', repo], { input: 'first' });
  const data = join(repo, '.swamp/v1/data');
  const model = join(data, readdirSync(data)[0]);
  const [record, metadata] = ['artifact.json', '1/metadata.json'].map((path) => JSON.parse(readFileSync(join(model, 'first', path), 'utf8')));
  for (let i = 0; i < artifacts; i++) {
    const artifact = join(model, `a${i}`);
    const bytes = content();
    mkdirSync(join(artifact, '1'), { recursive: true });
    writeFileSync(join(artifact, 'artifact.json'), JSON.stringify({ ...record, name: `a${i}` }));
    writeFileSync(join(artifact, '1/content'), bytes);
    const checksum = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(artifact, '1/metadata.json'), JSON.stringify({ ...metadata, size: bytes.length, checksum }));
  }
  return repo;
}

function putLarge(repo) {
  const file = join(dir, 'large-file');
  const out = openSync(file, 'w');
  for (let i = 0; i < GIB * 1024; i += 64) writeSync(out, randomBytes(64 * MIB));
  closeSync(out);
  run(process.execPath, [SWAMP, 'data', 'put', 'm', 'large', file, '--repo-dir', repo]);
  rmSync(file);
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: 900_000, maxBuffer: 64 * MIB, ...options });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${result.status}: ${result.stderr}`);
  return result;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
