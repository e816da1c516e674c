/** Stages what a plan brings, whole and durable, in the session's staging: streamed, in bounded memory, outside every lock. Each content is compared with its checksum once more. */
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { SwampError } from '../../errors.js';
import { Bulk } from '../../fs/bulk.js';
import { makeDirs, takeBack } from '../../fs/durable.js';
import { failpoint } from '../../fs/failpoints.js';
import type { Digest } from '../../fs/pieces.js';
import { ARTIFACT_RECORD, CONTENT, METADATA, PARTS } from '../../layout/layout.js';
import { segmentFor } from '../../layout/names.js';
import { hostName, newNonce } from '../../locks/holder.js';
import { openStaging, type Session } from '../../locks/session.js';
import type { Repo } from '../../repo.js';
import { type DefinitionText, discardStaged, type StagedText, stageText } from '../../store/definition-text.js';
import { INTENT, type RestoreIntent } from '../../store/intent.js';
import { serialise } from '../../store/metadata.js';
import { bundleIn, type DefinitionChange, definitionIn, fencesIn, RESTORE_FACTS, type StagedChange, stagedRestore } from '../../store/restoration.js';
import { sumOf } from '../../store/uploads/parts.js';
import { SUMS } from '../../store/uploads/place.js';
import { UPLOAD_RECORD } from '../../store/uploads/record.js';
import { readSidecar, type Saved, type SavedUpload } from '../contents.js';
import { openRequired } from '../open.js';
import { versionPath } from '../paths.js';
import type { RestorePlan, RestoreTarget, TargetArtifact } from './plan.js';

export interface StageOptions {
  readonly signal: AbortSignal;
  /** Called every now and then with what has been staged so far. */
  readonly onProgress?: (staged: { readonly files: number; readonly bytes: number }) => void;
}

/** staging/<me>/restore, complete and synced. Throws `checksum_mismatch`, `backup_invalid` for what has changed since it was verified, `no_space`. */
export async function stageRestore(session: Session, backup: Saved, plan: RestorePlan, options: StageOptions): Promise<void> {
  await openStaging(session);
  const record = stagedRestore(session);
  await makeDirs(record);
  const staging: Staging = { session, root: backup.root, record, bulk: new Bulk(record), options, staged: { files: 0, bytes: 0 }, told: 0 };
  for (const target of plan.targets) await stageTarget(staging, target);
  await stageRest(staging, plan);
}

/** What becomes of a model; without one: nothing of it stays. */
export function intentOf(target?: Pick<RestoreTarget, 'whole' | 'artifacts' | 'tombstones' | 'uploads'>): RestoreIntent {
  if (target === undefined) return { kind: 'restore', whole: true, staged: [] };
  const { whole, ...families } = target;
  const staged = [
    ...(families.artifacts.length > 0 ? ['data'] : []),
    ...(families.tombstones.length > 0 ? ['tombstones'] : []),
    ...(families.uploads.length > 0 ? ['uploads'] : []),
  ];
  return { kind: 'restore', whole, staged };
}

interface StageDefinitions {
  readonly write: (index: number, change: StagedChange) => Promise<void>;
  /** What is there already, which is taken over or removed. */
  readonly before?: readonly StagedText[];
  readonly signal: AbortSignal;
}

/**
 * Each text is beside its place before the change that names it is written: once the restore is published only link(2) is
 * left to do.
 */
export async function stageDefinitions(repo: Repo, changes: readonly DefinitionChange[], { write, before = [], signal }: StageDefinitions): Promise<void> {
  // Their directory is there as soon as one of them is staged.
  const texts = new Bulk(join(repo.root, 'models'));
  const many = { write: (path: string, text: string) => texts.write(path, Buffer.from(text)), linked: new Set<string>() };
  const stage = (file: DefinitionText): Promise<string> => stageText(repo, file, many);
  const standing = new Map(before.map((file) => [file.path, file]));
  for (const [index, change] of changes.entries()) {
    const { publish, remove } = change;
    const nonce = newNonce();
    if (publish === undefined) {
      await write(index, { remove, nonce });
      continue;
    }
    const there = standing.get(publish.path);
    const staged = there?.staged !== undefined && there.text === publish.text ? there.staged : await stage(publish);
    if (staged === there?.staged) standing.delete(publish.path);
    try {
      await write(index, { publish: { ...publish, staged }, remove, nonce });
    } catch (error) {
      await takeBack(() => discardStaged(repo, { ...publish, staged }));
      throw error;
    }
  }
  for (const file of standing.values()) await discardStaged(repo, file);
  if (texts.isChanged) await texts.sync(signal);
}

