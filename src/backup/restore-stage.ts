/** Stages what a plan brings, whole and durable, in the session's staging: streamed, in bounded memory, outside every lock. Each content is compared with its checksum once more. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { SwampError } from '../errors.js';
import { Bulk } from '../fs/bulk.js';
import { sha256 } from '../fs/digest.js';
import { makeDirs, takeBack } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import type { Handle } from '../fs/handle.js';
import { ARTIFACT_RECORD, CONTENT, METADATA, PARTS } from '../layout/layout.js';
import { segmentFor } from '../layout/names.js';
import { newNonce } from '../locks/holder.js';
import { openStaging, type Session } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { discardStaged, type StagedText, stageText } from '../store/definition-text.js';
import { INTENT, type RestoreIntent } from '../store/intent.js';
import { serialise } from '../store/metadata.js';
import { bundleIn, type DefinitionChange, definitionIn, fencesIn, RESTORE_FACTS, type StagedChange, stagedRestore } from '../store/restoration.js';
import { sumOf } from '../store/uploads/parts.js';
import { SUMS } from '../store/uploads/place.js';
import { UPLOAD_RECORD } from '../store/uploads/record.js';
import { readSidecar, type Saved, type SavedUpload } from './contents.js';
import type { SidecarVersion } from './format.js';
import { bytesOf, openRequired, SMALL } from './open.js';
import { versionPath } from './paths.js';
import type { RestorePlan, Target, TargetArtifact } from './restore-plan.js';

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
  const stager = new Stager(session, backup, record, options);
  for (const target of plan.targets) await stager.stage(target);
  await stager.finish(plan);
}

/** What becomes of a model; without one: nothing of it stays. */
export function intentOf(target?: Pick<Target, 'whole' | 'artifacts' | 'tombstones' | 'uploads'>): RestoreIntent {
  if (target === undefined) return { kind: 'restore', whole: true, staged: [] };
  const { whole, ...families } = target;
  const staged = [
    ...(families.artifacts.length > 0 ? ['data'] : []),
    ...(families.tombstones.length > 0 ? ['tombstones'] : []),
    ...(families.uploads.length > 0 ? ['uploads'] : []),
  ];
  return { kind: 'restore', whole, staged };
}

/**
 * Each text stands beside its place before the change that names it is written: once the restore is published only link(2) is
 * left to do. `before`: what stands there already, which is taken over or removed.
 */
export async function stageDefinitions(
  repo: Repo,
  changes: readonly DefinitionChange[],
  write: (index: number, change: StagedChange) => Promise<void>,
  before: readonly StagedText[] = [],
): Promise<void> {
  const standing = new Map(before.map((file) => [file.path, file]));
  for (const [index, change] of changes.entries()) {
    const { publish, remove } = change;
    const nonce = newNonce();
    if (publish === undefined) {
      await write(index, { remove, nonce });
      continue;
    }
    const there = standing.get(publish.path);
    const staged = there?.staged !== undefined && there.text === publish.text ? there.staged : await stageText(repo, publish);
    if (staged === there?.staged) standing.delete(publish.path);
    try {
      await write(index, { publish: { ...publish, staged }, remove, nonce });
    } catch (error) {
      await takeBack(() => discardStaged(repo, { ...publish, staged }));
      throw error;
    }
  }
  for (const file of standing.values()) await discardStaged(repo, file);
}

class Stager {
  readonly #session: Session;
  readonly #backup: Saved;
  readonly #record: string;
  readonly #bulk: Bulk;
  readonly #options: StageOptions;
  readonly #staged = { files: 0, bytes: 0 };
  #told = 0;

  constructor(session: Session, backup: Saved, record: string, options: StageOptions) {
    this.#session = session;
    this.#backup = backup;
    this.#record = record;
    this.#bulk = new Bulk(record);
    this.#options = options;
  }

