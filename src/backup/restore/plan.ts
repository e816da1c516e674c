/**
 * What a restore will do: where each model of the backup goes, which artifacts it brings and under which numbers, and what
 * goes. Reads the repository without a lock; `seen` says whether that still holds. The rules are in design/backup.md, "Restoring".
 */
import { randomUUID } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SwampError } from '../../errors.js';
import { failpoint } from '../../fs/failpoints.js';
import { readDir } from '../../fs/tree.js';
import { ARTIFACT_RECORD } from '../../layout/layout.js';
import { MAX_EPOCH } from '../../locks/fence.js';
import { isModelType, withFields } from '../../models/definition.js';
import { modelPath, type SurveyedFile, surveyDefinitions } from '../../models/files.js';
import { displayPath, type Repo } from '../../repo.js';
import { hasText, requirePlace, textAt } from '../../store/definition-text.js';
import { isDeletedModel } from '../../store/deleted.js';
import { floorOf } from '../../store/latest.js';
import { type ArtifactRecord, readArtifactRecord, readTombstone, type Tombstone } from '../../store/metadata.js';
import { versionNumbers } from '../../store/read.js';
import type { DefinitionChange, FenceEpochs } from '../../store/restoration.js';
import { readSidecar, type Saved, type SavedArtifact, type SavedModel, type SavedUpload, tombstonesOf } from '../contents.js';
import { type Choice, modelTitleOf, requireMode, selected } from './choice.js';
import { fenceEpochOf, idsWithFiles, ifReadable, isThisVersion, type Noted, noted, notedText, noteModels, versionsOf } from './state.js';

/** One model of the backup, and where it goes. */
export interface RestoreTarget {
  readonly saved: SavedModel;
  readonly modelId: string;
  /** Everything that is there under the id is removed first; else what came in the meantime stays, too. */
  readonly whole: boolean;
  readonly epochs: FenceEpochs;
  readonly artifacts: readonly TargetArtifact[];
  readonly tombstones: readonly Tombstone[];
  readonly uploads: readonly SavedUpload[];
  readonly definition: DefinitionChange['publish'];
}

export interface TargetArtifact {
  /** With the number and the bytes of the versions that are restored. */
  readonly saved: SavedArtifact;
  readonly record: ArtifactRecord;
  /** The versions to add to a live artifact; absent: the whole artifact is restored. */
  readonly only?: readonly number[];
}

/**
 * What was there and stays, instead of what the backup has. `name`: of the artifact or the upload; null: the definition.
 * `reason`: it is there already; it is damaged; its generation is another one; or a version number in both has another content.
 */
export interface Skipped {
  readonly model: string;
  readonly name: string | null;
  readonly reason: 'exists' | 'damaged' | 'generation' | 'content';
}

export interface RestorePlan {
  readonly targets: readonly RestoreTarget[];
  /** Ids of models that go as a whole and do not come back. */
  readonly gone: readonly string[];
  /** With `replace`: the versions that are removed, by the directories of their artifacts. */
  readonly cleared: ReadonlyMap<string, readonly number[]>;
  readonly definitions: readonly DefinitionChange[];
  readonly skipped: readonly Skipped[];
  /** Models that come back under another id. */
  readonly newIds: readonly { readonly model: string; readonly id: string; readonly newId: string }[];
  /** What is in the repository and is removed or replaced. */
  readonly removed: RestoreRemoval;
  /** Of the global fence. */
  readonly globalEpoch: number;
  /** Definition files that have a second name besides this one: it goes, and the plan must be made again. */
  readonly twiceNamed: readonly string[];
  /** Another text: the repository has changed, and the plan must be made again. */
  readonly seen: string;
}

/** How much a restore removes or replaces; nothing but with `replace`. */
export interface RestoreRemoval {
  readonly models: number;
  readonly artifacts: number;
  readonly versions: number;
}

/** Ids that are given out anew stay the same when the plan is made again. */
export type FreshIds = Map<string, string>;

