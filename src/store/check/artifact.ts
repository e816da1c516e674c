/** One artifact directory, and one tombstone: their records, their numbers, and whether the two agree (P4). */
import { opendirSync } from 'node:fs';
import { join } from 'node:path';
import { SwampError } from '../../errors.js';
import { ARTIFACT_RECORD } from '../../layout/layout.js';
import { isNameOf } from '../../layout/names.js';
import { readFence } from '../../locks/fence.js';
import type { Repo } from '../../repo.js';
import { floorOf } from '../latest.js';
import { type ArtifactRecord, readArtifactRecord, readTombstone, type Tombstone } from '../metadata.js';
import { versionNumbers } from '../read.js';
import { type Look, lookAtObject } from './checker.js';
import type { Issue } from './kinds.js';
import { readPlain } from './plain.js';
import { recordIssue } from './version.js';

const RECORD_SUFFIX = '.json';

/** The directory data/<model-id>/<segment> without its versions, which are looked at one by one. */
export function lookAtArtifact(repo: Repo, modelId: string, segment: string): Promise<Look> {
  const dir = join(repo.layout.model(modelId), segment);
  return lookAtObject(dir, 'directory', () => {
    // The record after the listing: a version that a delete takes away meanwhile is under the floor by then.
    const listing = versionsIn(dir);
    const read = readArtifact(join(dir, ARTIFACT_RECORD));
    if (listing.entries === 0) return [{ path: dir, kind: 'empty_directory', message: 'is empty' }];
    const highest = listing.versions.at(-1) ?? 0;
    const empty: Issue[] = highest === 0 ? [{ path: dir, kind: 'missing_version', message: 'holds no version' }] : [];
    if ('issue' in read) return [...empty, read.issue];
    const { record } = read;
    const tombstone = readTomb(join(repo.layout.tombstones(modelId), segment + RECORD_SUFFIX));
    const broken = tombstone === undefined || 'issue' in tombstone ? [] : floorIssues(dir, record, highest, tombstone.record);
    return [
      ...empty,
      ...nameIssues(join(dir, ARTIFACT_RECORD), record.name, segment),
      ...generationIssues(repo, modelId, join(dir, ARTIFACT_RECORD), record.generation),
      // A floor that is wrong says nothing of the numbers above it.
      ...(broken.length > 0 ? broken : gapIssues(dir, record.floor, listing.versions)),
    ];
  });
}

/** The file tombstones/<model-id>/<file>. */
export function lookAtTombstone(repo: Repo, modelId: string, file: string): Promise<Look> {
  const path = join(repo.layout.tombstones(modelId), file);
  return lookAtObject(path, 'file', () => {
    const read = readTomb(path);
    if (read === undefined) return [];
    if ('issue' in read) return [read.issue];
    const { name, generation } = read.record;
    return [...nameIssues(path, name, file.slice(0, -RECORD_SUFFIX.length)), ...generationIssues(repo, modelId, path, generation)];
  });
}

interface Listing {
  readonly entries: number;
  /** Ascending. */
  readonly versions: readonly number[];
}

function versionsIn(dir: string): Listing {
  let entries = 0;
  const versions: number[] = [];
  const listing = opendirSync(dir);
  try {
    for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) {
      entries++;
      versions.push(...versionNumbers([entry.name]));
    }
  } finally {
    listing.closeSync();
  }
  return { entries, versions: versions.sort((a, b) => a - b) };
}

/** A repair takes nothing from a damaged record: what only that said is lost. */
const LOST =
  'Restore it from a backup, or run "swamp datastore check --repair", which counts on from what is beside it: the numbers of versions that were deleted may not be known any more, and come again, under a new generation.';

type Read<T> = { readonly record: T } | { readonly issue: Issue };

function readArtifact(path: string): Read<ArtifactRecord> {
  return readAs(path, readArtifactRecord) ?? { issue: { path, kind: 'missing_file', message: 'is missing', hint: LOST } };
}

function readTomb(path: string): Read<Tombstone> | undefined {
  return readAs(path, readTombstone);
}

/** Undefined: nothing is there. */
function readAs<T>(path: string, parse: (path: string) => T | undefined): Read<T> | undefined {
  const plain = readPlain(path);
  if ('issue' in plain) return plain.issue.kind === 'missing_file' ? undefined : plain;
  try {
    const record = parse(path);
    return record === undefined ? undefined : { record };
  } catch (error) {
    return { issue: { ...recordIssue(path, error), hint: LOST } };
  }
}

function nameIssues(path: string, name: string, segment: string): Issue[] {
  return isNameOf(name, segment) ? [] : [{ path, kind: 'name_mismatch', message: `belongs to another name, ${JSON.stringify(name.slice(0, 200))}` }];
}

/** P6: the fence is read after the record, and its epoch never goes back. */
export function generationIssues(repo: Repo, modelId: string, path: string, generation: number): Issue[] {
  const epoch = dataEpoch(repo, modelId);
  if (epoch === undefined || generation <= epoch) return [];
  return [{ path, kind: 'generation_ahead', message: `has generation ${generation}, which the data lock of its model has not reached` }];
}

/** Undefined for a fence that is missing or damaged: that is a finding of the fence itself. */
function dataEpoch(repo: Repo, modelId: string): number | undefined {
  try {
    return readFence(repo.layout.fence({ kind: 'data', modelId }))?.epoch;
  } catch (error) {
    if (error instanceof SwampError) return undefined;
    throw error;
  }
}

/**
 * P4. A tombstone of the same generation is that of a delete or a rename that was interrupted: the live artifact outranks
 * it and knows at least its floor. One of an earlier generation: the artifact counts on from its floor. Versions below it
 * may have come along from another name, under a generation of their own.
 */
export function floorIssues(dir: string, record: ArtifactRecord, highest: number, tombstone: Tombstone): Issue[] {
  const broken = (message: string): Issue[] => [{ path: dir, kind: 'floor_broken', message }];
  const { generation, floor } = tombstone;
  if (record.generation < generation) return broken(`has generation ${record.generation}, and was deleted at generation ${generation}`);
  const known = record.generation === generation ? Math.max(record.floor, highest) : record.floor;
  return known < floor ? broken(`counts on from ${known}, and versions up to ${floor} were deleted`) : [];
}

/** P10: nothing but damage, or a hand, takes a version away without raising the floor. */
function gapIssues(dir: string, floor: number, versions: readonly number[]): Issue[] {
  if (floorOf(floor, versions) === floor) return [];
  const there = new Set(versions);
  const missing: number[] = [];
  for (let version = floor + 1; missing.length < TOLD && version < (versions.at(-1) ?? 0); version++) if (!there.has(version)) missing.push(version);
  const count = (versions.at(-1) ?? 0) - floor - versions.filter((version) => version > floor).length;
  const more = count > missing.length ? ` and ${count - missing.length} more` : '';
  return [{ path: dir, kind: 'version_lost', message: `lacks version ${missing.join(', ')}${more}, which no delete has removed` }];
}

/** So many missing versions are named. */
const TOLD = 5;
