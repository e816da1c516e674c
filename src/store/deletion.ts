/**
 * A deleted model: one rename of its record into deleted/ is the commit (D1). From then on every command treats the id as
 * gone; definition and data are moved aside from the record by the next command.
 */
import { join } from 'node:path';
import { errnoOf, reasonOf, SwampError } from '../errors.js';
import { removeFile } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { reach } from '../fs/reach.js';
import { exists, listStore, readText } from '../fs/tree.js';
import { FAMILIES } from '../layout/families.js';
import { isModelId } from '../layout/layout.js';
import { FenceLost } from '../locks/fence.js';
import type { Lease } from '../locks/lease.js';
import { makePlace, takingSpace } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { isLogged } from './changes.js';
import { moveThrough, moveToTrash, stageRecord, syncCommit } from './commit.js';
import { asideOf, type DefinitionText, isDefinitionPath, isThat, removeDefinition } from './definition-text.js';
import { MAX_TEXTS_BYTES, malformed, readAs } from './metadata.js';
import { type Field, modelId, natural, oneOf, optional, orNull, record, text, textThat, time } from './record.js';

/** The state of the teardown of a deleted model. `running` names the child, so that two never run at once. */
export type Teardown =
  | { readonly state: 'pending' | 'done' }
  | {
      readonly state: 'running';
      readonly runner: string;
      readonly pid: number;
      readonly startedAt: string;
      readonly processStart: string;
      readonly host: string;
    }
  | { readonly state: 'failed'; readonly reason: string; readonly output: string };

/** deleted/<model-id>.json. */
export interface DeletedModel {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** Nonce of the session that won: how a fenced-off winner knows itself. */
  readonly commit: string;
  /** RFC 3339, UTC. */
  readonly deletedAt: string;
  /** Data-fence epoch of the commit. */
  readonly epoch: number;
  /** The definition file, relative to the repository, and its text at the commit. */
  readonly definitionPath: string;
  readonly definition: string;
  /** Which file that was (`lastingMarkOf`): one with the same text that comes back later, as by a `git checkout`, is another. */
  readonly definitionFile?: string;
  readonly versionsDeleted: number;
  /** Null when the model has no delete method. */
  readonly teardown: Teardown | null;
}

/** The record of a deleted model; undefined when it was not deleted. Throws `corrupt`. */
export function readDeleted(repo: Repo, modelId: string): DeletedModel | undefined {
  if (!reach(repo.layout.deleted)) return undefined;
  const path = repo.layout.deletedModel(modelId);
  const record = readAs(DELETED, path, MAX_TEXTS_BYTES);
  if (record !== undefined && record.id !== modelId) throw malformed(path, 'it is about another model');
  return record;
}

/** What deleted/ holds: a record that is damaged keeps no other one from being read. */
export interface DeletedModels {
  /** In the order of their deletion. */
  readonly records: readonly DeletedModel[];
  /** `corrupt`, one for each record that cannot be read. */
  readonly damaged: readonly SwampError[];
}

export function listDeleted(repo: Repo): DeletedModels {
  const ids = (listStore(repo.layout.deleted) ?? []).flatMap((name) => (name.endsWith('.json') && isModelId(name.slice(0, -5)) ? [name.slice(0, -5)] : []));
  const records: DeletedModel[] = [];
  const damaged: SwampError[] = [];
  for (const id of ids) {
    try {
      records.push(...[readDeleted(repo, id) ?? []].flat());
    } catch (error) {
      if (!(error instanceof SwampError) || error.code !== 'corrupt') throw error;
      damaged.push(error);
    }
  }
  return { records: records.sort((a, b) => (a.deletedAt < b.deletedAt ? -1 : 1)), damaged };
}

/** The record of a model whose definition is gone, or not known: no file is this model's, and no delete method is run for it. */
export function withoutDefinition(model: Pick<DeletedModel, 'id' | 'epoch'> & Partial<DeletedModel>): DeletedModel {
  return {
    name: model.id,
    type: 'store',
    commit: '',
    deletedAt: new Date().toISOString(),
    definitionPath: `models/store/${model.id}.yaml`,
    definition: '',
    versionsDeleted: 0,
    teardown: null,
    ...model,
  };
}

/** Phase 1: the commit (D1, O2). The record must not exist; the data fence is held, so no other process can be writing it. Throws FenceLost: nothing happened. */
export async function commitDeletion(fence: Lease, record: DeletedModel): Promise<void> {
  const slot = await stageRecord(fence, 'deleted', record);
  // Who watches every model learns of this one's end, also when nothing was ever written to it.
  await isLogged(fence);
  await makePlace(fence.session, fence.repo.layout.deleted);
  await failpoint('model-delete.before-commit');
  await moveThrough(fence, slot, fence.repo.layout.deletedModel(fence.modelId));
  await syncCommit(fence, [fence.repo.layout.deleted]);
  await failpoint('model-delete.committed');
}

