/** Lock-free reading: whole versions only, and "not found" only when the listing does not change or is empty. */
import { basename, join } from 'node:path';
import { type ErrorCode, isErrno, SwampError } from '../errors.js';
import { failpoint } from '../fs/failpoints.js';
import { identityIn, statusOf } from '../fs/identity.js';
import { reach } from '../fs/reach.js';
import { exists, isForeign, listStore, readDir, readDirTypes } from '../fs/tree.js';
import { ARTIFACT_RECORD, METADATA, PARTS } from '../layout/layout.js';
import { isHashedSegment, isSegment, nameOf } from '../layout/names.js';
import { Stillness } from '../locks/stillness.js';
import { displayPath, type Repo } from '../repo.js';
import { closeContent, contentPathIn, type OpenContent, openContent } from './content.js';
import { movingTo, renamesUnderWay } from './intent.js';
import { latestIn } from './latest.js';
import { type ArtifactRecord, readArtifactRecord, readTombstone, readVersionMetadata, type Tombstone, type VersionMetadata } from './metadata.js';

/** A live artifact as one listing showed it. `versions` ascends and is never empty. */
export interface Artifact {
  readonly dir: string;
  readonly versions: readonly number[];
  /** What is in its directory and belongs to nothing. Paths. */
  readonly strays: readonly string[];
  /** On its way from another name: its record may still be that of the old one. */
  readonly moving?: true;
}

/** A live artifact, looked at without a listing. */
export interface Head {
  readonly dir: string;
  readonly record: ArtifactRecord;
  readonly latest: number;
  /** As of an Artifact. */
  readonly moving?: true;
}

/** One version, as it was found. */
export interface FoundVersion {
  readonly version: number;
  readonly latest: number;
  readonly generation: number;
  readonly metadata: VersionMetadata;
  /** The version's directory. */
  readonly dir: string;
}

/** One version, opened: metadata and content belong together, whatever happens to the path afterwards. */
export interface OpenVersion extends FoundVersion {
  /** The caller's to close with `closeContent`. */
  readonly content: OpenContent;
}

const VERSION = /^[1-9][0-9]{0,14}$/;
/** The highest number that is a version; nothing ever counts up to it. */
export const MAX_VERSION = 999_999_999_999_999;
/** A listing that keeps changing is looked at again; this many times without an answer is a fault, not a race. */
export const LOOKS = 1_000;

