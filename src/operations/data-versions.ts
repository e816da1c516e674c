/** `data versions`: the versions of one artifact, newest first; no lock. */
import { join } from 'node:path';
import { yielding } from '../event-loop.js';
import { failpoint } from '../fs/failpoints.js';
import { exists } from '../fs/tree.js';
import { METADATA } from '../layout/layout.js';
import { checkArtifactName } from '../layout/names.js';
import { findModel } from '../models/files.js';
import type { Repo } from '../repo.js';
import { malformed, readVersionMetadata } from '../store/metadata.js';
import { type Artifact, findArtifact, findHead, resolveName, warnOfStray } from '../store/read.js';
import { absentData } from './absent-data.js';
import { operation } from './operation.js';

export interface DataVersionsInput {
  readonly model: string;
  readonly name: string;
  /** At most so many: the newest. What there is besides costs nothing then. */
  readonly limit?: number;
  /** Only versions under this number. */
  readonly before?: number;
}

export interface DataVersionsResult {
  readonly dataName: string;
  readonly modelId: string;
  readonly modelName: string;
  readonly modelType: string;
  readonly versions: readonly {
    readonly version: number;
    readonly createdAt: string;
    readonly size: number;
    readonly checksum: string;
    readonly isLatest: boolean;
  }[];
  /** So many are listed. */
  readonly total: number;
  /** True: `limit` left some out. */
  readonly more: boolean;
}

/** The versions of one moment: when one is deleted while they are read, all are read again. One that has no record is left out, unless it is the latest. Throws `model_not_found`, `data_not_found`, `corrupt`. */
export const dataVersions = operation({ verb: 'data versions', access: 'reads' }, versions);

async function versions(repo: Repo, input: DataVersionsInput, { signal }: { readonly signal?: AbortSignal } = {}): Promise<DataVersionsResult> {
  checkArtifactName(input.name);
  const { limit, before = Number.POSITIVE_INFINITY } = input;
  const model = await findModel(repo, input.model);
  for (;;) {
    const name = await resolveName(repo, model.id, input.name);
    if (name === undefined) throw absentData(repo, model, input.name);
    const found = await (limit === undefined ? allUnder(repo, model.id, { name, before }, signal) : newestUnder(repo, model.id, { name, before, limit }));
    // Renamed or deleted between two looks: its forward, if any, is there now.
    if (found === undefined) continue;
    return { dataName: name, modelId: model.id, modelName: model.name, modelType: model.type, ...found, total: found.versions.length };
  }
}

interface Wanted {
  readonly name: string;
  readonly before: number;
}

type Found = Pick<DataVersionsResult, 'versions' | 'more'>;

async function allUnder(repo: Repo, modelId: string, { name, before }: Wanted, signal: AbortSignal | undefined): Promise<Found | undefined> {
  const artifact = findArtifact(repo, modelId, name);
  if (artifact === undefined) return undefined;
  await failpoint('versions.listed');
  const versions = await readAll(artifact, signal);
  // What is left of an artifact that is deleted while we read never was all of it.
  if (versions.length < artifact.versions.length && !allStand(artifact)) return undefined;
  requireLatest(artifact, versions);
  for (const path of artifact.strays) warnOfStray(repo, path);
  return { versions: versions.filter(({ version }) => version < before), more: false };
}

/** So many numbers in a row that are not there, under the floor: a listing says which ones are. */
const GAP = 64;

/** Goes down from the latest, without a listing. Above the floor no number is missing (P10). */
async function newestUnder(repo: Repo, modelId: string, { name, before, limit }: Wanted & { readonly limit: number }): Promise<Found | undefined> {
  const head = findHead(repo, modelId, name);
  if (head === undefined) return undefined;
  const { dir, latest } = head;
  await failpoint('versions.listed');
  const read: Version[] = [];
  let missing = 0;
  for (let version = Math.min(latest, before - 1); version > 0 && read.length <= limit && missing <= GAP; version--) {
    const found = versionIn(dir, version, latest);
    if (found === undefined) missing++;
    else {
      missing = 0;
      read.push(found);
    }
  }
  if (missing > GAP) {
    const last = read.at(-1)?.version ?? before;
    const listed = (findArtifact(repo, modelId, name)?.versions ?? []).filter((version) => version < Math.min(last, before));
    for (const version of listed.reverse()) {
      if (read.length > limit) break;
      read.push(...[versionIn(dir, version, latest) ?? []].flat());
    }
  }
  const now = findHead(repo, modelId, name);
  if (now?.record.generation !== head.record.generation || now.record.floor !== head.record.floor) return undefined;
  if (latest < before && read[0]?.version !== latest) throw malformed(join(dir, String(latest), METADATA), 'it is missing');
  return { versions: read.slice(0, limit), more: read.length > limit };
}

type Version = DataVersionsResult['versions'][number];

/** Undefined when it is not there, or has no record. */
function versionIn(dir: string, version: number, latest: number): Version | undefined {
  const metadata = readVersionMetadata(join(dir, String(version), METADATA));
  if (metadata === undefined) return undefined;
  return { version, createdAt: metadata.createdAt, size: metadata.size, checksum: metadata.checksum, isLatest: version === latest };
}

/** Which one is the latest must be true. */
function requireLatest({ dir, versions }: Artifact, read: DataVersionsResult['versions']): void {
  const latest = String(versions.at(-1));
  if (String(read[0]?.version) !== latest) throw malformed(join(dir, latest, METADATA), 'it is missing');
}

function allStand({ dir, versions }: Artifact): boolean {
  return versions.every((version) => exists(join(dir, String(version))));
}

async function readAll({ dir, versions }: Artifact, signal: AbortSignal | undefined): Promise<readonly Version[]> {
  const read: Version[] = [];
  const pass = yielding(signal);
  const latest = versions.at(-1) ?? 0;
  for (const version of versions.toReversed()) {
    await pass();
    read.push(...[versionIn(dir, version, latest) ?? []].flat());
  }
  return read;
}
