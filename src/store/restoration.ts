/**
 * The record of a restore: everything it brings, staged complete and synced, then published by one rename as restoring/.
 * From then on the next command carries it out; argued in design/protocol.md, "A restore".
 *
 *   restore.json                          who began it, for people
 *   models/<model-id>/fences.json         the epochs its fences go up to
 *   models/<model-id>/bundle/             intent.json and the staged families: becomes the intent of the model's data fence
 *   definitions/<n>.json                  a definition file to be written, and those that go
 */
import { basename, dirname, join } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { failpoint } from '../fs/failpoints.js';
import { exists, readDir } from '../fs/tree.js';
import { FAMILIES } from '../layout/families.js';
import { isModelId } from '../layout/layout.js';
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { moveThrough, moveToTrash, passTrashOn, syncCommit } from './commit.js';
import {
  type DefinitionText,
  discardStaged,
  hasText,
  isDefinitionText,
  isStagedText,
  isThat,
  placeText,
  removeIf,
  type StagedText,
} from './definition-text.js';
import { readIntent } from './intent.js';
import { MAX_TEXTS_BYTES, readAs, readRecord } from './metadata.js';
import { natural, record } from './record.js';
import { publishIntent } from './roll-forward.js';

/** In the staging of a restorer, and in the global entry on its way. */
const RESTORE_SLOT = 'restore';
export const RESTORE_FACTS = 'restore.json';
const MODELS = 'models';
const DEFINITIONS = 'definitions';
const FENCES = 'fences.json';
const BUNDLE = 'bundle';

/** What the fences of a model go up to at least. */
export interface FenceEpochs {
  readonly data: number;
  readonly run: number;
}

/** What happens to definition files: what is removed goes before anything of the whole restore is published. */
export interface DefinitionChange {
  readonly publish?: StagedText;
  readonly remove: readonly DefinitionText[];
}

/** One as it is staged. `nonce` distinguishes what it has moved aside from what a restore left there that was not carried out. */
export interface StagedChange extends DefinitionChange {
  readonly nonce: string;
}

/** What a session stages, to be published. */
export function stagedRestore(session: Pick<Session, 'staging'>): string {
  return join(session.staging, RESTORE_SLOT);
}

/** Where the bundle of a model is staged, in the record at `record`. */
export function bundleIn(record: string, modelId: string): string {
  return join(record, MODELS, modelId, BUNDLE);
}

/** What the fences of a model go up to. */
export function fencesIn(record: string, modelId: string): string {
  return join(record, MODELS, modelId, FENCES);
}

/** A change of definition files. */
export function definitionIn(record: string, index: number): string {
  return join(record, DEFINITIONS, `${index}.json`);
}

/** The commit point: staging/<me>/restore -> the global entry -> restoring/, durably. Throws FenceLost, and then nothing was published unless `onPublished` was called. */
export async function publishRestore(fence: Lease, onPublished: () => void): Promise<void> {
  const { layout } = fence.repo;
  await failpoint('restore.before-publish');
  await moveThrough(fence, RESTORE_SLOT, layout.restoring);
  onPublished();
  await failpoint('restore.published');
  await syncCommit(fence, [layout.root]);
}

/** The changes of definition files in the record at `record`. Throws `corrupt`. */
export function* changesIn(record: string): Generator<StagedChange> {
  const dir = join(record, DEFINITIONS);
  for (const name of (readDir(dir) ?? []).sort()) yield readChange(join(dir, name));
}

/** Removes what is beside the places of definitions for a restore that was staged and is not published. */
export async function discardTexts(session: Session): Promise<void> {
  const dir = join(stagedRestore(session), DEFINITIONS);
  for (const name of readDir(dir) ?? []) {
    try {
      const { publish } = readChange(join(dir, name));
      if (publish !== undefined) await discardStaged(session.repo, publish);
    } catch (error) {
      // Cut off when the disk was full.
      if (!(error instanceof SwampError)) throw error;
    }
  }
}

/** Reads every record of the published restore, before anything of it is done: one that is damaged would leave half of it (B16). Throws `corrupt`. */
export function readRestoreThrough(repo: Repo): void {
  const { restoring } = repo.layout;
  for (const modelId of modelsToRestore(repo)) {
    fencesToReach(repo, modelId);
    const bundle = bundleIn(restoring, modelId);
    try {
      if (exists(bundle)) readIntent(bundle);
    } catch (error) {
      // Moved into its fence under the look: it is reported there.
      if (exists(bundle)) throw error;
    }
  }
  for (const _ of changesIn(restoring));
}

/** What keeps the published restore from being carried out, as a clause; undefined when nothing does, or it has been carried out meanwhile. */
export function obstacleToRestore(repo: Repo): string | undefined {
  const { restoring } = repo.layout;
  try {
    readRestoreThrough(repo);
    return undefined;
  } catch (error) {
    if (!(error instanceof SwampError && error.code === 'corrupt') && !isErrno(error, 'ENOTDIR', 'EISDIR', 'ELOOP')) throw error;
    return exists(restoring) ? `cannot be carried out: ${error.message}` : undefined;
  }
}

