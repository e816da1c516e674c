/** A descriptor is given back once, when nothing reads from it any more. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isErrno } from '../errors.js';
import { Handle } from './handle.js';

/** How many descriptors of this process lead to `path`. */
function openOn(path: string): number {
  return readdirSync('/proc/self/fd').filter((number) => {
    try {
      return readlinkSync(`/proc/self/fd/${number}`) === path;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      throw error;
    }
  }).length;
}

test('a handle that is closed while it is read stays open until the read has ended, and closes once', {
  skip: process.platform === 'linux' ? false : 'needs /proc/self/fd',
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'swamp-handle-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const pipe = join(dir, 'pipe');
  execFileSync('mkfifo', [pipe], { timeout: 10_000 });
  const handle = Handle.open(pipe, constants.O_RDWR);
  const buffer = Buffer.alloc(5);
  const reading = handle.read(buffer, 0);
  assert.deepEqual([handle.close(), handle.close()], [true, false]);
  assert.equal(openOn(pipe), 1, 'its number was given back under a read');
  assert.throws(() => handle.read(buffer, 0), TypeError);
  const writer = openSync(pipe, constants.O_WRONLY);
  writeSync(writer, 'bytes');
  assert.equal(await reading, 5);
  assert.equal(openOn(pipe), 1, 'the writer alone');
  // The number belongs to another file now: closing again must not reach it.
  const other = join(dir, 'other');
  writeFileSync(other, 'x');
  const next = Handle.open(other);
  handle.close();
  assert.equal(next.bytes().toString(), 'x');
  next.close();
  closeSync(writer);
});
