/**
 * Puts garbage in the place of one thing after the other in a store, runs every operation on it, and tells each outcome as
 * a line: {at, kind, operation, code}; the code is `ok` for a success. `garbage REPO VICTIM EVERY`: VICTIM is where links lead,
 * EVERY says that only each so many-th is tried.
 * A process of its own, because an operation that waits for a FIFO would stand still for ever.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { asSwampError } from '../../src/errors.js';
import { type OpenRepo, openRepo } from '../../src/index.js';
import { tell } from '../support/program.js';

const [dir = '', victim = '', every = '1'] = process.argv.slice(2);
const store = join(dir, '.swamp');
const pristine = mkdtempSync(join(dir, '../pristine-'));
cpSync(store, pristine, { recursive: true });

const repo = openRepo(dir, { lockTimeoutMs: 200 });
const { id } = await repo.model.get({ model: 'm' });
const fence = join('v3/fences', id, 'data');
const entry = readdirSync(join(store, fence))[0] ?? '';
const data = join('v3/data', id);

const RECORDS = [
  join(data, 'a/artifact.json'),
  join(data, 'a/2/metadata.json'),
  join(data, 'a/2/content'),
  join('v3/tombstones', id, 'gone.json'),
  ...readdirSync(join(store, 'v3/deleted')).map((name) => join('v3/deleted', name)),
];
const FILES = [...RECORDS, join(fence, entry, 'holder.json')];
const DIRECTORIES = [
  data,
  join(data, 'a'),
  join(data, 'a/2'),
  fence,
  join(fence, entry),
  'v3/fences/global',
  'v3/tombstones',
  'v3/deleted',
  'v3/staging',
  'v3',
];

type Kinds = Readonly<Record<string, (path: string) => void>>;

const BYTES: Kinds = {
  'random bytes': (path) => writeFileSync(path, randomBytes(500)),
  null: (path) => writeFileSync(path, 'null'),
  'a hostile object': (path) =>
    writeFileSync(path, '{"__proto__":{"polluted":1},"name":["a"],"generation":-1,"floor":1e400,"id":{"toString":1},"tags":{"a":1},"size":"0"}'),
  'a deep list': (path) => writeFileSync(path, '['.repeat(100_000)),
  'two MiB': (path) => writeFileSync(path, `{"name":"${'x'.repeat(2 * 1024 * 1024)}"}`),
};
const EMPTY: Kinds = { 'an empty file': (path) => writeFileSync(path, '') };
const FIFO: Kinds = { 'a FIFO': (path) => void execFileSync('mkfifo', [path], { timeout: 10_000 }) };
const LINKS: Kinds = {
  'a link to a file': (path) => symlinkSync(join(victim, 'file'), path),
  'a link to itself': (path) => symlinkSync(path, path),
};
const NOTHING: Kinds = { nothing: () => undefined };

/** What is tried where. */
const GARBAGE: readonly (readonly [places: readonly string[], kinds: Kinds])[] = [
  [FILES, { ...BYTES, ...EMPTY, ...NOTHING }],
  [RECORDS, { ...FIFO, ...LINKS }],
  [DIRECTORIES, { ...EMPTY, ...FIFO, ...LINKS, ...NOTHING }],
];

const OPERATIONS: Readonly<Record<string, (repo: OpenRepo) => Promise<unknown>>> = {
  get: async ({ data }) => text((await data.get({ model: 'm', name: 'a', verify: true })).openContent()),
  'get gone': ({ data }) => data.get({ model: 'm', name: 'gone' }),
  list: ({ data }) => data.list(),
  versions: ({ data }) => data.versions({ model: 'm', name: 'a' }),
  'get model': ({ model }) => model.get({ model: 'm' }),
  info: (all) => all.info(),
  status: ({ datastore }) => datastore.status(),
  'lock status': ({ datastore }) => datastore.lockStatus(),
  check: async ({ datastore }) => ((await datastore.check()).findings.length > 0 ? 'found' : 'ok'),
  put: ({ data }) => data.put({ model: 'm', name: 'a', source: ['x'] }),
  'put new': ({ data }) => data.put({ model: 'm', name: 'gone', source: ['x'] }),
  'delete all': ({ data }) => data.delete({ model: 'm', all: true }),
  'delete gone': ({ data }) => data.delete({ model: 'm', name: 'gone' }),
  create: ({ model }) => model.create({ type: 'store', name: 'new' }),
  sweep: ({ datastore }) => datastore.sweep(),
};

const tries = GARBAGE.flatMap(([places, kinds]) => places.flatMap((at) => Object.entries(kinds).map(([kind, make]) => ({ at, kind, make }))));
for (const [i, { at, kind, make }] of tries.entries()) if (i % Number(every) === 0) await attempt(at, kind, make);
restore();

async function attempt(at: string, kind: string, make: (path: string) => void): Promise<void> {
  restore();
  rmSync(join(store, at), { recursive: true });
  make(join(store, at));
  for (const [operation, act] of Object.entries(OPERATIONS)) {
    tell({ at: at.replaceAll(id, 'ID').replace(entry, 'ENTRY'), kind, operation, code: await outcome(act) });
  }
  rmSync(join(dir, 'models/store/new.yaml'), { force: true });
}

function restore(): void {
  rmSync(store, { recursive: true, force: true });
  cpSync(pristine, store, { recursive: true });
}

async function outcome(act: (repo: OpenRepo) => Promise<unknown>): Promise<string> {
  try {
    const result = await act(openRepo(dir, { lockTimeoutMs: 200 }));
    return typeof result === 'string' && result === 'found' ? result : 'ok';
  } catch (error) {
    const { code, message } = asSwampError(error);
    return code === 'internal' ? `internal: ${message}` : code;
  }
}
