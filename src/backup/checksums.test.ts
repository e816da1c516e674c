/** CHECKSUMS is what sha256sum writes and reads (B1). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { checksumLine, checksumLines, parseChecksumLine } from './checksums.js';

const SUM = 'a'.repeat(64);

test('a line is read back as it was written, and nothing else is read', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', ' ', '*', '\\', '\n', '\r', 'n', 'r', '\u{1f40a}'), minLength: 1 }), (path) => {
      const line = checksumLine(SUM, path);
      assert.equal(line.indexOf('\n'), line.length - 1);
      assert.deepEqual(parseChecksumLine(line.slice(0, -1)), { checksum: SUM, path });
    }),
  );
  for (const wrong of ['', SUM, `${SUM} a`, `${SUM} *a`, `${SUM}  `, `\\${SUM}  a`, `${SUM}  a\\b`, `\\${SUM}  a\\tb`, `${SUM.toUpperCase()}  a`, `x${SUM}  a`])
    assert.equal(parseChecksumLine(wrong), undefined, wrong);
});

test('lines ascend by the bytes of their paths', () => {
  const paths = ['a/b', 'a-b', '\uffff', '\u{1f40a}', 'B', 'b', 'ä'];
  const lines = [...checksumLines(new Map(paths.map((path) => [path, SUM])))];
  const bytes = paths.map((path) => Buffer.from(path)).sort(Buffer.compare);
  assert.deepEqual(
    lines.map((line) => parseChecksumLine(line.slice(0, -1))?.path),
    bytes.map(String),
  );
});

test('sha256sum -c accepts it, names with newline, carriage return and backslash included', (t) => {
  const [, version = '0'] = /([0-9]+\.[0-9]+)/.exec(spawnSync('sha256sum', ['--version'], { encoding: 'utf8', timeout: 10_000 }).stdout ?? '') ?? [];
  if (Number(version) < 9) return t.skip('needs sha256sum of coreutils 9 or newer');
  const dir = mkdtempSync(join(tmpdir(), 'swamp-checksums-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const paths = ['plain', 'a/b c', 'new\nline', 'carriage\rreturn', 'back\\slash', '\\n', ' leading', '-dash'];
  const checksums = new Map(paths.map((path) => [path, createHash('sha256').update(path).digest('hex')]));
  for (const path of paths) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), path);
  }
  const text = [...checksumLines(checksums)].join('');
  writeFileSync(join(dir, 'CHECKSUMS'), text);
  const { status, stderr } = spawnSync('sha256sum', ['--strict', '-c', 'CHECKSUMS'], { cwd: dir, encoding: 'utf8', timeout: 20_000 });
  assert.equal(status, 0, stderr);
  const sorted = [...checksums.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const { stdout } = spawnSync('sha256sum', ['--', ...sorted], { cwd: dir, encoding: 'utf8', timeout: 20_000 });
  assert.equal(stdout, text);
});
