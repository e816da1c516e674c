/** One artifact directory, and one tombstone: their records, their numbers, and how the two stand to each other (P4). */
import { opendirSync } from 'node:fs';
import { join } from 'node:path';
import { SwampError } from '../../errors.js';
import { ARTIFACT_RECORD } from '../../layout/layout.js';
import { isNameOf } from '../../layout/names.js';
import { readFence } from '../../locks/fence.js';
import type { Repo } from '../../repo.js';
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
    const read = readArtifact(join(dir, ARTIFACT_RECORD));
    const listing = versionsIn(dir);
    if (listing.entries === 0) return [{ path: dir, kind: 'empty_directory', message: 'is empty' }];
    const empty: Issue[] = listing.highest === 0 ? [{ path: dir, kind: 'missing_version', message: 'holds no version' }] : [];
    if ('issue' in read) return [...empty, read.issue];
    const { record } = read;
    const tombstone = readTomb(join(repo.layout.tombstones(modelId), segment + RECORD_SUFFIX));
    return [
      ...empty,
      ...nameIssues(join(dir, ARTIFACT_RECORD), record.name, segment),
      ...generationIssues(repo, modelId, join(dir, ARTIFACT_RECORD), record.generation),
      ...(tombstone === undefined || 'issue' in tombstone ? [] : floorIssues(dir, record, listing.highest, tombstone.record)),
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
  /** The latest version; 0 when there is none. */
  readonly highest: number;
}

function versionsIn(dir: string): Listing {
  let entries = 0;
  let highest = 0;
  const listing = opendirSync(dir);
  try {
    for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) {
      entries++;
      const [version = 0] = versionNumbers([entry.name]);
      highest = Math.max(highest, version);
    }
  } finally {
    listing.closeSync();
  }
  return { entries, highest };
}

type Read<T> = { readonly record: T } | { readonly issue: Issue };

function readArtifact(path: string): Read<ArtifactRecord> {
  return readAs(path, readArtifactRecord) ?? { issue: { path, kind: 'missing_file', message: 'is missing' } };
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
    return { issue: recordIssue(path, error) };
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

/** Undefined for a fence that is missing or damaged: that is told of the fence itself. */
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