/** Throws `conflict`, `model_not_found`, `model_exists`, `backup_invalid`, `config_invalid`, EACCES. */
export async function planRestore(repo: Repo, backup: Saved, choice: Choice, fresh: FreshIds): Promise<RestorePlan> {
  const saved = selected(backup, choice);
  const seen = noted(repo);
  const { files, seconds } = await surveyDefinitions(repo);
  requireMode(repo, files, choice);
  const there = { files, present: files.filter(({ deleted }) => !deleted), savedIds: new Set(backup.models.map(({ id }) => id)) };
  const soFar = { listed: new Map(), targets: [], skipped: [], newIds: [], leaving: new Map(), replaced: [] };
  const planning: Planning = { repo, backup, choice, fresh, seen, ...there, ...soFar };
  for (const model of saved) addModel(planning, model);
  await failpoint('restore.planning');
  return { ...(await planned(planning)), twiceNamed: seconds.map(({ first }) => first) };
}

/** Of the contents that it brings. */
export function plannedBytes({ targets }: RestorePlan): number {
  return targets.flatMap(({ artifacts }) => artifacts).reduce((sum, { saved }) => sum + saved.bytes, 0);
}

/** What the repository knows of a name. */
interface Known {
  readonly live: boolean;
  readonly generation: number;
  readonly floor: number;
  /** Of a live one, where it can be read. */
  readonly record: ArtifactRecord | undefined;
  /** Ascending. */
  readonly versions: readonly number[];
  readonly tombstone: Tombstone | undefined;
}

/** What a plan is made from, and what there is of it so far. */
interface Planning {
  readonly repo: Repo;
  readonly backup: Saved;
  readonly choice: Choice;
  /** The definitions that are there, also of deleted models. */
  readonly files: readonly SurveyedFile[];
  /** Those of models that are not deleted. */
  readonly present: readonly SurveyedFile[];
  /** Of the models in the backup. */
  readonly savedIds: ReadonlySet<string>;
  readonly fresh: FreshIds;
  readonly seen: Noted;
  /** Names of what is in the families, by directory: listed once, for most names of a backup are nowhere. */
  readonly listed: Map<string, ReadonlySet<string>>;
  readonly targets: RestoreTarget[];
  readonly skipped: Skipped[];
  readonly newIds: RestorePlan['newIds'][number][];
  /** Definition files that go, by path. */
  readonly leaving: Map<string, { readonly path: string; readonly text: string }>;
  /** Paths of definitions whose models are replaced by one of the backup. */
  readonly replaced: string[];
}

function replacesAll({ choice }: Planning): boolean {
  return choice.mode === 'replace' && choice.only === undefined;
}

function addModel(planning: Planning, saved: SavedModel): void {
  const { modelId, definition, foreign } = destinationOf(planning, saved);
  noteModels(planning.repo, planning.seen, [modelId]);
  const current = fenceEpochOf(planning.repo, modelId);
  const point = planning.backup.manifest.consistencyPoint.models[saved.id] ?? { data: 0, run: 0 };
  const whole = planning.choice.mode === 'replace';
  const tombstones = saved.alone === true ? [] : [...tombstonesOf(planning.backup.root, saved)];
  const highest = [...saved.artifacts, ...tombstones].reduce((most, { generation }) => Math.max(most, generation), Math.max(current, point.data));
  const next = highest + 1;
  if (next > MAX_EPOCH || point.run > MAX_EPOCH) throw tooHigh(saved);
  const artifacts: RestoreTarget['artifacts'][number][] = [];
  const names = new Set(saved.artifacts.map(({ name }) => name));
  for (const artifact of saved.artifacts) {
    const known = knownOf(planning, modelId, artifact.name);
    const record = numbered(artifact, known, { current, point: point.data, next, foreign });
    if (whole || known?.live !== true) artifacts.push({ saved: artifact, record });
    else artifacts.push(...versionsToAdd(planning, saved, artifact, { modelId, known, record }));
  }
  planning.targets.push({
    saved,
    modelId,
    whole,
    // A run that this restore is nested in keeps its lock, at its epoch.
    epochs: { data: next, run: planning.repo.ancestors.some((key) => key.startsWith(`${modelId}/`)) ? 0 : point.run },
    artifacts,
    tombstones: tombstones.flatMap((tombstone) => tombstoneFor(planning, modelId, tombstone, { whole, restored: names.has(tombstone.name) }) ?? []),
    uploads: uploadsFor(planning, saved, modelId),
    definition,
  });
}

