/**
 * Where an upload is: in its place, uploads/<model-id>/<id>, where parts arrive; or moved aside by the session that
 * completes it, as <id>.<holder>, where nothing arrives any more. Each way is one rename.
 */
import { join } from 'node:path';
import { isErrno, SwampError } from '../../errors.js';
import { makeDir, makeDirs, rename, syncDir, takeBack, writeFileDurable } from '../../fs/durable.js';
import { failpoint } from '../../fs/failpoints.js';
import { reach } from '../../fs/reach.js';
import { exists, listStore } from '../../fs/tree.js';
import { isModelId, PARTS } from '../../layout/layout.js';
import { newNonce, parseHolder } from '../../locks/holder.js';
import type { Lease } from '../../locks/lease.js';
import { openStaging, type Session } from '../../locks/session.js';
import type { Repo } from '../../repo.js';
import { hasEnded, type Owned } from '../abandoned.js';
import { syncCommit } from '../commit.js';
import { isDeletedModel } from '../deleted.js';
import { serialise } from '../metadata.js';
import { UPLOAD_RECORD, type UploadRecord } from './record.js';

/** In an upload: one empty file for each part that was ever sent, whose name has its digest. */
export const SUMS = 'sums';

const UPLOAD_ID = /^(.{36})-[0-9a-f]{12}$/;

/** The model that an upload's id names; undefined for a text that is not the id of an upload. */
export function modelOfUpload(id: string): string | undefined {
  const modelId = UPLOAD_ID.exec(id)?.[1] ?? '';
  return isModelId(modelId) ? modelId : undefined;
}

/** One upload as a listing shows it. */
export interface Standing {
  readonly id: string;
  readonly dir: string;
  /** The session that has moved it aside; undefined for one that takes parts. */
  readonly holder: string | undefined;
}

/** What an entry of uploads/<model-id> is; undefined for what does not belong there. */
export function parseUploadEntry(repo: Repo, modelId: string, entry: string): Standing | undefined {
  const dot = entry.indexOf('.');
  const id = dot < 0 ? entry : entry.slice(0, dot);
  const holder = dot < 0 ? undefined : entry.slice(dot + 1);
  if (modelOfUpload(id) !== modelId || (holder !== undefined && parseHolder(holder) === undefined)) return undefined;
  return { id, dir: repo.layout.upload(modelId, entry), holder };
}

/** The ids of the models with uploads, without deleted ones: their uploads are removed with them. */
export function modelsWithUploads(repo: Repo): string[] {
  return (listStore(repo.layout.uploads) ?? []).filter((id) => isModelId(id) && !isDeletedModel(repo, id));
}

/** The uploads of a model, by id. */
export function uploadsOf(repo: Repo, modelId: string): Standing[] {
  const entries = listStore(repo.layout.modelUploads(modelId)) ?? [];
  return entries.flatMap((entry) => parseUploadEntry(repo, modelId, entry) ?? []);
}

/** Makes an upload that takes parts; its id. Staged whole and synced, it appears by one rename. */
export async function createUpload(session: Session, record: UploadRecord): Promise<string> {
  const { layout } = session.repo;
  const staged = join(await openStaging(session), 'upload');
  for (const dir of [staged, join(staged, PARTS), join(staged, SUMS)]) await makeDir(dir);
  await writeFileDurable(join(staged, UPLOAD_RECORD), serialise(record));
  await syncDir(staged);
  const id = `${record.modelId}-${newNonce()}`;
  await failpoint('upload.before-begin');
  await makeDirs(layout.modelUploads(record.modelId));
  await rename(staged, layout.upload(record.modelId, id));
  await syncDir(layout.modelUploads(record.modelId));
  return id;
}

/** Moves an upload from its place: a part that comes later has no destination. Its directory then; undefined when it was not in its place. */
export async function takeAside(session: Session, modelId: string, id: string): Promise<Standing | undefined> {
  const { layout } = session.repo;
  const place = layout.upload(modelId, id);
  const dir = layout.upload(modelId, `${id}.${session.holder}`);
  // Where its session cannot be judged, the heartbeat of its staging shows whether it still works.
  await openStaging(session);
  if (!reach(place)) return undefined;
  try {
    await rename(place, dir);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  const standing = { id, dir, holder: session.holder };
  try {
    // The intent that is published later names this directory: it must not be found under another name after power loss.
    await syncDir(layout.modelUploads(modelId));
  } catch (error) {
    await takeBack(() => putBack(session.repo, modelId, standing));
    throw error;
  }
  await failpoint('upload.aside');
  return standing;
}

/** Puts an upload back into its place. Nothing happens when it has gone, with its model or into a version. */
export async function putBack(repo: Repo, modelId: string, { id, dir }: Standing): Promise<void> {
  try {
    await rename(dir, repo.layout.upload(modelId, id));
    await syncDir(repo.layout.modelUploads(modelId));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Uploads of a model that completions have moved aside, each with its session. */
export function asideUploads(repo: Repo, modelId: string): (Standing & Owned)[] {
  return uploadsOf(repo, modelId).flatMap((standing) => (standing.holder === undefined ? [] : [{ ...standing, holder: standing.holder, path: standing.dir }]));
}

/** Uploads whose completer has ended, or is among `silent`. */
export function abandonedAside(repo: Repo, modelId: string, silent: ReadonlySet<string> = new Set()): Standing[] {
  return asideUploads(repo, modelId).filter((owned) => silent.has(owned.path) || hasEnded(repo, owned));
}

/**
 * Puts back what abandoned completions have moved aside. Under the model's data fence: its holder has carried out what they
 * had published, so what is still aside never became a version, and never will without us.
 */
export async function putBackAbandoned(fence: Lease, silent?: ReadonlySet<string>): Promise<void> {
  const abandoned = abandonedAside(fence.repo, fence.modelId, silent);
  for (const standing of abandoned) await putBack(fence.repo, fence.modelId, standing);
  if (abandoned.length > 0) await syncCommit(fence, []);
}

/** Why no upload of that id takes parts. */
export function uploadNotFound(repo: Repo, id: string): SwampError {
  const modelId = modelOfUpload(id);
  const aside = modelId === undefined ? undefined : uploadsOf(repo, modelId).find((standing) => standing.id === id && standing.holder !== undefined);
  if (aside !== undefined) {
    const pid = parseHolder(aside.holder ?? '')?.pid;
    return new SwampError('upload_not_found', `The upload ${id} takes no more parts: process ${pid} is completing it.`, {
      hint: 'Should that fail, the upload can be used again; "swamp data upload list" shows it then.',
      data: { uploadId: id, completing: true, pid },
    });
  }
  return new SwampError('upload_not_found', `There is no unfinished upload ${JSON.stringify(id.slice(0, 200))}.`, {
    hint: 'It was completed, then "swamp data versions" shows its version; or aborted. "swamp data upload list" shows the others.',
    data: { uploadId: id },
  });
}

/** True for an upload that takes parts now. */
export function isInPlace(repo: Repo, modelId: string, id: string): boolean {
  return exists(repo.layout.upload(modelId, id));
}
