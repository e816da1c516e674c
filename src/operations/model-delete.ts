/** `model delete`: two phases, one winner (D1, O1). The record's rename commits; what follows is rolled forward from it; the teardown comes last, outside the global lock. */
import { SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { lastingMarkOf, stateOf } from '../fs/identity.js';
import { isModelId } from '../layout/layout.js';
import type { Lease } from '../locks/lease.js';
import { removeQueues } from '../locks/queue.js';
import { findModel, type Model, otherNames, requireOwnId } from '../models/files.js';
import { keepName } from '../models/names.js';
import { restructureModel } from '../protocol/restructure.js';
import { finishMovingAside } from '../recovery/finish.js';
import { runTeardown, type TeardownOptions } from '../recovery/teardown.js';
import { displayPath, type Repo, requireTrusted } from '../repo.js';
import { lookAhead } from '../store/ahead.js';
import { hasText } from '../store/definition-text.js';
import { commitDeletion, type DeletedModel, listDeleted, moveModelAside, readDeleted } from '../store/deletion.js';
import { artifactNames, findArtifact } from '../store/read.js';
import { hasNew } from '../store/remove.js';
import { operation } from './operation.js';

export interface ModelDeleteInput {
  /** Name or id. */
  readonly model: string;
  /** Deletes also a model that holds data. */
  readonly withData?: boolean;
  readonly dryRun?: boolean;
  /** A model that never existed is as good as deleted: no `model_not_found`. */
  readonly ifExists?: boolean;
}

export interface ModelDeleteResult {
  /** Null: no model of that name ever existed. */
  readonly id: string | null;
  readonly name: string;
  readonly type: string | null;
  readonly versionsDeleted: number;
  readonly alreadyDeleted: boolean;
  readonly teardown: null | 'pending' | 'running' | 'failed' | 'done';
  readonly dryRun?: boolean;
  readonly cancelled?: boolean;
}

export interface ModelDeletePlan {
  readonly modelName: string;
  readonly artifacts: number;
  readonly versions: number;
  /** The command of the delete method, if there is one. */
  readonly teardown: string | undefined;
}

export interface ModelDeleteOptions extends TeardownOptions {
  /** Asks the person; called before any lock is taken. */
  readonly confirm?: (plan: ModelDeletePlan) => Promise<boolean>;
}

/** How often the whole read-check-commit is tried after the model changed in between (D3); once when a person was asked: what they have seen is out of date. */
const ATTEMPTS = 3;

/** Throws `model_not_found`, `container_not_empty`, `conflict` (D3), `teardown_failed` (O7), `lock_timeout`, `read_only`. */
export const modelDelete = operation({ verb: 'model delete', access: 'writes', about: ({ model }) => model }, deleteModel);

async function deleteModel(repo: Repo, input: ModelDeleteInput, options: ModelDeleteOptions): Promise<ModelDeleteResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await deleteOnce(repo, input, options);
    } catch (error) {
      if (input.ifExists === true && error instanceof SwampError && error.code === 'model_not_found')
        return {
          id: null,
          name: input.model,
          type: null,
          versionsDeleted: 0,
          alreadyDeleted: true,
          teardown: null,
          ...(input.dryRun === true && { dryRun: true }),
        };
      if (!(error instanceof SwampError) || error.code !== 'conflict' || options.confirm !== undefined || attempt === ATTEMPTS) throw error;
    }
  }
}

async function deleteOnce(repo: Repo, input: ModelDeleteInput, options: ModelDeleteOptions): Promise<ModelDeleteResult> {
  const found = await findWithOneName(repo, input, options);
  if ('deleted' in found) return resume(repo, found.deleted, input, options);
  const { model } = found;
  await requireOwnId(repo, model);
  const ahead = await lookAhead(repo, model.id, () => planned(repo, model, options.signal));
  const plan = ahead.seen;
  const base = { id: model.id, name: model.name, type: model.type };
  requireEmpty(model, plan, input);
  const teardown = plan.teardown === undefined ? null : 'pending';
  if (teardown !== null && input.dryRun !== true) requireTrusted(repo);
  if (input.dryRun === true) return { ...base, versionsDeleted: plan.versions, alreadyDeleted: false, teardown, dryRun: true };
  if (options.confirm !== undefined && !(await options.confirm(plan)))
    return { ...base, versionsDeleted: 0, alreadyDeleted: false, teardown: null, cancelled: true };
  const commit = async (writer: Lease): Promise<{ readonly record: DeletedModel; readonly won: boolean }> => {
    const before = readDeleted(repo, model.id);
    if (before !== undefined) {
      await moveModelAside(writer, before);
      return { record: before, won: before.commit === writer.session.nonce };
    }
    const definitionFile = lastingMarkOf(model.path);
    // D3: what was found, listed and shown is what goes; under its name there may be another model, or another teardown, by now.
    if (definitionFile === undefined || stateOf(model.path) !== model.seen || !hasText(model.path, model.text))
      throw conflict(model, `The definition of "${model.name}" changed while it was being deleted`);
    const now = await ahead.under(writer);
    requireEmpty(model, now, input);
    if (options.confirm !== undefined) requireAsShown(model, plan, now);
    const record: DeletedModel = {
      ...base,
      commit: writer.session.nonce,
      deletedAt: new Date().toISOString(),
      epoch: writer.epoch,
      definitionPath: displayPath(repo, model.path),
      definition: model.text,
      definitionFile,
      versionsDeleted: now.versions,
      teardown: teardown === null ? null : { state: 'pending' },
    };
    await commitDeletion(writer, record);
    await moveModelAside(writer, record);
    return { record, won: true };
  };
  const { record, won } = await restructureModel(repo, model.id, commit, { signal: options.signal, removes: true });
  const state = await endTeardown(repo, record.id, options, won);
  return { ...base, versionsDeleted: won ? record.versionsDeleted : 0, alreadyDeleted: !won, teardown: state };
}