/** B16: what is added to a live artifact of the same generation; any other one stays as it is, and is listed. */
function versionsToAdd(
  planning: Planning,
  model: SavedModel,
  artifact: SavedArtifact,
  { modelId, known, record }: { readonly modelId: string; readonly known: Known; readonly record: ArtifactRecord },
): TargetArtifact[] {
  const stays = (reason: Skipped['reason']): [] => {
    planning.skipped.push({ model: modelTitleOf(model), name: artifact.name, reason });
    return [];
  };
  if (planning.choice.mode === 'skip-existing') return stays('exists');
  if (known.record === undefined) return stays('damaged');
  if (known.record.generation !== artifact.generation || record.generation !== artifact.generation) return stays('generation');
  const { versions } = readSidecar(planning.backup.root, artifact.content);
  const dir = planning.repo.layout.artifact(modelId, artifact.name);
  // Two histories under one generation: a copy of the repository went on by itself. They are not mixed.
  if (versions.some((one) => known.versions.includes(one.version) && !isThisVersion(dir, one))) return stays('content');
  const missing = versions.filter(({ version }) => !known.versions.includes(version));
  if (missing.length === 0 && record.floor <= known.floor) return [];
  const bytes = missing.reduce((sum, { size }) => sum + size, 0);
  const numbers = [...known.versions, ...missing.map(({ version }) => version)].sort((a, b) => a - b);
  const floor = floorOf(Math.max(record.floor, known.record.floor), numbers);
  return [{ saved: { ...artifact, versions: missing.length, bytes }, record: { ...record, floor }, only: missing.map(({ version }) => version) }];
}

async function planned(planning: Planning): Promise<Omit<RestorePlan, 'twiceNamed'>> {
  const kept = new Set(planning.targets.map(({ modelId }) => modelId));
  const gone = replacesAll(planning)
    ? [...new Set([...idsWithFiles(planning.repo), ...planning.present.flatMap(({ model }) => model?.id ?? [])])].filter((id) => !kept.has(id))
    : [];
  noteModels(planning.repo, planning.seen, gone);
  if (replacesAll(planning)) dismissOthers(planning);
  const definitions = changesOf(planning);
  const cleared = await versionsOf(planning.repo, planning.choice.mode === 'replace' ? [...kept, ...gone] : []);
  const versions = [...cleared.values()].reduce((sum, numbers) => sum + numbers.length, 0);
  return {
    targets: planning.targets,
    gone,
    cleared,
    definitions,
    skipped: planning.skipped,
    newIds: planning.newIds,
    removed: { models: gone.length + planning.replaced.length, artifacts: cleared.size, versions },
    globalEpoch: planning.backup.manifest.consistencyPoint.global,
    seen: notedText(planning.seen),
  };
}

/** Under which id a model goes, and what becomes of its definition. `foreign`: the id is that of another model of the same name. */
function destinationOf(
  planning: Planning,
  saved: SavedModel,
): { readonly modelId: string; readonly definition: RestoreTarget['definition']; readonly foreign: boolean } {
  const { mode, only } = planning.choice;
  const { definition, id } = saved;
  if (definition === undefined) return { modelId: idOrNew(planning, saved), definition: undefined, foreign: false };
  if (only?.as !== undefined) {
    requireFree(planning, only.as, undefined);
    const newId = freshId(planning, saved);
    return {
      modelId: newId,
      definition: definitionFile(planning, definition.type, only.as, withFields(definition.text, { id: newId, name: only.as })),
      foreign: false,
    };
  }
  const own = planning.present.find(({ model }) => model?.id === id);
  const named = planning.present.find(({ name, model }) => name === definition.name && model !== undefined && !planning.savedIds.has(model.id));
  const there = own ?? (replacesAll(planning) ? undefined : named);
  if (there?.model !== undefined && mode !== 'replace') {
    if (mode === 'skip-existing' || there.name !== definition.name || there.model.text !== definition.text)
      planning.skipped.push({ model: definition.name, name: null, reason: 'exists' });
    return { modelId: there.model.id, definition: undefined, foreign: there !== own };
  }
  const modelId = there?.model?.id ?? idOrNew(planning, saved);
  const text = modelId === id ? definition.text : withFields(definition.text, { id: modelId });
  const publish = definitionFile(planning, definition.type, definition.name, text);
  if (there !== undefined) {
    leave(planning, there);
    planning.replaced.push(there.path);
  }
  if (!replacesAll(planning)) requireFree(planning, definition.name, there);
  return { modelId, definition: publish, foreign: there !== undefined && there !== own };
}