/** The models of the published restore. */
export function modelsToRestore({ layout }: Repo): string[] {
  return (readDir(join(layout.restoring, MODELS)) ?? []).filter(isModelId).sort();
}

const EPOCHS = record({ data: natural, run: natural });

export function fencesToReach({ layout }: Repo, modelId: string): FenceEpochs {
  const path = fencesIn(layout.restoring, modelId);
  const epochs = readAs(EPOCHS, path);
  if (epochs === undefined) throw damaged(path, 'it is missing');
  return epochs;
}

/** Under the model's data fence: its bundle becomes the fence's intent, which this holder or the next carries out. Done already: nothing. */
export async function restoreModel(fence: Lease): Promise<void> {
  const bundle = bundleIn(fence.repo.layout.restoring, fence.modelId);
  if (!exists(bundle)) return;
  // One that is damaged stays where a repair sets it aside with the rest.
  readIntent(bundle);
  await publishIntent(fence, bundle, { syncs: 'later' });
  await failpoint('restore.model-done');
}

/**
 * Writes and removes definition files: all removals first, for one name may go from one model to another. models/ may lie on
 * another file system than the datastore, so nothing of this passes through a fence: `stillHeld` is asked before each step.
 */
export async function restoreDefinitions(repo: Repo, stillHeld: () => void): Promise<void> {
  const { restoring } = repo.layout;
  const published = new Map([...changesIn(restoring)].flatMap(({ publish }) => (publish === undefined ? [] : [[publish.path, publish.text] as const])));
  // An earlier process may have come to the second half.
  const isPublished = ({ path }: DefinitionText): boolean => hasText(join(repo.root, path), published.get(path));
  for (const { remove, nonce } of changesIn(restoring)) {
    for (const file of remove) {
      stillHeld();
      if (!(await removeIf(repo, file.path, `restored.${nonce}.${basename(file.path)}`, (path) => isThat(path, file))) && !isPublished(file))
        repo.reporter.warn(`${file.path} was changed while the restore was carried out; it was left as it is.`, { topic: 'restore', path: file.path });
    }
  }
  await failpoint('restore.definitions-removed');
  for (const { publish } of changesIn(restoring)) {
    if (publish === undefined) continue;
    stillHeld();
    if (!(await placeText(repo, publish)))
      repo.reporter.warn(`${publish.path} appeared while the restore was carried out; it was left as it is.`, { topic: 'restore', path: publish.path });
    await failpoint('restore.definition-published');
  }
}

/** Directories in which a restore changes a name, and does not make that durable at its step. */
interface Changed {
  /** Durable before the places: no generation is above the epoch of its lock. */
  readonly fences: readonly string[];
  readonly places: readonly string[];
  /** Of definitions, which may be on another file system. */
  readonly definitions: readonly string[];
}

export function changedByRestore(repo: Repo): Changed {
  const { layout } = repo;
  const ids = modelsToRestore(repo);
  const kinds = ['data', 'run'] as const;
  const fences = ids.flatMap((modelId) => kinds.map((kind) => layout.fence({ kind, modelId })));
  const places = FAMILIES.flatMap((family) => [family.root(layout), ...ids.map((id) => family.directory(layout, id))]);
  const definitions = [...changesIn(layout.restoring)].flatMap(({ publish, remove }) => [...(publish === undefined ? [] : [publish]), ...remove]);
  const directories = [...new Set(definitions.map(({ path }) => dirname(join(repo.root, path))))];
  return { fences: fences.filter(exists), places: places.filter(exists), definitions: directories.filter(exists) };
}

/** The end: the record goes into the trash of the global entry, with what is left in it. */
export async function endRestore(fence: Lease): Promise<void> {
  const { layout } = fence.repo;
  if (!exists(layout.restoring)) return;
  await moveToTrash(fence, layout.restoring);
  await syncCommit(fence, [layout.root]);
  await passTrashOn(fence);
}

function readChange(path: string): StagedChange {
  const fields = readRecord(path, MAX_TEXTS_BYTES);
  const [publish, remove, nonce] = [fields?.get('publish'), fields?.get('remove'), fields?.get('nonce')];
  const isNonce = typeof nonce === 'string' && /^[0-9a-f]{12}$/.test(nonce);
  if (!isNonce || !(publish === undefined || isStagedText(publish)) || !Array.isArray(remove) || !remove.every(isDefinitionText))
    throw damaged(path, 'it does not say what to write where');
  return { ...(publish === undefined ? {} : { publish }), remove, nonce };
}

function damaged(path: string, why: string): SwampError {
  return new SwampError('corrupt', `${path} is damaged: ${why}.`, { hint: 'Run "swamp datastore check".', data: { path } });
}
