/** `data delete`: structural. Plans without a lock, asks, then commits each removal under the closed global fence and sweeps after it. */
import { asSwampError, type ErrorCode, isSystemError, SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { checkArtifactName } from '../layout/names.js';
import type { Lease } from '../locks/lease.js';
import { findModel, type Model } from '../models/files.js';
import { restructureModel } from '../protocol/restructure.js';
import type { Repo } from '../repo.js';
import { lookAhead } from '../store/ahead.js';
import { type Artifact, artifactNames, artifactRecord, findArtifact, tombstoneOf, versionNotFound } from '../store/read.js';
import { dataNotFound, hasNew, type Removed, removeArtifact, removeVersion } from '../store/remove.js';
import { requireModel } from './data-put.js';
import { operation } from './operation.js';

export interface DataDeleteInput {
  readonly model: string;
  readonly name?: string;
  readonly version?: number;
  readonly prefix?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  /** What never existed is as good as deleted: no `data_not_found`, no `version_not_found`. */
  readonly ifExists?: boolean;
}

/** What would be deleted, as a look without a lock shows it. */
export interface DeletePlan {
  readonly modelName: string;
  readonly items: readonly { readonly name: string; readonly versions: readonly number[] }[];
}

export interface DeleteOneResult {
  readonly modelId: string;
  readonly modelName: string;
  readonly modelType: string;
  readonly dataName: string;
  readonly version: number | null;
  readonly versionsDeleted: number;
  readonly alreadyDeleted: boolean;
  readonly dryRun?: boolean;
  readonly cancelled?: boolean;
}

export interface DeleteManyResult {
  readonly modelId: string;
  readonly modelName: string;
  readonly modelType: string;
  readonly totalDeleted: number;
  readonly totalVersionsDeleted: number;
  readonly failed: readonly { readonly dataName: string; readonly error: string; readonly code: ErrorCode }[];
  readonly dryRun: boolean;
  /** Of a dry run: what would be deleted. */
  readonly items?: readonly { readonly dataName: string; readonly versions: number }[];
  readonly cancelled?: boolean;
}

export interface DeleteOptions {
  readonly signal: AbortSignal;
  /** Asks the person; called before any lock is taken. */
  readonly confirm?: (plan: DeletePlan) => Promise<boolean>;
  /** Called as a batch goes on: artifacts that are deleted, and how many there are in all. */
  readonly onProgress?: (artifacts: number, total: number) => void;
}

/** A command over many names holds the global fence for one slice at a time (architecture: less than 100 ms). */
const SLICE_TARGET_MS = 40;

/** Throws `usage`, `model_not_found`, `data_not_found`, `version_not_found`, `conflict` (changed since it was shown), `lock_timeout`. */
export const dataDelete = operation(
  { verb: 'data delete', access: 'writes', about: ({ model, name, prefix }) => `${model} ${name ?? (prefix === undefined ? '--all' : `--prefix ${prefix}`)}` },
  deleteData,
);

async function deleteData(repo: Repo, input: DataDeleteInput, options: DeleteOptions): Promise<DeleteOneResult | DeleteManyResult> {
  checkInput(input);
  const model = await findModel(repo, input.model);
  return input.name === undefined ? deleteMany(repo, model, input, options) : deleteOne(repo, model, input.name, input, options);
}

function checkInput({ name, version, prefix, all }: DataDeleteInput): void {
  const ways = [name !== undefined, prefix !== undefined, all === true].filter(Boolean).length;
  if (ways !== 1)
    throw new SwampError('usage', 'Say what to delete: a name, --prefix, or --all; exactly one of them.', { hint: 'See "swamp data delete --help".' });
  if (prefix === '') throw new SwampError('usage', '--prefix is empty: that is every artifact.', { hint: 'For all of them say --all.' });
  if (version !== undefined && name === undefined) throw new SwampError('usage', '--version goes with a name.', { hint: 'See "swamp data delete --help".' });
  if (version !== undefined && (!Number.isSafeInteger(version) || version < 1))
    throw new SwampError('usage', `--version must be a whole number from 1, not ${version}.`);
  if (name !== undefined) checkArtifactName(name);
}

async function deleteOne(repo: Repo, model: Model, name: string, input: DataDeleteInput, options: DeleteOptions): Promise<DeleteOneResult> {
  const { version, dryRun, ifExists } = input;
  try {
    return await deleteNamed(repo, model, name, input, options);
  } catch (error) {
    if (ifExists !== true || !(error instanceof SwampError) || !['data_not_found', 'version_not_found'].includes(error.code)) throw error;
    const nothing = { version: version ?? null, versionsDeleted: 0, alreadyDeleted: true, ...(dryRun === true && { dryRun }) };
    return { modelId: model.id, modelName: model.name, modelType: model.type, dataName: name, ...nothing };
  }
}

async function deleteNamed(repo: Repo, model: Model, name: string, { version, dryRun }: DataDeleteInput, options: DeleteOptions): Promise<DeleteOneResult> {
  const ahead = await lookAhead(repo, model.id, () => findArtifact(repo, model.id, name));
  const shown = versionsOf(ahead.seen, version);
  const result = (removed: Removed): DeleteOneResult => ({
    modelId: model.id,
    modelName: model.name,
    modelType: model.type,
    dataName: name,
    version: version ?? null,
    ...removed,
  });
  const asked = options.confirm !== undefined;
  if ((dryRun === true || asked) && shown.length === 0) requireDeletedBefore(repo, model, name, version);
  if (dryRun === true) return { ...result({ versionsDeleted: shown.length, alreadyDeleted: shown.length === 0 }), dryRun };
  // No question about nothing.
  if (asked && shown.length > 0 && !(await options.confirm?.({ modelName: model.name, items: itemsOf(name, shown) })))
    return { ...result({ versionsDeleted: 0, alreadyDeleted: false }), cancelled: true };
  const remove = async (writer: Lease): Promise<Removed> => {
    requireModel(repo, model);
    const artifact = await ahead.under(writer);
    if (asked) requireAsShown(name, shown, versionsOf(artifact, version));
    return version === undefined ? removeArtifact(writer, name, artifact) : removeVersion(writer, name, version, artifact);
  };
  const removed = await restructureModel(repo, model.id, remove, { signal: options.signal, removes: true });
  const renamedTo = removed.alreadyDeleted ? tombstoneOf(repo, model.id, name)?.renamedTo : undefined;
  if (renamedTo !== undefined)
    repo.reporter.info(`${JSON.stringify(name)} was renamed to ${JSON.stringify(renamedTo)}, which was not deleted.`, {
      topic: 'data',
      modelId: model.id,
      modelName: model.name,
      name,
      renamedTo,
    });
  return result({ versionsDeleted: removed.versionsDeleted, alreadyDeleted: removed.alreadyDeleted });
}

async function deleteMany(repo: Repo, model: Model, input: DataDeleteInput, options: DeleteOptions): Promise<DeleteManyResult> {
  const ahead = await lookAhead(repo, model.id, () =>
    artifactNames(repo, model.id).filter((name) => input.prefix === undefined || name.startsWith(input.prefix)),
  );
  const base = { modelId: model.id, modelName: model.name, modelType: model.type };
  const tally: Tally = { totalDeleted: 0, totalVersionsDeleted: 0, failed: [] };
  // Of each artifact; undefined: there was no question.
  let shown: ReadonlyMap<string, readonly number[]> | undefined;
  if (input.dryRun === true || options.confirm !== undefined) {
    const items = await planned(repo, model, ahead.seen, options.signal);
    const versions = items.reduce((sum, item) => sum + item.versions.length, 0);
    if (input.dryRun === true) {
      const would = items.map((item) => ({ dataName: item.name, versions: item.versions.length }));
      return { ...base, totalDeleted: items.length, totalVersionsDeleted: versions, failed: [], dryRun: true, items: would };
    }
    if (items.length > 0 && !(await options.confirm?.({ modelName: model.name, items }))) return { ...base, ...tally, dryRun: false, cancelled: true };
    shown = new Map(items.map(({ name, versions }) => [name, versions]));
  }
  // What a person agreed to is deleted. Without a question, it is what is there once the model is drained: a method that runs now may still write some of it.
  let left: readonly string[] | undefined = shown === undefined ? undefined : [...shown.keys()];
  for (let size = FIRST_SLICE; left === undefined || left.length > 0; ) {
    const started = repo.timing.now();
    left = await removeSlice(repo, model, { names: async (writer) => left ?? ahead.under(writer), shown }, size, tally, options.signal);
    options.onProgress?.(tally.totalDeleted, tally.totalDeleted + left.length);
    const took = repo.timing.now() - started;
    if (took < SLICE_TARGET_MS / 2) size = Math.min(MOST_IN_SLICE, size * 2);
    else if (took > SLICE_TARGET_MS * 2) size = Math.max(1, Math.floor(size / 2));
  }
  return { ...base, ...tally, dryRun: false };
}

interface Tally {
  totalDeleted: number;
  totalVersionsDeleted: number;
  readonly failed: { dataName: string; error: string; code: ErrorCode }[];
}

const FIRST_SLICE = 16;
const MOST_IN_SLICE = 512;

interface Batch {
  readonly names: (writer: Lease) => Promise<readonly string[]>;
  readonly shown: ReadonlyMap<string, readonly number[]> | undefined;
}

/** Removes the first `size` of the batch, as they are under the closed global fence; answers the rest. */
async function removeSlice(repo: Repo, model: Model, { names, shown }: Batch, size: number, tally: Tally, signal: AbortSignal): Promise<readonly string[]> {
  const remove = async (writer: Lease): Promise<readonly string[]> => {
    requireModel(repo, model);
    const all = await names(writer);
    for (const name of all.slice(0, size)) await removeCounted(writer, name, shown, tally);
    return all.slice(size);
  };
  return restructureModel(repo, model.id, remove, { signal, removes: true });
}

/** One that cannot be removed does not keep the others. */
async function removeCounted(writer: Lease, name: string, shown: Batch['shown'], tally: Tally): Promise<void> {
  try {
    const artifact = findArtifact(writer.repo, writer.modelId, name);
    if (shown !== undefined) requireAsShown(name, shown.get(name) ?? [], versionsOf(artifact));
    const removed = await removeArtifact(writer, name, artifact);
    if (removed.alreadyDeleted) return;
    tally.totalDeleted++;
    tally.totalVersionsDeleted += removed.versionsDeleted;
  } catch (error) {
    if (!(error instanceof SwampError) && !isSystemError(error)) throw error;
    const { code, message } = asSwampError(error);
    tally.failed.push({ dataName: name, error: message, code });
  }
}

/** The versions there are, or of them the one that was asked for. */
function versionsOf(artifact: Artifact | undefined, version?: number): readonly number[] {
  return (artifact?.versions ?? []).filter((number) => version === undefined || number === version);
}

async function planned(repo: Repo, model: Model, names: readonly string[], signal: AbortSignal): Promise<DeletePlan['items']> {
  const items: DeletePlan['items'][number][] = [];
  const pass = yielding(signal);
  for (const name of names) {
    await pass();
    items.push(...itemsOf(name, versionsOf(findArtifact(repo, model.id, name))));
  }
  return items;
}

function itemsOf(name: string, versions: readonly number[]): DeletePlan['items'] {
  return versions.length === 0 ? [] : [{ name, versions }];
}

/** A dry run, and a command that would ask, report "never existed" as the real one does. */
function requireDeletedBefore(repo: Repo, model: Model, name: string, version: number | undefined): void {
  const artifact = findArtifact(repo, model.id, name);
  const record = artifact === undefined ? tombstoneOf(repo, model.id, name) : artifactRecord(artifact, name);
  if (record === undefined) throw dataNotFound(name);
  const latest = artifact?.versions.at(-1) ?? 0;
  if (version !== undefined && version > Math.max(record.floor, latest)) throw versionNotFound(name, version, latest);
}

/** The plan is looked at again under the lock. */
function requireAsShown(name: string, shown: readonly number[], now: readonly number[]): void {
  if (!hasNew(shown, now)) return;
  throw new SwampError('conflict', `${JSON.stringify(name)} got new versions since it was shown; nothing of it was deleted.`, {
    hint: 'Run the command again to see them, or use --force.',
    data: { name, shown, now },
  });
}