/**
 * Phase 2, rolled forward from the record by the winner or by the next command: the definition is removed, every family moves to
 * the trash (D6). The model is deleted already: what cannot be moved is reported, stays pending, and keeps neither the rest nor
 * the teardown (D5, P8). Throws FenceLost.
 */
export async function moveModelAside(fence: Lease, record: DeletedModel): Promise<void> {
  const { repo } = fence;
  const orPending = async (path: string, move: () => Promise<unknown>): Promise<void> => {
    try {
      await move();
    } catch (error) {
      if (error instanceof FenceLost) throw error;
      const why = reasonOf(error);
      repo.reporter.warn(
        `The model "${record.name}" is deleted, and ${path} could not be removed: ${why}. It stays pending; "swamp datastore sweep" tries again.`,
        { topic: 'sweep', modelId: record.id, modelName: record.name, path, ...errnoOf(error) },
      );
    }
  };
  // O6: bound to the id, and to the file that was deleted.
  const definition = definitionOf(record);
  const path = join(repo.root, definition.path);
  if (isDefinitionLeft(repo, record) || exists(asideOf(repo, definition.path, record.id)))
    await orPending(path, () => takingSpace(fence.session, () => removeDefinition(repo, definition, record.id)));
  await failpoint('model-delete.definition-gone');
  for (const family of FAMILIES) {
    const directory = family.directory(repo.layout, fence.modelId);
    if (!exists(directory)) continue;
    await orPending(directory, async () => {
      await moveToTrash(fence, directory);
      await syncCommit(fence, [family.root(repo.layout)]);
    });
  }
}

/** What of the model is still outside deleted/ and the trash. Absolute. */
export function leftBehind(repo: Repo, record: DeletedModel): string[] {
  const families = FAMILIES.map((family) => family.directory(repo.layout, record.id));
  const definition = isDefinitionLeft(repo, record) ? [join(repo.root, record.definitionPath)] : [];
  return [...definition, ...[asideOf(repo, record.definitionPath, record.id), ...families].filter(exists)];
}

/** True while the very definition that was deleted is still in its place. */
export function isDefinitionLeft(repo: Repo, record: DeletedModel): boolean {
  return isThat(join(repo.root, record.definitionPath), definitionOf(record));
}

function definitionOf({ definitionPath, definition, definitionFile }: DeletedModel): DefinitionText {
  return { path: definitionPath, text: definition, ...(definitionFile === undefined ? {} : { file: definitionFile }) };
}

export function isMovedAside(repo: Repo, record: DeletedModel): boolean {
  return leftBehind(repo, record).length === 0;
}

/**
 * The exit status that the last run of the delete method left; undefined while it runs, when it was ended by a signal, and when
 * its status could not be written. The process that started it may be dead: the shell itself leaves it (O8).
 */
export function teardownExit(repo: Repo, modelId: string): number | undefined {
  const text = readText(repo.layout.teardownExit(modelId));
  return text !== undefined && /^[0-9]{1,3}\n$/.test(text) ? Number(text) : undefined;
}

/** Before a run: what an earlier, failed one left must not be taken for its end. */
export async function forgetTeardownExit(repo: Repo, modelId: string): Promise<void> {
  await removeFile(repo.layout.teardownExit(modelId));
}

/** Replaces the record's teardown state through the run fence: a runner that was fenced off writes nothing. Throws FenceLost. */
export async function recordTeardown(fence: Lease, teardown: Teardown): Promise<void> {
  const record = readDeleted(fence.repo, fence.modelId);
  if (record === undefined)
    throw new SwampError('corrupt', `${fence.repo.layout.deletedModel(fence.modelId)} went away.`, { hint: 'Run "swamp datastore check".' });
  const slot = await stageRecord(fence, 'teardown', { ...record, teardown });
  await moveThrough(fence, slot, fence.repo.layout.deletedModel(fence.modelId));
  await syncCommit(fence, [fence.repo.layout.deleted]);
}

const STATES = {
  pending: record({ state: oneOf('pending') }),
  running: record({ state: oneOf('running'), runner: text, pid: natural, startedAt: text, processStart: text, host: text }),
  failed: record({ state: oneOf('failed'), reason: text, output: text }),
  done: record({ state: oneOf('done') }),
};
const STATE = record({ state: oneOf('pending', 'running', 'failed', 'done') });
const TEARDOWN: Field<Teardown> = (value, wrong) => STATES[STATE(value, wrong).state](value, wrong);

const DELETED: Field<DeletedModel> = record({
  id: modelId,
  name: text,
  type: text,
  commit: text,
  deletedAt: time,
  epoch: natural,
  definitionPath: textThat(isDefinitionPath, 'the path of a definition'),
  definition: text,
  definitionFile: optional(text),
  versionsDeleted: natural,
  teardown: orNull(TEARDOWN),
});
