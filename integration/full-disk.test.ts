/** A disk without a free byte and without a free inode, and nothing else than the datastore to take away from: removals work there, and writers leave nothing behind. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { errorOf } from './support/errors.js';
import { type FileSystem, type MountedRepo, mountedRepo, onImages, onMounts } from './support/mounted.js';

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
  for (const [kind, on, options] of disks) {
    test(`of ${kind}: every removal works, again and again, and a write is no_space`, options, async (t) => {
      const repo = await mountedRepo(t, on);
      for (const model of ['m', 'other']) await repo.swamp(['model', 'create', 'store', model]);
      await repo.swamp(['model', 'create', 'command/shell', 'torn', '--run', 'true', '--delete-run', 'true']);
      for (const name of ['a', 'a', 'a', 'b', 'c']) await repo.swamp(['data', 'put', 'm', name], { stdin: name });
      await repo.swamp(['data', 'put', 'other', 'x'], { stdin: 'x' });
      const begun = await repo.swamp(['data', 'upload', 'begin', 'm', 'up', '--json']);
      const { uploadId } = JSON.parse(begun.stdout) as { uploadId: string };
      for (const removal of [
        ['data', 'delete', 'm', 'a', '--version', '1', '--force'],
        ['data', 'delete', 'm', 'a', '--version', '3', '--force'],
        ['data', 'delete', 'm', 'b', '--force'],
        ['data', 'upload', 'abort', uploadId],
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

  test('gives every removal its reserve although writers take what is free', onMounts, async (t) => {
    const repo = await mountedRepo(t, 'size=3m,nr_inodes=300');
    await repo.swamp(['model', 'create', 'store', 'm']);
    for (let i = 0; i < 4; i++) await repo.swamp(['data', 'put', 'm', `a${i}`], { stdin: 'x' });
    await fill(repo);
    // The loop of a plain program takes each byte and each inode the moment it is free.
    const taker = repo.sh('n=0; while :; do n=$((n+1)); command : >../filler/t$n; cat /dev/zero >>../filler/t$n; done 2>/dev/null');
    for (let i = 0; i < 4; i++) await repo.swamp(['data', 'delete', 'm', `a${i}`, '--force']);
    void taker;
  });
});

test('a disk without hard links is refused before anything is made on it', onImages('mkfs.vfat'), async (t) => {
  const repo = await mountedRepo(t, { mkfs: 'mkfs.vfat', size: '3M' }, { init: false });
  const { stderr } = await repo.swamp(['repo', 'init', '--json'], { expect: 78 });
  const { code, message } = errorOf({ stderr });
  assert.equal(code, 'config_invalid');
  assert.match(message, /no hard links/);
  assert.equal((await repo.sh('ls -A')).stdout, '');
});

test('definitions on a disk without hard links: no model is created, renamed or restored by half', onImages('mkfs.vfat'), async (t) => {
  const repo = await mountedRepo(t, 'size=4m');
  await repo.swamp(['model', 'create', 'store', 'm']);
  await repo.swamp(['data', 'put', 'm', 'a'], { stdin: 'one' });
  await repo.swamp(['backup', 'create', '../backup']);
  const { stderr: mounted } = await repo.sh(
    'truncate -s 1M ../vfat && mkfs.vfat ../vfat >/dev/null && cp -r models ../models && mount -o loop ../vfat models && cp -r ../models/. models',
  );
  assert.equal(mounted, '');
  for (const args of [
    ['model', 'create', 'store', 'new'],
    ['model', 'rename', 'm', 'other'],
    ['backup', 'restore', '../backup', '--mode', 'replace', '--force'],
  ]) {
    const { stderr } = await repo.swamp([...args, '--json'], { expect: 78 });
    assert.match(errorOf({ stderr }).message, /no hard links/, args.join(' '));
  }
  assert.equal((await repo.swamp(['data', 'get', 'm', 'a'])).stdout, 'one');
  assert.match((await repo.swamp(['datastore', 'check', '--json'])).stdout, /^\{"findings":\[\],"pending":\[\]/);
  await repo.sh('umount models');
});
