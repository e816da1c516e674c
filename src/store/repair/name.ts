/**
 * Mends what belongs to one artifact name: its directory and its tombstone. What follows from what is there is
 * written anew; everything else is set aside. No floor goes down, and a record that is written anew carries a new
 * generation, so no pair of generation and version is given out twice (P4).
 */
import { join, sep } from 'node:path';
import { makeDirs, syncDir } from '../../fs/durable.js';
import { statusOf } from '../../fs/identity.js';
import { ownNames } from '../../fs/tree.js';
import { ARTIFACT_RECORD } from '../../layout/layout.js';
import { isNameOf, nameOf } from '../../layout/names.js';
import { MAX_EPOCH } from '../../locks/fence.js';
import type { Lease } from '../../locks/lease.js';
import type { Repo } from '../../repo.js';
import { floorIssues } from '../check/artifact.js';
import { type FindingKind, type Issue, isFinding } from '../check/kinds.js';
import { structuralIssues, versionState } from '../check/version.js';
import { moveThrough, stageRecord, syncCommit } from '../commit.js';
import { floorOf } from '../latest.js';
import type { ArtifactRecord, Tombstone } from '../metadata.js';
import { linkToQuarantine, moveToQuarantine } from '../quarantine.js';
import { versionNumbers } from '../read.js';
import { type RecordState, readRecordState, readTombstoneState } from './states.js';

/** What is done to one path. `inside`: where it is below the quarantine of its model. */
export interface Act {
  readonly path: string;
  readonly kind: FindingKind;
  readonly action: 'quarantined' | 'rebuilt';
  readonly inside?: string;
}

/** A record that is written over, or in the place of, what is there. */
interface Rewrite {
  readonly path: string;
  readonly kind: FindingKind;
  readonly value: ArtifactRecord | Tombstone;
}

interface Aside {
  readonly path: string;
  readonly kind: FindingKind;
}

export interface NameRepair {
  /** The artifact's directory. */
  readonly dir: string;
  readonly rewrites: readonly Rewrite[];
  readonly aside: readonly Aside[];
}

/** The name as it is now. */
interface Standing {
  readonly dir: string;
  readonly tombstonePath: string;
  readonly artifact: 'absent' | 'other' | 'directory';
  readonly entries: readonly string[];
  readonly record: RecordState<ArtifactRecord>;
  readonly tombstone: RecordState<Tombstone>;
  readonly name: string | undefined;
  /** No version up to here may be given out again. */
  readonly seen: number;
}

/** What to do about the findings of one name, as it is now; `epoch`: of the holder that will do it. */
export async function planName(repo: Repo, modelId: string, segment: string, findings: readonly Issue[], epoch: number): Promise<NameRepair> {
  const standing = look(repo, modelId, segment);
  const { artifact, dir, record, name, tombstone, tombstonePath } = standing;
  const bad = await badVersions(standing, findings);
  const good = versionNumbers(standing.entries).filter((version) => !bad.has(String(version)));
  const forgotten = { path: tombstonePath, kind: tombstone.kind };
  if (artifact === 'directory' && good.length > 0 && name !== undefined && record.state !== 'foreign') {
    const versions = [...bad].map(([version, kind]) => ({ path: join(dir, version), kind }));
    // What the tombstone said is counted from by the record of the live artifact.
    const aside = [...versions, ...strayPaths(standing, bad, findings), ...(tombstone.state === 'bad' ? [forgotten] : [])];
    return { dir, rewrites: recordRewrite(standing, name, good, aside[0]?.kind ?? 'version_lost', epoch), aside };
  }
  const kind = wholeKind(standing, bad, findings);
  const rewrites = tombstoneRewrite(standing, kind, epoch);
  const whole = artifact === 'absent' ? [] : [{ path: dir, kind }];
  return { dir, rewrites, aside: tombstone.state === 'bad' && rewrites.length === 0 ? [...whole, forgotten] : whole };
}

/** Does it, under the model's data fence. Records first, durable: a floor must be there before the version above it is removed. Throws FenceLost. */
export async function mendName(fence: Lease, { dir, rewrites, aside }: NameRepair): Promise<Act[]> {
  const acts: Act[] = [];
  for (const { path, kind, value } of rewrites) {
    const inside = await clear(fence, path);
    await putRecord(fence, path, value);
    acts.push({ path, kind, action: 'rebuilt', ...(inside === undefined ? {} : { inside }) });
  }
  for (const { path, kind } of aside) acts.push({ path, kind, action: 'quarantined', inside: await moveToQuarantine(fence, path) });
  await syncCommit(fence, [...new Set([dir, join(dir, '..'), ...aside.map(({ path }) => join(path, '..'))])]);
  return acts;
}

function look(repo: Repo, modelId: string, segment: string): Standing {
  const dir = join(repo.layout.model(modelId), segment);
  const status = statusOf(dir);
  const artifact = status === undefined ? 'absent' : status.isDirectory() ? 'directory' : 'other';
  const entries = artifact === 'directory' ? (ownNames(dir) ?? []) : [];
  const tombstonePath = join(repo.layout.tombstones(modelId), `${segment}.json`);
  const record = readRecordState(join(dir, ARTIFACT_RECORD), segment);
  const tombstone = readTombstoneState(tombstonePath, segment);
  const name = nameOf(segment) ?? [record.name, tombstone.name].find((candidate) => candidate !== undefined && isNameOf(candidate, segment));
  const seen = entries.reduce((highest, entry) => Math.max(highest, numberOf(entry)), Math.max(record.floor, tombstone.floor));
  return { dir, tombstonePath, artifact, entries, record, tombstone, name, seen };
}