/** A loser, or a late retry: finishes what the winner left, if it is dead, and never waits for a living one (O3, O5). */
async function resume(repo: Repo, record: DeletedModel, input: ModelDeleteInput, options: ModelDeleteOptions): Promise<ModelDeleteResult> {
  const base = { id: record.id, name: record.name, type: record.type, versionsDeleted: 0, alreadyDeleted: true };
  if (input.dryRun === true) return { ...base, teardown: record.teardown?.state ?? null, dryRun: true };
  await finishMovingAside(repo, record, options);
  return { ...base, teardown: await endTeardown(repo, record.id, options, false) };
}

/** The last thing that waits for a lock of the model: its queues go with it. */
function endTeardown(repo: Repo, modelId: string, options: ModelDeleteOptions, patient: boolean): ReturnType<typeof runTeardown> {
  return runTeardown(repo, modelId, { ...options, patient }).finally(() => removeQueues(repo.layout, modelId));
}

/** A rename that was interrupted is ended first: what is deleted is a file with one name. */
async function findWithOneName(repo: Repo, { model, dryRun }: ModelDeleteInput, { signal }: ModelDeleteOptions): ReturnType<typeof findOrDeleted> {
  const found = await findOrDeleted(repo, model);
  if (dryRun === true || !('model' in found) || otherNames(repo, found.model.path).length === 0) return found;
  const { id, path } = found.model;
  await restructureModel(repo, id, async (_, { stillHeld }) => void (await keepName(repo, path, stillHeld)), { signal, removes: true });
  return findOrDeleted(repo, model);
}

async function findOrDeleted(repo: Repo, reference: string): Promise<{ readonly model: Model } | { readonly deleted: DeletedModel }> {
  try {
    return { model: await findModel(repo, reference) };
  } catch (error) {
    if (!(error instanceof SwampError) || error.code !== 'model_not_found') throw error;
    const deleted = (isModelId(reference) ? readDeleted(repo, reference) : undefined) ?? listDeleted(repo).records.findLast(({ name }) => name === reference);
    if (deleted === undefined) throw error;
    return { deleted };
  }
}

/** The plan, and the versions that it counts, by the names of their artifacts. */
interface Planned extends ModelDeletePlan {
  readonly items: ReadonlyMap<string, readonly number[]>;
}

async function planned(repo: Repo, model: Model, signal: AbortSignal): Promise<Planned> {
  const items = new Map<string, readonly number[]>();
  const pass = yielding(signal);
  for (const name of artifactNames(repo, model.id)) {
    await pass();
    items.set(name, findArtifact(repo, model.id, name)?.versions ?? []);
  }
  return {
    modelName: model.name,
    artifacts: items.size,
    versions: [...items.values()].reduce((sum, versions) => sum + versions.length, 0),
    teardown: model.methods['delete']?.run,
    items,
  };
}

/** D9: unfinished uploads do not count. */
function requireEmpty(model: Model, { artifacts, versions }: ModelDeletePlan, input: ModelDeleteInput): void {
  if (artifacts === 0 || input.withData === true) return;
  throw new SwampError(
    'container_not_empty',
    `The model "${model.name}" holds ${versions} ${versions === 1 ? 'version' : 'versions'} of ${artifacts} ${artifacts === 1 ? 'artifact' : 'artifacts'}.`,
    {
      hint: 'Add --with-data to delete them too.',
      data: { model: model.name, modelId: model.id, artifacts, versions },
    },
  );
}

/** What the person agreed to is what is deleted. */
function requireAsShown(model: Model, shown: Planned, now: Planned): void {
  for (const [name, versions] of now.items) {
    if (hasNew(shown.items.get(name) ?? [], versions)) throw conflict(model, `"${model.name}" got new versions since it was shown`);
  }
}

function conflict(model: Model, what: string): SwampError {
  return new SwampError('conflict', `${what}; nothing was removed.`, {
    hint: 'Look at it again, then delete it again.',
    data: { model: model.name, modelId: model.id },
  });
}
