/**
 * `repo import`: takes over a repository of swamp-club's swamp. What is new in it becomes a repository of this program in the staging, and a
 * backup of that is merged: so it is verified, published as a whole or not at all, and adds only what is missing.
 */
import { basename, dirname, join } from 'node:path';
import { type ForeignArtifact, type ForeignModel, type ForeignSkipped, type ForeignVersion, surveyForeign } from '../backup/foreign/survey.js';
import { isErrno, SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { Bulk } from '../fs/bulk.js';
import { makeDirs } from '../fs/durable.js';
import { digest } from '../fs/pieces.js';
import { openPlainFile } from '../fs/plain.js';
import { ARTIFACT_RECORD, CONTENT, METADATA } from '../layout/layout.js';
import { buildFence, readFence } from '../locks/fence.js';
import { openStaging, type Session } from '../locks/session.js';
import { serialiseDefinition } from '../models/definition.js';
import { type Model, surveyDefinitions } from '../models/files.js';
import { withSession } from '../protocol/session.js';
import { openRepoAt, type Repo } from '../repo.js';
import { isDeletedModel } from '../store/deleted.js';
import { floorOf } from '../store/latest.js';
import { readVersionMetadata, serialise, type Tombstone, type VersionMetadata } from '../store/metadata.js';
import { artifactRecord, findArtifact, tombstoneOf } from '../store/read.js';
import { backupCreate } from './backup-create.js';
import { restoreInto } from './backup-restore.js';
import { operation } from './operation.js';
import { repoInit } from './repo-init.js';

export interface RepoImportInput {
  /** The directory of the foreign repository. */
  readonly dir: string;
  readonly dryRun?: boolean;
}

/** A model of which something is new here. */
export interface ImportedModel {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly versions: number;
}

export interface RepoImportResult {
  readonly models: readonly ImportedModel[];
  /** Those that are new, or get versions. */
  readonly artifacts: number;
  readonly versions: number;
  readonly bytes: number;
  /** Names that lead on to another one, as after a rename. */
  readonly renames: number;
  /** What is not carried over, or not as it is. `path`: relative to the foreign repository. */
  readonly skipped: readonly ForeignSkipped[];
  readonly dryRun: boolean;
}

export interface RepoImportOptions {
  readonly signal: AbortSignal;
  /** Bytes of content that were read, verified, and staged. */
  readonly onProgress?: (bytes: number, phase: 'read' | 'verified' | 'staged', total?: number) => void;
}

/** Throws `not_a_repo`, `usage` for a repository of this program, `config_invalid`, `conflict` for what changes while it is read, `no_space`, `lock_timeout`. */
export const repoImport = operation({ verb: 'repo import', access: 'writes', about: ({ dir }) => dir }, importRepo);

async function importRepo(repo: Repo, { dir, dryRun = false }: RepoImportInput, options: RepoImportOptions): Promise<RepoImportResult> {
  const { signal } = options;
  const foreign = await surveyForeign(dir, yielding(signal));
  let bytesRead = 0;
  const read = (bytes: number): void => {
    bytesRead += bytes;
    options.onProgress?.(bytesRead, 'read');
  };
  const planning: Planning = { repo, signal, skipped: [...foreign.skipped], read };
  const { files } = await surveyDefinitions(repo);
  const present = files.flatMap(({ model }) => model ?? []);
  const plans: ModelPlan[] = [];
  for (const model of foreign.models) plans.push(...[(await planModel(planning, model, present)) ?? []].flat());
  const result = resultOf(plans, planning.skipped, dryRun);
  if (dryRun || plans.length === 0) return result;
  await withSession(
    repo,
    async (session) => {
      const staging = await openStaging(session);
      const made = await makeRepo(session, join(staging, 'import'), plans, options);
      const backup = join(staging, 'import-backup');
      await backupCreate(made, { dir: backup, encodeNames: true, renameCollisions: true }, { signal });
      const onProgress: Parameters<typeof restoreInto>[2]['onProgress'] = ({ bytes }, phase, total) => options.onProgress?.(bytes, phase, total);
      const merged = await restoreInto(async () => repo, { dir: backup, mode: 'merge' }, { signal, onProgress });
      // Written here since the plan was made.
      for (const { model, name, reason } of merged.skipped)
        planning.skipped.push({ path: [model, name ?? []].flat().join('/'), reason: `stays as it is here (${reason})` });
    },
    { removes: true },
  );
  return result;
}

interface Planning {
  readonly repo: Repo;
  readonly signal: AbortSignal;
  readonly skipped: ForeignSkipped[];
  /** Called for each piece of a content that was read. */
  readonly read: (bytes: number) => void;
}

/** A version to bring, whose content was read once. */
interface VersionPlan {
  readonly number: number;
  readonly metadata: VersionMetadata;
  /** Absolute. */
  readonly raw: string;
}

interface ArtifactPlan {
  readonly name: string;
  readonly generation: number;
  readonly versions: readonly VersionPlan[];
}

interface ModelPlan {
  readonly model: ForeignModel;
  /** What is here under its id; its definition stays as it is. */
  readonly here: Model | undefined;
  /** Of its data fence. */
  readonly epoch: number;
  readonly artifacts: readonly ArtifactPlan[];
  readonly forwards: readonly Tombstone[];
}

function resultOf(plans: readonly ModelPlan[], skipped: readonly ForeignSkipped[], dryRun: boolean): RepoImportResult {
  const artifacts = plans.flatMap((plan) => plan.artifacts);
  const versions = artifacts.flatMap((artifact) => artifact.versions);
  return {
    models: plans.map(({ model: { definition }, here, artifacts: some }) => {
      const { id, name, type } = here ?? definition;
      return { id, name, type, versions: some.reduce((sum, artifact) => sum + artifact.versions.length, 0) };
    }),
    artifacts: artifacts.length,
    versions: versions.length,
    bytes: versions.reduce((sum, { metadata }) => sum + metadata.size, 0),
    renames: plans.reduce((sum, { forwards }) => sum + forwards.length, 0),
    skipped,
    dryRun,
  };
}

/** Undefined: nothing of it is new, or it cannot come. */
async function planModel(planning: Planning, model: ForeignModel, present: readonly Model[]): Promise<ModelPlan | undefined> {
  const { repo, skipped } = planning;
  const { id, name } = model.definition;
  const here = present.find((one) => one.id === id);
  const namesake = present.find((one) => one.id !== id && one.name.toLowerCase() === name.toLowerCase());
  const refused = isDeletedModel(repo, id)
    ? 'was deleted here'
    : here === undefined && namesake !== undefined
      ? 'its name is that of another model here'
      : undefined;
  if (refused !== undefined) {
    skipped.push({ path: model.path, reason: refused });
    return undefined;
  }
  // Nothing here is of a higher generation then, and what comes keeps its own.
  const epoch = Math.max(1, readFence(repo.layout.fence({ kind: 'data', modelId: id }))?.epoch ?? 0);
  const artifacts: ArtifactPlan[] = [];
  const forwards: Tombstone[] = [];
  const taken = new Set(model.artifacts.map((artifact) => artifact.name));
  for (const artifact of model.artifacts) {
    const { mark } = artifact;
    const former = mark === undefined ? artifact : { ...artifact, name: formerName(artifact.name, taken) };
    artifacts.push(...[(await planArtifact(planning, id, former, epoch)) ?? []].flat());
    if (mark === undefined) continue;
    const forward = planForward(planning, id, artifact, epoch);
    if (forward !== undefined) forwards.push(forward);
  }
  if (here !== undefined && artifacts.length === 0 && forwards.length === 0) return undefined;
  return { model, here, epoch, artifacts, forwards };
}

/** What an artifact was before its rename has no name here any more: a name leads on, or has versions. */
function formerName(name: string, taken: Set<string>): string {
  for (let n = 1; ; n++) {
    const former = `${name}.before-rename${n === 1 ? '' : `-${n}`}`;
    if (!taken.has(former)) {
      taken.add(former);
      return former;
    }
  }
}

/** The old name leads readers on, unless something is here under it. */
function planForward({ repo, skipped }: Planning, modelId: string, { name, path, mark, versions }: ForeignArtifact, generation: number): Tombstone | undefined {
  if (mark === undefined) return undefined;
  const before = tombstoneOf(repo, modelId, name);
  if (before?.renamedTo !== undefined && before.renamedTo === mark.renamedTo) return undefined;
  if (findArtifact(repo, modelId, name) !== undefined || before !== undefined) {
    const what = mark.renamedTo === undefined ? 'was deleted there' : `was renamed to ${JSON.stringify(mark.renamedTo)} there`;
    if (before === undefined || mark.renamedTo !== undefined) skipped.push({ path, reason: `${what}, and is here under its old name` });
    return undefined;
  }
  const floor = Math.max(mark.number, versions.at(-1)?.number ?? 0);
  return { name, generation, floor, deletedAt: mark.at, ...(mark.renamedTo === undefined ? {} : { renamedTo: mark.renamedTo }) };
}

async function planArtifact(planning: Planning, modelId: string, artifact: ForeignArtifact, epoch: number): Promise<ArtifactPlan | undefined> {
  const { repo, skipped } = planning;
  const { name, path } = artifact;
  const here = findArtifact(repo, modelId, name);
  const record = here === undefined ? undefined : artifactRecord(here, name);
  if (here === undefined && tombstoneOf(repo, modelId, name) !== undefined) {
    if (artifact.versions.length > 0) skipped.push({ path, reason: 'was deleted or renamed here' });
    return undefined;
  }
  const versions: VersionPlan[] = [];
  let gone = 0;
  for (const version of artifact.versions) {
    const there = here?.versions.includes(version.number) === true;
    if (there && here !== undefined) {
      const known = readVersionMetadata(join(here.dir, String(version.number), METADATA));
      if (version.metadata.checksum !== undefined && known !== undefined && known.checksum !== version.metadata.checksum)
        skipped.push({ path: `${path}/${version.number}`, reason: 'is here with another content' });
    } else if (here !== undefined && version.number < (here.versions.at(-1) ?? 0)) gone++;
    else versions.push(...[(await planVersion(planning, path, version)) ?? []].flat());
  }
  if (gone > 0) skipped.push({ path, reason: `${gone} of its versions were deleted here, or are older than what is here` });
  return versions.length === 0 ? undefined : { name, generation: record?.generation ?? epoch, versions };
}

/** Reads its content; undefined: it is not what was written down, and is listed. */
async function planVersion({ signal, skipped, read }: Planning, path: string, { number, metadata, dir }: ForeignVersion): Promise<VersionPlan | undefined> {
  const raw = join(dir, 'raw');
  const skip = (reason: string): undefined => void skipped.push({ path: `${path}/${number}`, reason });
  try {
    const file = openPlainFile(raw);
    if (file === undefined) return skip('has no content');
    if ('refused' in file) return skip(`its content ${file.message}`);
    const found = await digest(file, { signal, onBytes: read });
    const { size = found.size, checksum = found.checksum } = metadata;
    if (found.size !== size || found.checksum !== checksum) return skip('its content is not what its checksum says');
    return { number, raw, metadata: { ...metadata, commit: `import.${number}`, size, checksum } };
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'EIO')) throw error;
    return skip('its content cannot be read');
  }
}