/** The version number that a name could have meant; 0 for none. */
function numberOf(entry: string): number {
  return /^0*[1-9][0-9]{0,11}$/.test(entry) ? Number(entry) : 0;
}

/** The versions that go as a whole, of those that were found damaged: looked at again, but for the content, which was read without a lock. */
async function badVersions({ dir, entries }: Standing, findings: readonly Issue[]): Promise<Map<string, FindingKind>> {
  const bad = new Map<string, FindingKind>();
  const first = ({ path }: Issue): string => (path.startsWith(dir + sep) ? (path.slice(dir.length + 1).split(sep)[0] ?? '') : '');
  for (const version of new Set(findings.map(first))) {
    if (versionNumbers([version]).length === 0 || !entries.includes(version)) continue;
    const found = findings.filter((issue) => first(issue) === version);
    const path = join(dir, version);
    const [worst] = statusOf(path)?.isDirectory() === true ? (await structuralIssues(path)).filter(({ stray }) => stray === undefined) : found;
    const altered = found.find(({ kind, seen }) => kind === 'checksum_mismatch' && seen === versionState(path));
    const issue = worst ?? altered;
    if (issue !== undefined && isFinding(issue.kind) && issue.kind !== 'unreadable') bad.set(version, issue.kind);
  }
  return bad;
}

/** What is beside the versions, and inside whole ones, and belongs to nothing. */
function strayPaths({ dir, entries }: Standing, bad: ReadonlyMap<string, FindingKind>, findings: readonly Issue[]): Aside[] {
  const strays = findings.filter((issue) => {
    const [entry = '', ...inner] = issue.path.startsWith(dir + sep) ? issue.path.slice(dir.length + 1).split(sep) : [];
    if (!entries.includes(entry) || !isFinding(issue.kind) || issue.kind === 'unreadable' || statusOf(issue.path) === undefined) return false;
    if (versionNumbers([entry]).length === 0) return entry !== ARTIFACT_RECORD && inner.length === 0;
    return issue.stray === true && !bad.has(entry);
  });
  return [...new Map(strays.map(({ path, kind }) => [path, { path, kind: kind as FindingKind }])).values()];
}

/** The record of an artifact that stays, when it cannot stay as it is. `because`: why something beside it goes. */
function recordRewrite({ dir, record, tombstone, seen }: Standing, name: string, good: readonly number[], because: FindingKind, epoch: number): Rewrite[] {
  const path = join(dir, ARTIFACT_RECORD);
  const highest = good.at(-1) ?? 0;
  const anew = { name, generation: epoch, floor: seen };
  if (record.state !== 'ok' || record.value === undefined) return [{ path, kind: record.kind, value: anew }];
  const { value } = record;
  if (value.generation > MAX_EPOCH) return [{ path, kind: 'generation_ahead', value: anew }];
  const [broken] = tombstone.value === undefined ? [] : floorIssues(dir, value, highest, tombstone.value);
  if (broken !== undefined) return [{ path, kind: 'floor_broken', value: anew }];
  // A version that goes, or is lost, must still be counted from (P4), and be under the floor (P10).
  const isTrue = Math.max(value.floor, highest) >= seen && floorOf(value.floor, good) === value.floor;
  return isTrue ? [] : [{ path, kind: because, value: { ...value, floor: seen } }];
}

/** The tombstone of a name without an artifact, when there must be one and none says enough. */
function tombstoneRewrite({ tombstonePath: path, artifact, record, tombstone, name, seen }: Standing, because: FindingKind, epoch: number): Rewrite[] {
  const bad = tombstone.state === 'bad';
  if (name === undefined || (artifact === 'absent' && !bad)) return [];
  const known = [record.generation, tombstone.generation].filter((generation) => generation !== undefined && generation <= MAX_EPOCH) as number[];
  const generation = known.length === 0 ? epoch : Math.max(...known);
  const { value } = tombstone;
  if (!bad && value !== undefined && value.floor >= seen && value.generation >= generation) return [];
  const deletedAt = tombstone.deletedAt ?? new Date().toISOString();
  const forward = artifact === 'absent' && tombstone.renamedTo !== undefined ? { renamedTo: tombstone.renamedTo } : {};
  return [{ path, kind: bad ? tombstone.kind : because, value: { name, generation, floor: seen, deletedAt, ...forward } }];
}

/** Why the artifact goes as a whole. */
function wholeKind({ dir, artifact, record, entries }: Standing, bad: ReadonlyMap<string, FindingKind>, findings: readonly Issue[]): FindingKind {
  if (artifact !== 'directory') return (findings.find(({ path }) => path === dir)?.kind as FindingKind | undefined) ?? 'wrong_type';
  if (entries.length === 0) return 'empty_directory';
  if (record.state === 'foreign') return 'name_mismatch';
  const [version] = bad.values();
  return version ?? (versionNumbers(entries).length === 0 || record.state === 'ok' ? 'missing_version' : record.kind);
}

/** Makes the place of a record free, with what is there set aside; a regular file stays until it is written over. */
async function clear(fence: Lease, path: string): Promise<string | undefined> {
  const status = statusOf(path);
  if (status === undefined) return undefined;
  return status.isFile() ? linkToQuarantine(fence, path) : moveToQuarantine(fence, path);
}

async function putRecord(fence: Lease, path: string, value: object): Promise<void> {
  const slot = await stageRecord(fence, 'record', value);
  await makeDirs(join(path, '..'));
  await moveThrough(fence, slot, path);
  await syncDir(join(path, '..'));
}
