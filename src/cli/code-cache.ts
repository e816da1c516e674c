/**
 * What V8 compiled of a bundle, kept from one run to the next: compiling is most of what a short command costs. Nothing depends on
 * it: where it is missing, unsafe, damaged, or of another program, the command starts plainly.
 *
 *   <XDG_CACHE_HOME, or HOME/.cache>/swamp/<verb>-<hash of the key>    mode 0600
 *     header    1,024 bytes: the number of runs, a space, the key as JSON, zeros
 *     code      what V8 gave
 *     code      the same again
 *
 * V8 believes what it is given: it compares its version, its flags and a length, and a wrong byte crashes the process or changes what
 * it does. Therefore the place is one that no other account can write to, from the root down; the key names the bundles, the very
 * file of the runtime (two builds of one V8 differ) and its flags; and the code is there twice, because to compare two copies
 * takes a tenth of a millisecond, and to load a hash takes several.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Script } from 'node:vm';
import { isSystemError } from '../errors.js';
import { isPrivate, readPrivate } from '../fs/private.js';

/** A hash of all bundles, set by the build: of a source V8 compares only the length. */
declare const SWAMP_BUILD: string;

/** Code has the functions that were called before it was kept, and not every run of a verb calls the same ones: so many runs add to it. */
const RUNS = 3;
/** Of all verbs, programs and runtimes together; the oldest are removed. */
const MOST_FILES = 40;
const HEADER_BYTES = 1024;
/** No bundle has so much code. What is larger is not ours, and may be too large to be read at all. */
const MOST_BYTES = 64 * 1024 * 1024;
/** What Node puts around a module. It is on the first line, whose columns the source map counts without it. */
const HEAD = '(function (exports, require, module, __filename, __dirname) {';

/** A bundle that runs. */
export interface Loaded {
  readonly exports: unknown;
  /** Keeps what is compiled by now, unless enough runs have done so. */
  keep(): void;
}

interface Kept {
  readonly code: Buffer;
  readonly runs: number;
}

/** Loads the bundle at `path` as `require` would. `verb`, a file name, names the functions that will be called. Undefined where nothing can be kept. */
export function loadCompiled(path: string, verb: string, requireFrom: NodeJS.Require): Loaded | undefined {
  const dir = cacheDir(process.env);
  const key = keyOf(path, verb);
  if (dir === undefined || key === undefined || Buffer.byteLength(key) > HEADER_BYTES - 3) return undefined;
  const file = `${dir}/${verb}-${hashOf(key)}`;
  const kept = read(dir, file, key);
  const script = new Script(`${HEAD}${readFileSync(path, 'latin1')}\n})`, {
    filename: path,
    columnOffset: -HEAD.length,
    ...(kept === undefined ? {} : { cachedData: kept.code }),
  });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, requireFrom, module, path, dirname(path));
  const runs = kept === undefined || script.cachedDataRejected === true ? 0 : kept.runs;
  return { exports: module.exports, keep: () => void (runs < RUNS && write(dir, file, `${runs + 1} ${key}`, script.createCachedData())) };
}

/** Undefined without a home, and where Node's own variable says that no code is to be kept. */
function cacheDir({
  XDG_CACHE_HOME: cache,
  HOME: home,
  NODE_DISABLE_COMPILE_CACHE: disabled,
  NODE_V8_COVERAGE: coverage,
}: NodeJS.ProcessEnv): string | undefined {
  if (disabled || coverage) return undefined;
  const base = cache?.startsWith('/') ? cache : home?.startsWith('/') ? `${home}/.cache` : undefined;
  return base === undefined ? undefined : `${base}/swamp`;
}

/** The path is in it because V8 keeps that too, for stack traces. Undefined when the runtime's file was replaced after it started, or may not be looked at. */
function keyOf(path: string, verb: string): string | undefined {
  const { version, arch, execPath, execArgv, versions, env } = process;
  const runtime = tryTo(() => statSync(execPath));
  if (runtime === undefined) return undefined;
  const { size, mtimeMs } = runtime;
  return JSON.stringify([SWAMP_BUILD, path, verb, version, arch, versions.v8, execPath, size, mtimeMs, execArgv, env['NODE_OPTIONS'] ?? '']);
}

/** FNV-1a. It only spreads names: the key itself is compared. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16);
}

function read(dir: string, file: string, key: string): Kept | undefined {
  const bytes = tryTo(() => (isPrivate(dir) ? readPrivate(file, MOST_BYTES) : undefined));
  const length = ((bytes?.length ?? 0) - HEADER_BYTES) / 2;
  if (bytes === undefined || !(length > 0)) return undefined;
  const header = bytes.toString('utf8', 0, bytes.indexOf(0));
  const code = bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
  if (header.slice(2) !== key || !code.equals(bytes.subarray(HEADER_BYTES + length))) return undefined;
  return { code, runs: Number(header.charAt(0)) };
}

/** Written whole or not at all. Not synced: what a power cut leaves of it is refused by `read`. */
function write(dir: string, file: string, header: string, code: Buffer): void {
  const temporary = `${file}.${process.pid}-${Date.now().toString(36)}`;
  try {
    makeDir(dirname(dir));
    makeDir(dir);
    if (!isPrivate(dir)) return;
    const first = Buffer.alloc(HEADER_BYTES);
    first.write(header);
    writeFileSync(temporary, Buffer.concat([first, code, code]), { flag: 'wx', mode: 0o600 });
    renameSync(temporary, file);
    removeOldest(dir);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    // A full disk keeps the half of it. What cannot be removed either is removed as one of the oldest.
    tryTo(() => unlinkSync(temporary));
  }
}

/**
 * A home that is not there is not made, and nothing is made in a place that is not this account's: root with the HOME of a user (sudo)
 * would leave a .cache that no program of that user can write to.
 */
function makeDir(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined && isPrivate(dirname(path))) mkdirSync(path, { mode: 0o700 });
}

function removeOldest(dir: string): void {
  const names = readdirSync(dir);
  if (names.length <= MOST_FILES) return;
  const byAge = names.map((name) => ({ path: `${dir}/${name}`, at: statSync(`${dir}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? 0 }));
  byAge.sort((a, b) => b.at - a.at);
  for (const { path } of byAge.slice(MOST_FILES)) tryTo(() => unlinkSync(path));
}

/** Undefined where the system does not let it happen. */
function tryTo<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return undefined;
  }
}
