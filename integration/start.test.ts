/** What a command loads before it works: counted, not timed. A figure that grows must have a reason, written here. */
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { tempRepo } from './support/repo.js';
import { run } from './support/swamp.js';

const DIST = join(import.meta.dirname, '../../dist');

/** Prints, when the process ends, which files and which of Node's own modules were loaded after this. */
const PROBE = `
const { writeSync } = require('node:fs');
const before = new Set(process.moduleLoadList);
process.on('exit', () => {
  const names = process.moduleLoadList.filter((name) => !before.has(name)).map((name) => name.replace(/^NativeModule /, ''));
  writeSync(2, JSON.stringify({ files: Object.keys(require.cache), own: names.filter((name) => !/^(internal\\/|_|Internal)/.test(name)) }));
});
`;

interface Expected {
  readonly args: readonly string[];
  /** Of dist/. */
  readonly files: readonly string[];
  /** The public ones of Node's own modules that are loaded, beside what a bare Node has. */
  readonly own: readonly string[];
}

const HOT = ['main.cjs', 'hot.cjs'];
/** What every command that works needs: `vm` for the code that is kept, `os` for the numbers of signals; `module` is Node's own, after any program. */
const COMMON = ['module', 'os', 'vm'];

/** `crypto` for checksums and nonces, with the streams that it brings; `fs/promises` for syncs beside a heartbeat. */
const WRITES = [...COMMON, 'crypto', 'stream', 'stream/promises', 'string_decoder', 'fs/promises'];
const EXPECTED: Readonly<Record<string, Expected>> = {
  '--version': { args: ['--version'], files: ['main.cjs'], own: [] },
  // Neither crypto nor streams: a small content goes to stdout by write(2).
  'data get': { args: ['data', 'get', 'm', 'n'], files: HOT, own: COMMON },
  'data list': { args: ['data', 'list', 'm'], files: HOT, own: COMMON },
  'data put': { args: ['data', 'put', 'm', 'n', 'file'], files: HOT, own: WRITES },
  'data delete': { args: ['data', 'delete', 'm', 'n', '--force'], files: HOT, own: WRITES },
};

/** What is compiled and read at every start. Bytes: 5 % above what there is, so that a library that slips in is seen. */
const MOST_BYTES: Readonly<Record<string, number>> = {
  // Finds the cache, and answers --version: every command waits for all of it.
  'main.cjs': 5_000,
  // The four hot verbs with locks, store and parser, without the YAML reader (100,000) and the other commands.
  'hot.cjs': 236_000,
};

test('a command loads no more than it needs', async (t) => {
  const repo = await tempRepo(t);
  const probe = join(repo.base, 'probe.cjs');
  writeFileSync(probe, PROBE);
  writeFileSync(join(repo.dir, 'file'), 'content');
  await run(repo, ['data', 'put', 'm', 'n', 'file', '--create']);
  for (const [verb, { args, files, own }] of Object.entries(EXPECTED)) {
    // Whether a bundle is compiled or comes from the cache, Node's list of files has only what it has loaded itself.
    for (const cached of ['', '1']) {
      const env = { NODE_OPTIONS: `--require ${probe}`, NODE_DISABLE_COMPILE_CACHE: cached };
      const { stderr } = await run(repo, args, { env });
      const loaded = JSON.parse(stderr.slice(stderr.lastIndexOf('{"files"'))) as { readonly files: readonly string[]; readonly own: readonly string[] };
      const more = loaded.own.filter((name) => !own.includes(name));
      assert.deepEqual(more, [], `${verb} loads more of Node's own modules`);
      const ofDist = loaded.files.filter((file) => file.startsWith(DIST)).map((file) => basename(file));
      assert.deepEqual(ofDist, cached === '1' ? files : files.slice(0, 1), `${verb} loads other files`);
    }
  }
});

test('what every command reads has not grown', () => {
  for (const [file, most] of Object.entries(MOST_BYTES)) {
    const { size } = statSync(join(DIST, file));
    assert.ok(size <= most && size > most * 0.7, `${file} has ${size} bytes, pinned at ${most}`);
  }
});
