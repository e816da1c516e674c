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
import { type Artifact, findArtifact, resolveName, warnOfStray } from '../store/read.js';
import { absentData } from './absent-data.js';
import { operation } from './operation.js';

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
  readonly total: number;
}

/** The versions of one moment: when one is deleted while they are read, all are read again. One that has no record is left out, unless it is the latest. Throws `model_not_found`, `data_not_found`, `corrupt`. */
export const dataVersions = operation({ verb: 'data versions', access: 'reads' }, versions);

async function versions(
  repo: Repo,
  { model, name }: { readonly model: string; readonly name: string },
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<DataVersionsResult> {
  checkArtifactName(name);
  return versionsOf(repo, model, name, signal);
}

async function versionsOf(repo: Repo, reference: string, asked: string, signal: AbortSignal | undefined): Promise<DataVersionsResult> {
  const model = await findModel(repo, reference);
  for (;;) {
    const name = await resolveName(repo, model.id, asked);
    if (name === undefined) throw absentData(repo, model, asked);
    const artifact = findArtifact(repo, model.id, name);
    // Renamed or deleted between the two looks: its forward, if any, is there now.
    if (artifact === undefined) continue;
    await failpoint('versions.listed');
    const versions = await readAll(artifact, signal);
    // What is left of an artifact that is deleted while we read never was all of it.
    if (versions.length < artifact.versions.length && !allStand(artifact)) continue;
    requireLatest(artifact, versions);
    for (const path of artifact.strays) warnOfStray(repo, path);
    return { dataName: name, modelId: model.id, modelName: model.name, modelType: model.type, versions, total: versions.length };
  }
}

/** Which one is the latest must be true. */
function requireLatest({ dir, versions }: Artifact, read: DataVersionsResult['versions']): void {
  const latest = String(versions.at(-1));
  if (String(read[0]?.version) !== latest) throw malformed(join(dir, latest, METADATA), 'it is missing');
}

function allStand({ dir, versions }: Artifact): boolean {
  return versions.every((version) => exists(join(dir, String(version))));
}

async function readAll({ dir, versions }: Artifact, signal: AbortSignal | undefined): Promise<DataVersionsResult['versions']> {
  const read: Omit<DataVersionsResult['versions'][number], 'isLatest'>[] = [];
  const pass = yielding(signal);
  for (const version of versions.toReversed()) {
    await pass();
    const metadata = readVersionMetadata(join(dir, String(version), METADATA));
    if (metadata !== undefined) read.push({ version, createdAt: metadata.createdAt, size: metadata.size, checksum: metadata.checksum });
  }
  return read.map((item, i) => ({ ...item, isLatest: i === 0 }));
}
