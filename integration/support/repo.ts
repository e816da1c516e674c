/**
 * A repository of its own for a test, checked when the test ends. What a test sets up, and what it looks at afterwards, is done
 * through the library in the test's own process: starting one for each takes longer than all the rest. What it is about is
 * done by processes (`run`, `start`); so is everything where another program or environment is asked for.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { initRepo, type OpenRepo, openRepo, SwampError } from '../../src/index.js';
import { Layout, type LockName } from '../../src/layout/layout.js';
import { type Entry, readFence } from '../../src/locks/fence.js';
import { killAll, type Running, run, runJson, SWAMP_BIN } from './swamp.js';

export interface TestRepo {
  /** The repository. */
  readonly dir: string;
  /** The test's own directory, which holds the repository and everything beside it. */
  readonly base: string;
  /** A directory whose `swamp` is the program under test. */
  readonly path: string;
  readonly bin: string;
  readonly env: Readonly<Record<string, string>>;
  readonly layout: Layout;
  readonly running: Set<Running>;
}

export interface RepoOptions {
  /** The test leaves something that the next command mends; else nothing may be pending at its end. */
  readonly pending?: 'allowed';
  /** False: the program is broken on purpose, and so may be what it leaves. */
  readonly check?: false;
  /** Another program than the one shipped. */
  readonly bin?: string;
  /** For every process of the test. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface CheckResult {
  readonly findings: readonly { readonly path: string; readonly kind: string }[];
  readonly pending: readonly { readonly path: string; readonly kind: string }[];
}

/** Makes a repository. When the test ends, its processes are ended, `datastore check` must be clean, and it is removed. */
export async function tempRepo(t: TestContext, options: RepoOptions = {}): Promise<TestRepo> {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'swamp-test-')));
  const bin = options.bin ?? SWAMP_BIN;
  const dir = join(base, 'repo');
  const path = join(base, 'path');
  const repo: TestRepo = { dir, base, path, bin, env: options.env ?? {}, layout: new Layout(join(dir, '.swamp')), running: new Set() };
  t.after(() => end(repo, options));
  mkdirSync(path);
  mkdirSync(dir);
  writeFileSync(join(path, 'swamp'), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`, { mode: 0o755 });
  await initRepo(dir);
  return repo;
}

/** Undefined where the processes of the test are not those of this one's environment, or of another program. */
export function libraryOf(repo: TestRepo): OpenRepo | undefined {
  return repo.bin === SWAMP_BIN && Object.keys(repo.env).every((name) => name === TTL) ? opened(repo) : undefined;
}

const TTL = 'SWAMP_LOCK_TTL_MS';

/** With the ttl of the test's processes; all else of their environment is read by them alone. */
function opened({ dir, env }: TestRepo): OpenRepo {
  const outer = process.env[TTL];
  if (env[TTL] !== undefined) process.env[TTL] = env[TTL];
  try {
    return openRepo(dir, { lockTimeoutMs: 20_000 });
  } finally {
    if (outer === undefined) delete process.env[TTL];
    else process.env[TTL] = outer;
  }
}

async function end(repo: TestRepo, options: RepoOptions): Promise<void> {
  try {
    await killAll(repo);
    if (options.check !== false) await check(repo, options.pending);
  } finally {
    rmSync(repo.base, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The same repository again, in a place of its own; it is gone when the first one is, and checked by whoever made it. */
export function copyRepo(origin: TestRepo): TestRepo {
  const base = mkdtempSync(join(origin.base, 'copy-'));
  const dir = join(base, 'repo');
  cpSync(origin.dir, dir, { recursive: true });
  return { ...origin, dir, layout: new Layout(join(dir, '.swamp')) };
}

/** `datastore check` finds nothing, and nothing is pending unless that is allowed. */
export async function check(repo: TestRepo, pending?: 'allowed'): Promise<CheckResult> {
  const result =
    (await libraryOf(repo)?.datastore.check()) ?? (await runJson<CheckResult>(repo, ['datastore', 'check'], { expect: [0, 65], timeoutMs: 60_000 }));
  assert.deepEqual(result.findings, [], 'datastore check has findings');
  if (pending !== 'allowed') assert.deepEqual(result.pending, [], 'something is left pending');
  return result;
}

/** Creates a model; its id. With `command`, a command/shell model. */
export async function createModel(repo: TestRepo, name: string, command?: string): Promise<string> {
  const input = command === undefined ? { type: 'store', name } : { type: 'command/shell', name, run: command };
  return (await opened(repo).model.create(input)).id;
}

export interface PutResult {
  readonly version: number;
  readonly generation: number;
  readonly checksum: string;
}

export async function put(repo: TestRepo, model: string, name: string, content: string, env: Readonly<Record<string, string>> = {}): Promise<PutResult> {
  const library = Object.keys(env).length === 0 ? libraryOf(repo) : undefined;
  return library?.data.put({ model, name, source: [content] }) ?? runJson<PutResult>(repo, ['data', 'put', model, name], { stdin: content, env });
}

/** The versions an artifact has now, ascending; none when it is not there. */
export async function versionsOf(repo: TestRepo, model: string, name: string): Promise<number[]> {
  const { versions } = (await libraryOf(repo)?.data.versions({ model, name }).catch(noneWhereNotFound)) ?? (await versionsByProcess(repo, model, name));
  return versions.map(({ version }) => version).sort((a, b) => a - b);
}

interface Versions {
  readonly versions: readonly { readonly version: number }[];
}

const NONE: Versions = { versions: [] };

function noneWhereNotFound(error: unknown): Versions {
  if (error instanceof SwampError && error.exitCode === 66) return NONE;
  throw error;
}

async function versionsByProcess(repo: TestRepo, model: string, name: string): Promise<Versions> {
  const { code, stdout } = await run(repo, ['data', 'versions', model, name, '--json'], { expect: [0, 66] });
  return code === 66 ? NONE : (JSON.parse(stdout) as Versions);
}

/** The content of one version, compared with its checksum by the program. */
export async function contentOf(repo: TestRepo, model: string, name: string, version?: number): Promise<string> {
  const library = libraryOf(repo);
  if (library !== undefined) {
    const { openContent } = await library.data.get({ model, name, verify: true, ...(version === undefined ? {} : { version }) });
    return text(openContent());
  }
  const which = version === undefined ? [] : ['--version', String(version)];
  return (await run(repo, ['data', 'get', model, name, ...which, '--verify'])).stdout;
}

/** What stands in a fence. */
export function entryOf(repo: TestRepo, lock: LockName): Entry | undefined {
  return readFence(repo.layout.fence(lock));
}

/** The locks that somebody holds now, as `global`, `data`, `run`. */
export function heldLocks(repo: TestRepo): string[] {
  const locks: LockName[] = [{ kind: 'global' }];
  for (const modelId of readdirSync(repo.layout.fences)) {
    if (modelId !== 'global') locks.push({ kind: 'data', modelId }, { kind: 'run', modelId });
  }
  return locks.filter((lock) => entryOf(repo, lock)?.state === 'held').map(({ kind }) => kind);
}

/** The tickets in a queue of one kind: `a` waits for the lock, `w` is a writer at the global lock, `d` names a drain. */
export function ticketsOf(repo: TestRepo, lock: LockName, kind: 'a' | 'w' | 'd'): string[] {
  try {
    return readdirSync(repo.layout.queue(lock)).filter((name) => name.split('-')[1] === kind);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
