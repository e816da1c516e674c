/** `-o FILE`: all or nothing, and nothing but FILE. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SwampError } from '../errors.js';
import { writeOutputFile } from './output-file.js';

async function* content(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('half');
  throw new Error('the disk went away');
}

describe('writeOutputFile', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'swamp-output-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('writes a file whose name has 243 bytes, of several to a character', async () => {
    const name = `${'ü'.repeat(121)}x`;
    assert.equal(Buffer.byteLength(name), 243);
    await writeOutputFile(join(dir, name), content('whole'));
    assert.deepEqual(readdirSync(dir), [name]);
  });

  it('writes a new file and leaves nothing else behind', async () => {
    await writeOutputFile(join(dir, 'out'), content('ab', 'cd'));
    assert.equal(readFileSync(join(dir, 'out'), 'utf8'), 'abcd');
    assert.deepEqual(readdirSync(dir), ['out']);
  });

  it('keeps the old file, whole, when the content fails half-way', async () => {
    writeFileSync(join(dir, 'out'), 'old');
    await assert.rejects(writeOutputFile(join(dir, 'out'), failing()), /went away/);
    assert.equal(readFileSync(join(dir, 'out'), 'utf8'), 'old');
    assert.deepEqual(readdirSync(dir), ['out']);
  });

  it('creates no file when the content fails', async () => {
    await assert.rejects(writeOutputFile(join(dir, 'out'), failing()), /went away/);
    assert.deepEqual(readdirSync(dir), []);
  });

  it('keeps the mode of the file it replaces', async () => {
    writeFileSync(join(dir, 'out'), 'old');
    chmodSync(join(dir, 'out'), 0o640);
    await writeOutputFile(join(dir, 'out'), content('new'));
    assert.equal(statSync(join(dir, 'out')).mode & 0o777, 0o640);
  });

  it('replaces what a link points to, and keeps the link', async () => {
    mkdirSync(join(dir, 'there'));
    writeFileSync(join(dir, 'there', 'real'), 'old');
    symlinkSync(join('there', 'real'), join(dir, 'link'));
    await writeOutputFile(join(dir, 'link'), content('new'));
    assert.equal(lstatSync(join(dir, 'link')).isSymbolicLink(), true);
    assert.equal(readFileSync(join(dir, 'there', 'real'), 'utf8'), 'new');
  });

  it('writes into a device instead of replacing it', async () => {
    await writeOutputFile('/dev/null', content('x'));
    assert.equal(statSync('/dev/null').isCharacterDevice(), true);
  });

  it('refuses a directory as io', async () => {
    await assert.rejects(writeOutputFile(dir, content('x')), (error) => error instanceof SwampError && error.code === 'io');
    assert.equal(existsSync(dir), true);
  });

  it('passes on what the system says of a directory that is not there', async () => {
    await assert.rejects(writeOutputFile(join(dir, 'no', 'out'), content('x')), { code: 'ENOENT' });
  });
});