/** What is staged, and how much of it is. */
interface Staging {
  readonly session: Session;
  /** Of the backup. */
  readonly root: string;
  /** The directory that becomes the restore. */
  readonly record: string;
  readonly bulk: Bulk;
  readonly options: StageOptions;
  readonly staged: { files: number; bytes: number };
  /** When this was reported. */
  told: number;
}

async function stageTarget(staging: Staging, target: RestoreTarget): Promise<void> {
  const { modelId, epochs, artifacts, tombstones, uploads } = target;
  const bundle = bundleIn(staging.record, modelId);
  for (const artifact of artifacts) await stageArtifact(staging, join(bundle, 'data', segmentFor(artifact.saved.name)), artifact);
  for (const tombstone of tombstones) await json(staging, join(bundle, 'tombstones', `${segmentFor(tombstone.name)}.json`), tombstone);
  for (const upload of uploads) await stageUpload(staging, modelId, upload);
  await json(staging, join(bundle, INTENT), intentOf(target));
  await json(staging, fencesIn(staging.record, modelId), epochs);
}

/** What belongs to no target; then all of it is made durable. */
async function stageRest(staging: Staging, { gone, definitions }: RestorePlan): Promise<void> {
  const { repo } = staging.session;
  for (const modelId of gone) {
    await json(staging, join(bundleIn(staging.record, modelId), INTENT), intentOf());
    await json(staging, fencesIn(staging.record, modelId), { data: 0, run: 0 });
  }
  const write = (index: number, change: StagedChange): Promise<void> => json(staging, definitionIn(staging.record, index), change);
  await stageDefinitions(repo, definitions, { write, signal: staging.options.signal });
  await json(staging, join(staging.record, RESTORE_FACTS), { command: repo.command, host: hostName(), pid: process.pid, since: new Date().toISOString() });
  await staging.bulk.sync(staging.options.signal);
  await failpoint('restore.staged');
}

async function stageArtifact(staging: Staging, dir: string, { saved: { content }, record, only }: TargetArtifact): Promise<void> {
  const sidecar = readSidecar(staging.root, content);
  const latest = sidecar.versions.at(-1);
  for (const version of sidecar.versions) {
    if (only?.includes(version.version) === false) continue;
    const { version: number, ...metadata } = version;
    const from = version === latest ? content : versionPath(content, number);
    const to = join(dir, String(number));
    const { size, checksum } = await copy(staging, from, join(to, CONTENT));
    if (size !== metadata.size || checksum !== metadata.checksum) throw altered(from, record.name, number);
    await json(staging, join(to, METADATA), metadata);
  }
  await json(staging, join(dir, ARTIFACT_RECORD), record);
}

/** An upload's id begins with that of its model. */
async function stageUpload(staging: Staging, modelId: string, { id, directory, record, parts }: SavedUpload): Promise<void> {
  const to = join(bundleIn(staging.record, modelId), 'uploads', modelId + id.slice(modelId.length));
  await json(staging, join(to, UPLOAD_RECORD), { ...record, modelId });
  for (const number of parts) {
    const part = await copy(staging, `${directory}/part-${number}`, join(to, PARTS, String(number)));
    await staging.bulk.write(join(to, SUMS, sumOf({ number, ...part })), Buffer.alloc(0));
  }
  for (const empty of parts.length === 0 ? [PARTS, SUMS] : []) await makeDirs(join(to, empty));
}

/** Size and checksum of what was copied. */
async function copy(staging: Staging, from: string, to: string): Promise<Digest> {
  const { signal } = staging.options;
  // Thousands of small files are written without a turn of the event loop: signals and timers get theirs.
  if (staging.staged.files % TURN === 0) await turn();
  signal.throwIfAborted();
  const opened = openRequired(staging.root, from);
  const copied = await staging.bulk.copy(to, opened, { signal, onBytes: (bytes) => count(staging, 0, bytes) }).finally(() => opened.close());
  count(staging, 1, 0);
  return copied;
}

function json(staging: Staging, path: string, record: object): Promise<void> {
  return staging.bulk.write(path, Buffer.from(serialise(record)));
}

function count(staging: Staging, files: number, bytes: number): void {
  staging.staged.files += files;
  staging.staged.bytes += bytes;
  const now = staging.session.repo.timing.now();
  if (now - staging.told < TELL_EVERY_MS) return;
  staging.told = now;
  staging.options.onProgress?.({ ...staging.staged });
}

const TELL_EVERY_MS = 200;
const TURN = 32;

function altered(path: string, name: string, version: number): SwampError {
  return new SwampError('checksum_mismatch', `${path} changed while it was restored: it is not version ${version} of ${JSON.stringify(name)} any more.`, {
    hint: 'Nothing was restored. Run "swamp backup verify".',
    data: { findings: [{ path, kind: 'altered', message: 'does not have its checksum' }], name, version },
  });
}