  async stage(target: Target): Promise<void> {
    const { modelId, epochs, artifacts, tombstones, uploads } = target;
    const bundle = bundleIn(this.#record, modelId);
    for (const artifact of artifacts) await this.#artifact(join(bundle, 'data', segmentFor(artifact.saved.name)), artifact);
    for (const tombstone of tombstones) await this.#json(join(bundle, 'tombstones', `${segmentFor(tombstone.name)}.json`), tombstone);
    for (const upload of uploads) await this.#upload(join(bundle, 'uploads'), upload, target);
    await this.#json(join(bundle, INTENT), intentOf(target));
    await this.#json(fencesIn(this.#record, modelId), epochs);
  }

  async finish({ gone, definitions }: RestorePlan): Promise<void> {
    const { repo } = this.#session;
    for (const modelId of gone) {
      await this.#json(join(bundleIn(this.#record, modelId), INTENT), intentOf());
      await this.#json(fencesIn(this.#record, modelId), { data: 0, run: 0 });
    }
    await stageDefinitions(repo, definitions, (index, change) => this.#json(definitionIn(this.#record, index), change));
    await this.#json(join(this.#record, RESTORE_FACTS), { command: repo.command, host: hostname(), pid: process.pid, since: new Date().toISOString() });
    await this.#bulk.sync(this.#options.signal);
    await failpoint('restore.staged');
  }

  async #artifact(dir: string, { saved: { content }, record, only }: TargetArtifact): Promise<void> {
    const sidecar = readSidecar(this.#backup.root, content);
    const latest = sidecar.versions.at(-1);
    for (const version of sidecar.versions) {
      if (only?.includes(version.version) === false) continue;
      await this.#version(join(dir, String(version.version)), version === latest ? content : versionPath(content, version.version), version, record.name);
    }
    await this.#json(join(dir, ARTIFACT_RECORD), record);
  }

  async #version(dir: string, from: string, { version: number, ...metadata }: SidecarVersion, name: string): Promise<void> {
    const { size, checksum } = await this.#copy(from, join(dir, CONTENT));
    if (size !== metadata.size || checksum !== metadata.checksum) throw altered(from, name, number);
    await this.#json(join(dir, METADATA), metadata);
  }

  /** An upload's id begins with that of its model. */
  async #upload(dir: string, { id, directory, record, parts }: SavedUpload, { modelId }: Target): Promise<void> {
    const to = join(dir, modelId + id.slice(modelId.length));
    await this.#json(join(to, UPLOAD_RECORD), { ...record, modelId });
    for (const number of parts) {
      const part = await this.#copy(`${directory}/part-${number}`, join(to, PARTS, String(number)));
      await this.#write(join(to, SUMS, sumOf({ number, ...part })), Buffer.alloc(0));
    }
    for (const empty of parts.length === 0 ? [PARTS, SUMS] : []) await makeDirs(join(to, empty));
  }

  /** Size and checksum of what was copied. */
  async #copy(from: string, to: string): Promise<{ readonly size: number; readonly checksum: string }> {
    const { signal } = this.#options;
    // Thousands of small files are written without a turn of the event loop: signals and timers get theirs.
    if (this.#staged.files % TURN === 0) await turn();
    signal.throwIfAborted();
    const opened = openRequired(this.#backup.root, from);
    if (opened.size <= SMALL) {
      const bytes = bytesOf(opened);
      await this.#write(to, bytes);
      return { size: bytes.length, checksum: sha256(bytes) };
    }
    const hash = createHash('sha256');
    let size = 0;
    try {
      await this.#bulk.stream(to, async (file: FileHandle) => {
        for await (const chunk of ahead(opened)) {
          signal.throwIfAborted();
          const written = file.writeFile(chunk);
          hash.update(chunk);
          await written;
          size += chunk.length;
          this.#count(0, chunk.length);
        }
      });
    } finally {
      opened.close();
    }
    this.#count(1, 0);
    return { size, checksum: hash.digest('hex') };
  }

  #json(path: string, record: object): Promise<void> {
    return this.#bulk.write(path, Buffer.from(serialise(record)));
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#bulk.write(path, bytes);
    this.#count(1, bytes.length);
  }

  #count(files: number, bytes: number): void {
    this.#staged.files += files;
    this.#staged.bytes += bytes;
    const now = this.#session.repo.timing.now();
    if (now - this.#told < TELL_EVERY_MS) return;
    this.#told = now;
    this.#options.onProgress?.({ ...this.#staged });
  }
}

const TELL_EVERY_MS = 200;
const TURN = 32;
/** Bytes of large contents that are read ahead of hashing and writing. */
const AHEAD = 1024 * 1024;

/** The pieces of an open file; the next one is read while the last one is used. Each is valid until the next one is asked for. */
async function* ahead(file: Handle): AsyncGenerator<Uint8Array> {
  const buffers = [Buffer.allocUnsafe(AHEAD), Buffer.allocUnsafe(AHEAD)] as const;
  let position = 0;
  let next = file.read(buffers[0], position);
  for (let at: 0 | 1 = 0; ; at = at === 0 ? 1 : 0) {
    const length = await next;
    if (length === 0) return;
    position += length;
    next = file.read(buffers[at === 0 ? 1 : 0], position);
    // Nobody waits for it when the reader stops here.
    next.catch(() => undefined);
    yield buffers[at].subarray(0, length);
  }
}

function altered(path: string, name: string, version: number): SwampError {
  return new SwampError('checksum_mismatch', `${path} changed while it was restored: it is not version ${version} of ${JSON.stringify(name)} any more.`, {
    hint: 'Nothing was restored. Run "swamp backup verify".',
    data: { findings: [{ path, kind: 'altered', message: 'does not have its checksum' }], name, version },
  });
}