/** The versions an artifact directory lists, ascending. */
export function versionNumbers(names: readonly string[]): number[] {
  return names
    .filter((name) => VERSION.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** What is in the directory of an artifact and is neither its record nor a version, not even one whose number is written another way. Paths. */
export function straysIn(dir: string, names: readonly string[]): string[] {
  return names.filter((name) => name !== ARTIFACT_RECORD && !VERSION.test(name) && !isForeign(name)).map((name) => join(dir, name));
}

/** The artifact of that name with all its versions, at a cost in proportion to them; undefined when there is none now. */
export function findArtifact(repo: Repo, modelId: string, name: string): Artifact | undefined {
  return found(repo, modelId, name, listArtifact);
}

/** The artifact of that name and its latest version; undefined when there is none now. Without the data fence it counts only while it `stillIs` so. */
export function findHead(repo: Repo, modelId: string, name: string): Head | undefined {
  return found(repo, modelId, name, (dir, moving) => headIn(dir, moving ? undefined : name));
}

/** True when there is an artifact of that name now. */
function isArtifact(repo: Repo, modelId: string, name: string): boolean {
  return found(repo, modelId, name, (dir) => (reach(dir) ? {} : undefined)) !== undefined;
}

/** What `look` finds in the directory of that name, or in that of an artifact which a rename carries there. */
function found<T extends object>(
  repo: Repo,
  modelId: string,
  name: string,
  look: (dir: string, moving: boolean) => T | undefined,
): (T & { readonly moving?: true }) | undefined {
  const dir = repo.layout.artifact(modelId, name);
  const there = look(dir, false);
  if (there !== undefined) return there;
  const moving = movingTo(repo, modelId, name);
  const carried = moving === undefined ? undefined : look(moving, true);
  // It may have arrived between the two looks, and its renamer may have let go of the fence.
  return carried === undefined ? look(dir, false) : { ...carried, moving: true };
}

/** Links of an artifact's directory that are not its versions: two are its own, and macOS counts its files, too: the record. */
const OWN_LINKS = process.platform === 'darwin' ? 3 : 2;

/** `name`: whose record it must be; undefined for an artifact on its way. */
function headIn(dir: string, name: string | undefined): Head | undefined {
  const status = reach(dir) ? statusOf(dir) : undefined;
  if (status === undefined) return undefined;
  if (!status.isDirectory()) throw damaged(dir, 'it is not a directory');
  const record = artifactRecord({ dir }, name);
  if (record === undefined) return undefined;
  const latest = latestIn(dir, record.floor, Number(status.nlink) - OWN_LINKS) ?? listArtifact(dir)?.versions.at(-1);
  return latest === undefined ? undefined : { dir, record, latest };
}

/**
 * True when `latest` was the latest version at a moment since its record was read. The record is the same, so no version above the
 * floor has gone meanwhile. Under the floor versions go at any time: there it is so while none above it has come.
 */
function stillIs({ dir, record, latest, moving }: Head, name: string): boolean {
  const now = artifactRecord({ dir, ...(moving === true && { moving }) }, name);
  if (now?.generation !== record.generation || now.floor !== record.floor) return false;
  return latest > record.floor || !exists(join(dir, String(record.floor + 1)));
}

/** An artifact's directory is never visible without a version: one that lists none was moved away while it was listed, or is damaged. */
function listArtifact(dir: string): Artifact | undefined {
  for (let look = 0; look < LOOKS; look++) {
    const before = inode(dir);
    const names = listStore(dir);
    if (names === undefined) return undefined;
    const versions = versionNumbers(names);
    if (versions.length > 0) return { dir, versions, strays: straysIn(dir, names) };
    if (before !== undefined && inode(dir) === before) throw damaged(dir, 'it holds no version');
  }
  throw changesTooFast(dir);
}

/** artifact.json of a listed artifact; undefined when the artifact went away meanwhile. Throws `corrupt` when it belongs to another name. */
export function artifactRecord(artifact: Pick<Artifact, 'dir' | 'moving'>, name: string | undefined): ArtifactRecord | undefined {
  const record = readArtifactRecord(join(artifact.dir, ARTIFACT_RECORD));
  if (record === undefined) {
    if (inode(artifact.dir) === undefined) return undefined;
    // Both a replacement by rename and a delete leave no gap in between: look once more before calling it damage.
    const again = readArtifactRecord(join(artifact.dir, ARTIFACT_RECORD));
    if (again === undefined && inode(artifact.dir) !== undefined) throw damaged(artifact.dir, `${ARTIFACT_RECORD} is missing`);
    return again;
  }
  if (name !== undefined && record.name !== name && artifact.moving !== true) throw damaged(artifact.dir, `it belongs to ${JSON.stringify(record.name)}`);
  return record;
}

export function tombstoneOf(repo: Repo, modelId: string, name: string): Tombstone | undefined {
  return reach(repo.layout.tombstones(modelId)) ? readTombstone(repo.layout.tombstone(modelId, name)) : undefined;
}

/**
 * Opens a version (the latest without `version`). Undefined when the artifact does not exist; throws
 * `version_not_found` when it exists without that version, `corrupt`, `incomplete_chunks` or `checksum_mismatch` when what is
 * there is damaged.
 */
export function openVersion(repo: Repo, modelId: string, name: string, version?: number): OpenVersion | undefined {
  const looked = lookAtVersion(repo, { modelId, name, version }, (dir, metadata) => openContent(dir, metadata, name));
  return looked === undefined ? undefined : { ...looked.version, content: looked.content };
}

/** As `openVersion`, but the content is not looked at: a listing of many opens nothing. */
export function findVersion(repo: Repo, modelId: string, name: string, version?: number): FoundVersion | undefined {
  return lookAtVersion(repo, { modelId, name, version }, () => NOTHING_OPEN)?.version;
}

const NOTHING_OPEN: OpenContent = Object.freeze({ pieces: [] });

type Open = (dir: string, metadata: VersionMetadata) => OpenContent | undefined;

interface Looked {
  readonly version: FoundVersion;
  readonly content: OpenContent;
}

function lookAtVersion(
  repo: Repo,
  { modelId, name, version }: { readonly modelId: string; readonly name: string; readonly version: number | undefined },
  open: Open,
): Looked | undefined {
  let before = '';
  for (let look = 0; look < LOOKS; look++) {
    const head = findHead(repo, modelId, name);
    if (head === undefined) return undefined;
    const { latest, record } = head;
    const wanted = version ?? latest;
    const dir = join(head.dir, String(wanted));
    const whole = openWhole(dir, open);
    if (whole !== undefined) {
      const { metadata, content } = whole;
      if (keptIf(content, () => stillIs(head, name))) return { version: { version: wanted, latest, generation: record.generation, metadata, dir }, content };
    }
    if (wanted !== latest && !exists(dir) && stillIs(head, name)) throw versionNotFound(name, wanted, latest);
    const now = `${record.generation} ${record.floor} ${latest}`;
    if (whole === undefined && now === before) requireStillThere(dir, name);
    before = now;
  }
  throw changesTooFast(name);
}

export function changesTooFast(what: string): SwampError {
  return new SwampError('io', `${JSON.stringify(what)} changed faster than it could be read.`, { hint: 'Run the command again.' });
}

/** `latest`: 0 when there is no version. */
export function versionNotFound(name: string, version: number, latest: number): SwampError {
  return new SwampError('version_not_found', `${JSON.stringify(name)} has no version ${version}.`, {
    hint: 'List them with "swamp data versions".',
    data: { name, version, latest },
  });
}

/** Metadata and content of one version directory, or undefined when it moved away in between: same inode before and after. */
function openWhole(dir: string, open: Open): { readonly metadata: VersionMetadata; readonly content: OpenContent } | undefined {
  const before = inode(dir);
  if (before === undefined) return undefined;
  const metadata = readVersionMetadata(join(dir, METADATA));
  if (metadata === undefined) return undefined;
  const content = open(dir, metadata);
  return content !== undefined && keptIf(content, () => inode(dir) === before) ? { metadata, content } : undefined;
}

/** What `look` answers; when that is not true, or it fails, the content is closed. */
function keptIf(content: OpenContent, look: () => boolean): boolean {
  let kept = false;
  try {
    kept = look();
  } finally {
    if (!kept) closeContent(content);
  }
  return kept;
}

function inode(dir: string): string | undefined {
  const status = statusOf(dir);
  if (status !== undefined && !status.isDirectory()) throw damaged(dir, 'it is not a directory');
  return status === undefined ? undefined : identityIn(status);
}

/** The directory has been there in two looks and yet lacks a file: damage, not a race. Throws `incomplete_chunks` for a part (B5). */
function requireStillThere(dir: string, name: string): void {
  const before = inode(dir);
  const metadata = readVersionMetadata(join(dir, METADATA));
  const file = metadata === undefined ? METADATA : basename(contentPathIn(dir, metadata));
  const present = readDir(dir)?.includes(file) === true;
  const numbers = new Set(metadata?.parts === undefined || !present ? [] : readDir(join(dir, PARTS)));
  if (before === undefined || inode(dir) !== before) return;
  if (!present) throw damaged(dir, `${file} is missing`);
  const missing = (metadata?.parts ?? []).map(({ number }) => number).filter((number) => !numbers.has(String(number)));
  const [first] = missing;
  if (first === undefined) return;
  throw new SwampError('incomplete_chunks', `Part ${first} of ${JSON.stringify(name)} is missing in ${join(dir, PARTS)}.`, {
    hint: 'Restore it from a backup, or delete this version; "swamp datastore check" lists all damage.',
    data: { name, part: first, missing: missing.slice(0, 100), path: join(dir, PARTS) },
  });
}

/**
 * The names of a model's artifacts, sorted by code point; those of hashed segments are read from their records. An artifact
 * that a rename has on its way shows under neither name in a listing that ends as it arrives (Stillness).
 */
export function artifactNames(repo: Repo, modelId: string): string[] {
  const { names, failed } = listArtifacts(repo, modelId);
  const [first] = failed;
  if (first !== undefined) throw first.error;
  return names;
}

/** What is in the directory of a model's data. */
export interface ArtifactListing {
  readonly names: readonly string[];
  /** Directories whose name only a record says, which cannot be read. */
  readonly failed: readonly { readonly dir: string; readonly error: unknown }[];
  /** What no artifact is called: it has no owner, and is left alone. Paths. */
  readonly strays: readonly string[];
}

/** As artifactNames, with what keeps an artifact from having a name. */
export function listArtifacts(repo: Repo, modelId: string): ArtifactListing & { readonly names: string[]; readonly strays: string[] } {
  const still = new Stillness(repo.layout.fence({ kind: 'data', modelId }));
  for (let look = 0; look < LOOKS; look++) {
    still.begin();
    const listing = listNames(repo, modelId);
    if (still.accepts(JSON.stringify([listing.names, listing.strays, listing.failed.map(({ dir }) => dir)]))) return listing;
  }
  throw changesTooFast(repo.layout.model(modelId));
}

function listNames(repo: Repo, modelId: string): ReturnType<typeof listArtifacts> {
  const names: string[] = [];
  const strays: string[] = [];
  const failed: { dir: string; error: unknown }[] = [];
  const root = repo.layout.model(modelId);
  for (const entry of reach(root) ? (readDirTypes(root) ?? []) : []) {
    const { name: segment } = entry;
    if (isForeign(segment)) continue;
    const dir = join(root, segment);
    // A link is damage (reach), whatever its name.
    if (!isSegment(segment) || !(entry.isDirectory() || entry.isSymbolicLink())) strays.push(dir);
    else if (isHashedSegment(segment)) {
      try {
        names.push(...[readArtifactRecord(join(dir, ARTIFACT_RECORD))?.name ?? []].flat());
      } catch (error) {
        if (!isDamage(error)) throw error;
        failed.push({ dir, error });
      }
    } else names.push(nameOf(segment) ?? segment);
  }
  for (const { to } of renamesUnderWay(repo, modelId)) if (!names.includes(to)) names.push(to);
  return { names: names.sort(byCodePoint), failed, strays: strays.sort(byCodePoint) };
}

/**
 * The name under which `name` is to be read: itself, or where its forwards lead. Undefined when there is no such
 * artifact under any of them, also when it is renamed meanwhile, and back (Stillness).
 */
export async function resolveName(repo: Repo, modelId: string, name: string): Promise<string | undefined> {
  const still = new Stillness(repo.layout.fence({ kind: 'data', modelId }));
  for (let look = 0; look < LOOKS; look++) {
    still.begin();
    const found = await followForwards(repo, modelId, name);
    if (found !== undefined || still.accepts('')) return found;
  }
  throw changesTooFast(name);
}

async function followForwards(repo: Repo, modelId: string, name: string): Promise<string | undefined> {
  const passed = new Set<string>();
  for (let current = name; !passed.has(current); ) {
    if (isArtifact(repo, modelId, current)) return current;
    passed.add(current);
    current = tombstoneOf(repo, modelId, current)?.renamedTo ?? current;
    await failpoint('read.forwarded');
  }
  return undefined;
}

/** Something in the datastore that no command has put there: one sentence, wherever it is met. */
export function warnOfStray(repo: Repo, path: string): void {
  repo.reporter.warn(`${displayPath(repo, path)} does not belong in the datastore; it was left alone. "swamp datastore check --repair" sets it aside.`, {
    topic: 'store',
    path,
  });
}

/** True for an error that speaks of one artifact: it is damaged, or the system does not let this account read it. */
export function isDamage(error: unknown): boolean {
  return error instanceof SwampError ? DAMAGE.has(error.code) : isErrno(error, 'EACCES', 'EPERM', 'EIO', 'ENOTDIR', 'EISDIR');
}

const DAMAGE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['corrupt', 'checksum_mismatch', 'incomplete_chunks']);

/** Order of UTF-8 bytes, the same on every system. */
export function byCodePoint(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** UTF-16 puts the halves of what lies above U+FFFF below U+E000 to U+FFFF; UTF-8 puts them above. */
function rank(unit: number): number {
  return unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

function damaged(path: string, why: string): SwampError {
  return new SwampError('corrupt', `${path} is damaged: ${why}.`, { hint: 'Run "swamp datastore check" for everything that is damaged.', data: { path } });
}
