/** `data upload complete`: moves the upload aside, looks at its parts without a lock, then commits them as the next version under the data fence. */

import { basename } from 'node:path';
import { SwampError } from '../errors.js';
import { takeBack } from '../fs/durable.js';
import { exists } from '../fs/tree.js';
import { parseHolder } from '../locks/holder.js';
import type { Lease } from '../locks/lease.js';
import { findModel, type Model } from '../models/files.js';
import { withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import { requireNotDeleted, requireUpload } from '../recovery/uploads.js';
import type { Repo } from '../repo.js';
import { collectWritten } from '../store/collect.js';
import { moveToTrash, syncCommit } from '../store/commit.js';
import type { VersionMetadata } from '../store/metadata.js';
import { commitOf, type StagedVersion, stageWithoutContent } from '../store/stage.js';
import { assemble, MAX_PARTS, type OnProgress } from '../store/uploads/parts.js';
import { abandonedAside, modelOfUpload, putBack, type Standing, takeAside, uploadNotFound } from '../store/uploads/place.js';
import { readUploadRecord, type UploadRecord } from '../store/uploads/record.js';
import { type Committed, committedBefore, commitUpload, findCommitted, latestVersion } from '../store/write.js';
import { type DataPutResult, expectVersion, putResult, requireModel, sameAsLatest } from './data-put.js';
import { operation } from './operation.js';

export interface UploadCompleteInput {
  readonly upload: string;
  /** There must be exactly the parts 1 to this; without it, 1 to the highest that there is. 0: nothing was sent, the content is empty. */
  readonly parts?: number;
}

interface Completion {
  readonly model: Model;
  readonly aside: Standing;
  readonly record: UploadRecord;
  readonly staged: StagedVersion;
}

/**
 * Throws `upload_not_found`, `incomplete_chunks`, `checksum_mismatch`, `conflict`, `model_not_found`, `lock_timeout`: the upload is then as it
 * was, unless it is gone with its model.
 */
export const uploadComplete = operation({ verb: 'data upload complete', access: 'writes', about: ({ upload }) => upload }, complete);

async function complete(
  repo: Repo,
  input: UploadCompleteInput,
  options: { readonly signal: AbortSignal; readonly onProgress?: OnProgress },
): Promise<DataPutResult> {
  const { upload: id, parts: declared } = input;
  if (declared !== undefined && (!Number.isSafeInteger(declared) || declared < 0 || declared > MAX_PARTS))
    throw new SwampError('usage', `--parts must be a whole number from 0 to ${MAX_PARTS}, not ${declared}.`);
  const interrupted = interruptedCompletion(repo, id);
  let modelId: string;
  try {
    modelId = await requireUpload(repo, id, options);
  } catch (error) {
    // Any other error may have come before what was published is durable.
    const isGone = error instanceof SwampError && error.code === 'upload_not_found';
    const finished = isGone && interrupted !== undefined ? await versionOf(repo, interrupted) : undefined;
    if (finished === undefined) throw error;
    return finished;
  }
  const model = await findModel(repo, modelId);
  return withSession(repo, async (session) => {
    const aside = await takeAside(session, model.id, id);
    if (aside === undefined) throw uploadNotFound(repo, id);
    try {
      const record = readUploadRecord(aside.dir);
      if (record === undefined) throw gone(repo, model, id);
      const assembled = await assemble(aside.dir, { id, name: record.name, declared }, options);
      const staged = await stageWithoutContent(session, SLOT, assembled, record.fields);
      const completion = { model, aside, record, staged };
      const { unchanged, ...committed } = await write(repo, model.id, (writer) => commit(writer, completion), { session, signal: options.signal });
      return putResult(repo, model, { name: record.name, committed, metadata: unchanged ?? staged.metadata, changed: unchanged === undefined });
    } catch (error) {
      // What may have been published is put back only by a holder of the data fence.
      if (!session.intent.begun) await takeBack(() => putBack(repo, model.id, aside));
      requireNotDeleted(repo, model.id, id);
      throw error;
    }
  });
}

const SLOT = 'v';

/** A completion that died on its way, and may have published what it wanted. */
interface Interrupted {
  readonly modelId: string;
  readonly name: string;
  /** How the version it made, if any, is known. */
  readonly commit: string;
}

function interruptedCompletion(repo: Repo, id: string): Interrupted | undefined {
  const modelId = modelOfUpload(id);
  const aside = modelId === undefined ? undefined : abandonedAside(repo, modelId).find((standing) => standing.id === id);
  const record = aside === undefined ? undefined : readUploadRecord(aside.dir);
  if (modelId === undefined || record === undefined) return undefined;
  return { modelId, name: record.name, commit: commitOf(parseHolder(aside?.holder ?? '')?.nonce ?? '', SLOT) };
}

/** The way to the upload has finished what the dead completion had published: this is its version, and the retry has succeeded. */
async function versionOf(repo: Repo, { modelId, name, commit }: Interrupted): Promise<DataPutResult | undefined> {
  const found = findCommitted(repo, modelId, name, commit);
  return found === undefined ? undefined : putResult(repo, await findModel(repo, modelId), { name, committed: found, metadata: found.metadata, changed: true });
}

/** `unchanged`: of the latest version, which has the same content already. */
type Completed = Committed & { readonly unchanged?: VersionMetadata };

async function commit(writer: Lease, { model, aside, record, staged }: Completion): Promise<Completed> {
  const { repo } = writer;
  const before = await committedBefore(writer, record.name, staged);
  if (before !== undefined) return { version: before.version, generation: before.generation };
  requireModel(repo, model);
  // A restore takes what is aside with the rest; an intent that names nothing could not be carried out.
  if (!exists(aside.dir)) throw uploadNotFound(repo, aside.id);
  expectVersion(() => latestVersion(writer, record.name), record);
  const latest = await sameAsLatest(writer, record, staged.metadata);
  if (latest === undefined) {
    const committed = await commitUpload(writer, record.name, staged, basename(aside.dir));
    await collectWritten(writer, [record.name], model);
    return committed;
  }
  await moveToTrash(writer, aside.dir);
  await syncCommit(writer, [repo.layout.modelUploads(model.id)]);
  const { version, generation, metadata } = latest;
  return { version, generation, unchanged: metadata };
}

/** Its files went while it was looked at: with its model, or by hand. */
function gone(repo: Repo, model: Model, id: string): SwampError {
  requireModel(repo, model);
  return uploadNotFound(repo, id);
}