/** The id in the backup, unless it was deleted here: such an id is gone for good (D8, O6), and the model comes back under another one. */
function idOrNew(planning: Planning, saved: SavedModel): string {
  return isDeletedModel(planning.repo, saved.id) ? freshId(planning, saved) : saved.id;
}

function freshId(planning: Planning, saved: SavedModel): string {
  const newId = planning.fresh.get(saved.directory) ?? randomUUID();
  planning.fresh.set(saved.directory, newId);
  planning.newIds.push({ model: modelTitleOf(saved), id: saved.id, newId });
  return newId;
}

function definitionFile(planning: Planning, type: string, name: string, text: string): NonNullable<RestoreTarget['definition']> {
  if (!isModelType(type)) throw new TypeError(`${type} is not a type`);
  return { path: displayPath(planning.repo, modelPath(planning.repo, type, name)), text };
}

/** A name is free when no other model has it, case aside, but those that leave for this restore. The file of a deleted model leaves. */
function requireFree(planning: Planning, name: string, own: SurveyedFile | undefined): void {
  for (const file of planning.files) {
    if (file === own || file.name.toLowerCase() !== name.toLowerCase()) continue;
    if (file.deleted) leave(planning, file);
    else if (file.model === undefined || !leavesAnyway(planning, file)) throw taken(planning.repo, name, file);
  }
}

/** A model of the backup that is here under a name that another one of the backup has: it is renamed by the restore. */
function leavesAnyway(planning: Planning, { model, name }: SurveyedFile): boolean {
  if (!replacesAll(planning)) return false;
  const saved = planning.backup.models.find(({ id }) => id === model?.id);
  return saved?.definition !== undefined && saved.definition.name !== name;
}

function leave(planning: Planning, { path }: SurveyedFile): void {
  const text = textAt(path);
  if (text !== undefined) planning.leaving.set(path, { path: displayPath(planning.repo, path), text });
}

/** Every definition that can be read is removed; what cannot is not a model, and stays unless its name is needed. */
function dismissOthers(planning: Planning): void {
  const wanted = new Set(planning.targets.flatMap(({ saved }) => saved.definition?.name.toLowerCase() ?? []));
  for (const file of planning.files) {
    if (file.model !== undefined || (file.deleted && wanted.has(file.name.toLowerCase()))) leave(planning, file);
    else if (wanted.has(file.name.toLowerCase())) throw taken(planning.repo, file.name, file);
  }
}

/** What is there already, with the very text, is neither removed nor written. Throws for what could not be carried out once it is published. */
function changesOf(planning: Planning): DefinitionChange[] {
  const publish = planning.targets.flatMap(({ definition }) => definition ?? []);
  const same = publish.filter(({ path, text }) => hasText(join(planning.repo.root, path), text));
  const remove = [...planning.leaving.values()].filter((file) => !same.some(({ path }) => path === file.path));
  const come = publish.filter((file) => !same.includes(file));
  for (const { path } of [...remove, ...come]) requirePlace(planning.repo, path);
  return [...remove.map((file) => ({ remove: [file] })), ...come.map((file) => ({ publish: file, remove: [] }))];
}

