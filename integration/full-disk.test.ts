/** A disk without a free byte and without a free inode, and nothing else than the datastore to take away from: removals work there, and writers leave nothing behind. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { openRepo } from '../src/index.js';
import { errorOf } from './support/errors.js';
import { type FileSystem, type MountedRepo, mountedRepo, onImages, onMounts } from './support/mounted.js';
import { contentOf, createModel, put, type TestRepo, tempRepo } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';
import { cannotTrace } from './support/strace.js';
import { finished, launch, type Result } from './support/swamp.js';

const test = sampledTest(2);

/** Takes every byte and every inode, also those that the last removal has freed; ext4 gives blocks back with its journal only. */
const FILL = `
mkdir -p ../filler
n=$$
for round in 1 2 3 4 5 6 7 8; do
  {
    : >>../filler/large
    while command : >../filler/$((n += 1)); do :; done
    cat /dev/zero >>../filler/large
    dd if=/dev/zero bs=1k >>../filler/large
    sync -f ..
  } 2>/dev/null
  case "$(stat -f -c '%a %d' ..)" in '0 0') exit 0 ;; esac
done
stat -f -c '%a blocks and %d inodes are free' .. >&2`;

async function fill(repo: MountedRepo): Promise<void> {
  assert.equal((await repo.sh(FILL)).stderr, '');
}

const EXT4 = { mkfs: 'mkfs.ext4 -q -F -m 0 -N 256', size: '3M' } as const;
const disks: readonly (readonly [string, FileSystem, { readonly skip: string | boolean }])[] = [
  ['ext4', EXT4, onImages('mkfs.ext4 -q -F')],
  ['tmpfs', 'size=3m,nr_inodes=256', onMounts],
];

describe('a disk that is full', () => {
  for (const [kind, on, options] of sampled(disks, 2)) {
    test(`of ${kind}: every removal works, again and again, and a write is no_space`, options, async (t) => {
      const repo = await mountedRepo(t, on);
      for (const model of ['m', 'other']) await repo.swamp(['model', 'create', 'store', model]);
      await repo.swamp(['model', 'create', 'command/shell', 'torn', '--run', 'true', '--delete-run', 'true']);
      for (const text of ['1', '2']) await repo.swamp(['data', 'put', 'm', 'old', '--gc', '1'], { stdin: text });
      await repo.swamp(['data', 'put', 'm', 'brief', '--lifetime', 'ephemeral'], { stdin: 'x' });
      for (const name of ['a', 'a', 'a', 'b', 'c']) await repo.swamp(['data', 'put', 'm', name], { stdin: name });
      await repo.swamp(['data', 'put', 'other', 'x'], { stdin: 'x' });
      const begun = await repo.swamp(['data', 'upload', 'begin', 'm', 'up', '--json']);
      const { uploadId } = JSON.parse(begun.stdout) as { uploadId: string };
      for (const removal of [
        ['data', 'delete', 'm', 'a', '--version', '1', '--force'],
        ['data', 'delete', 'm', 'a', '--version', '3', '--force'],
        ['data', 'delete', 'm', 'b', '--force'],
        ['data', 'upload', 'abort', uploadId],
        ['data', 'gc', '--force'],
        ['model', 'delete', 'other', '--with-data', '--force'],
        ['model', 'delete', 'torn', '--force'],
        ['datastore', 'sweep'],
        ['data', 'delete', 'm', '--all', '--force'],
      ]) {
        await fill(repo);
        assert.equal((await repo.swamp(removal)).stderr, '', removal.join(' '));
      }
      await fill(repo);
      const { stderr } = await repo.swamp(['data', 'put', 'm', 'new', '--json'], { stdin: randomBytes(300_000).toString('hex'), expect: 74 });
      assert.equal(errorOf({ stderr }).code, 'no_space');
      const { stdout } = await repo.swamp(['datastore', 'check', '--json']);
      assert.match(stdout, /"findings":\[\].*"pending":\[\]/s);
      assert.match((await repo.swamp(['data', 'list', 'm', '--json'])).stdout, /"total":0/);
    });
  }

  test('gives a removal its reserve although writers take what is free, and leaves the next one whole when they take that too', onMounts, async (t) => {
    const repo = await mountedRepo(t, 'size=3m,nr_inodes=300');
    await repo.swamp(['model', 'create', 'store', 'm']);
    for (let i = 0; i < 4; i++) await repo.swamp(['data', 'put', 'm', `a${i}`], { stdin: 'x' });
    await fill(repo);
    // The loop of a plain program takes each byte and each inode the moment it is free.
    const taker = repo.sh('n=0; while :; do n=$((n+1)); command : >../filler/t$n; cat /dev/zero >>../filler/t$n; done 2>/dev/null');
    // What the first one frees, the loop may take before the reserve is full again.
    for (const expect of [[0], [0, 74]]) {
      const { code, stderr } = await repo.swamp(['data', 'delete', 'm', expect.length === 1 ? 'a0' : 'a1', '--force', '--json'], { expect });
      if (code === 74) assert.equal(errorOf({ stderr }).code, 'no_space');
    }
    assert.match((await repo.swamp(['datastore', 'check', '--json'])).stdout, /"findings":\[\]/);
    void taker;
  });
});

/** Every link(2) is answered as a disk without hard links answers it. */
function withoutLinks(repo: TestRepo, args: readonly string[]): Promise<Result> {
  const links = ['-e', 'trace=?link,?linkat', '-e', 'inject=?link,?linkat:error=EPERM'];
  return finished(launch(repo, 'strace', ['-f', '-qq', '-o', '/dev/null', ...links, process.execPath, repo.bin, ...args, '--json']), 78);
}

test('on a disk without hard links nothing is made, renamed or restored by half: config_invalid', { skip: cannotTrace() ?? false }, async (t) => {
  const repo = await tempRepo(t);
  for (const model of ['m', 'gone']) await createModel(repo, model);
  await put(repo, 'm', 'a', 'one');
  const backup = join(repo.base, 'backup');
  const library = openRepo(repo.dir);
  await library.backup.create({ dir: backup });
  await library.model.delete({ model: 'gone' });
  const bare = join(repo.base, 'bare');
  mkdirSync(bare);
  for (const args of [
    ['repo', 'init', bare],
    ['model', 'create', 'store', 'new'],
    ['model', 'rename', 'm', 'other'],
    ['backup', 'restore', backup, '--mode', 'replace', '--force'],
  ]) {
    const { code, message } = errorOf(await withoutLinks(repo, args));
    assert.equal(code, 'config_invalid');
    assert.match(message, /no hard links/, args.join(' '));
  }
  assert.deepEqual([readdirSync(bare), readdirSync(join(repo.dir, 'models/store'))], [[], ['m.yaml']]);
  assert.equal(await contentOf(repo, 'm', 'a', 1), 'one');
});