/** A repository of what comes, and of nothing else. */
async function makeRepo(session: Session, dir: string, plans: readonly ModelPlan[], { signal }: RepoImportOptions): Promise<Repo> {
  await repoInit(dir, { readOnly: false });
  const { timing, reporter } = session.repo;
  const repo = openRepoAt(dir, { env: {}, timing, reporter, readOnly: false });
  const { layout } = repo;
  // With its trash it is past the first write, which would fill a reserve.
  await makeDirs(layout.trashes);
  const [definitions, data] = [new Bulk(repo.root), new Bulk(layout.root)];
  const json = (path: string, record: object): Promise<void> => data.write(path, Buffer.from(serialise(record)));
  for (const { model, here, epoch, artifacts, forwards } of plans) {
    const { id, name, type } = here ?? model.definition;
    await definitions.write(join(repo.root, 'models', type, `${name}.yaml`), Buffer.from(here?.text ?? serialiseDefinition(model.definition)));
    await buildFence(layout.fence({ kind: 'data', modelId: id }), epoch);
    for (const artifact of artifacts) {
      const numbers = artifact.versions.map(({ number }) => number);
      await json(join(layout.artifact(id, artifact.name), ARTIFACT_RECORD), {
        name: artifact.name,
        generation: artifact.generation,
        floor: floorOf(0, numbers),
      });
      for (const version of artifact.versions) {
        const place = layout.version(id, artifact.name, version.number);
        await copy(data, version, join(place, CONTENT), signal);
        await json(join(place, METADATA), version.metadata);
      }
    }
    for (const forward of forwards) await json(layout.tombstone(id, forward.name), forward);
  }
  return repo;
}

async function copy(data: Bulk, { raw, metadata }: VersionPlan, to: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const file = openPlainFile(raw);
  if (file !== undefined && !('refused' in file)) {
    const { size, checksum } = await data.copy(to, file, { signal, onBytes: () => undefined }).finally(() => file.close());
    if (size === metadata.size && checksum === metadata.checksum) return;
  }
  throw new SwampError('conflict', `${raw} changed while it was imported.`, {
    hint: `Nothing was imported. Wait until no command works in ${basename(dirname(raw))}, then import again.`,
    data: { path: raw },
  });
}