function knownOf(planning: Planning, modelId: string, name: string): Known | undefined {
  const { layout } = planning.repo;
  const dir = layout.artifact(modelId, name);
  // A file or a link in the place of an artifact is damage, and is replaced.
  const isDirectory = stands(planning, dir) && lstatSync(dir, { throwIfNoEntry: false })?.isDirectory() === true;
  const names = isDirectory ? ifReadable(() => readDir(dir)) : undefined;
  const deleted = layout.tombstone(modelId, name);
  const tombstone = stands(planning, deleted) ? ifReadable(() => readTombstone(deleted)) : undefined;
  if (names === undefined)
    return tombstone === undefined
      ? undefined
      : { live: false, generation: tombstone.generation, floor: tombstone.floor, record: undefined, versions: [], tombstone };
  const record = ifReadable(() => readArtifactRecord(join(dir, ARTIFACT_RECORD)));
  // A record that cannot be read may have held the newest generation there was.
  const generation = Math.max(record?.generation ?? fenceEpochOf(planning.repo, modelId), tombstone?.generation ?? 0);
  const versions = versionNumbers(names);
  return { live: true, generation, floor: Math.max(record?.floor ?? 0, tombstone?.floor ?? 0, versions.at(-1) ?? 0), record, versions, tombstone };
}

function stands(planning: Planning, path: string): boolean {
  const [dir, name] = [dirname(path), basename(path)];
  const names = planning.listed.get(dir) ?? new Set(readDir(dir) ?? []);
  planning.listed.set(dir, names);
  return names.has(name);
}

function tombstoneFor(
  planning: Planning,
  modelId: string,
  tombstone: Tombstone,
  { whole, restored }: { readonly whole: boolean; readonly restored: boolean },
): Tombstone | undefined {
  const known = knownOf(planning, modelId, tombstone.name);
  if (known === undefined || (whole && restored)) return tombstone;
  if (!whole) return undefined;
  return { ...tombstone, generation: Math.max(tombstone.generation, known.generation), floor: Math.max(tombstone.floor, known.floor) };
}

function uploadsFor(planning: Planning, saved: SavedModel, modelId: string): SavedUpload[] {
  if (planning.choice.mode === 'replace') return [...saved.uploads];
  const standing = new Set(readDir(planning.repo.layout.modelUploads(modelId)) ?? []);
  return saved.uploads.filter(({ id }) => {
    if (standing.has(id)) planning.skipped.push({ model: modelTitleOf(saved), name: id, reason: 'exists' });
    return !standing.has(id);
  });
}

/**
 * P4: an artifact keeps its generation where nothing can have been given out under it that the backup does not know: the
 * repository has the same one, or has seen no later commit of this model than the backup. Its floor is the higher one.
 */
function numbered(
  { name, generation, floor, latest }: SavedArtifact,
  known: Known | undefined,
  { current, point, next, foreign }: { readonly current: number; readonly point: number; readonly next: number; readonly foreign: boolean },
): ArtifactRecord {
  const older = known === undefined || known.generation < generation;
  const keeps = !foreign && (known?.generation === generation || (older && current <= point));
  // Within one generation the versions themselves count, too; an earlier one is counted on from by the floor alone.
  const counted = keeps && known?.generation === generation ? Math.max(floor, latest) : floor;
  return { name, generation: keeps ? generation : next, floor: (known?.floor ?? 0) > counted ? (known?.floor ?? 0) : floor };
}

function taken(repo: Repo, name: string, file: SurveyedFile): SwampError {
  const path = displayPath(repo, file.path);
  const what = file.model === undefined ? `${path} is in the way, and is not a definition` : `A model named "${file.name}" exists already, in ${path}`;
  return new SwampError('model_exists', `${what}.`, {
    hint: `Restore it under another name: --model ${name}=NAME; or rename or remove what is there.`,
    data: { name: file.name, type: file.type, path },
  });
}

function tooHigh({ directory }: SavedModel): SwampError {
  return new SwampError('backup_invalid', `${directory} has an epoch or a generation that no lock reaches.`, {
    hint: 'Nothing was restored; make another backup.',
    data: { path: directory },
  });
}
