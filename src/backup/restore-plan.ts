/**
 * What a restore will do: where each model of the backup goes, which artifacts it brings and under which numbers, and what
 * goes. Reads the repository without a lock; `seen` tells whether that still stands. The rules stand in design/backup.md, "Restoring".
 */
import { randomUUID } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SwampError } from '../errors.js';
import { failpoint } from '../fs/failpoints.js';
import { readDir } from '../fs/tree.js';
import { ARTIFACT_RECORD } from '../layout/layout.js';
import { MAX_EPOCH } from '../locks/fence.js';
import { isModelType, withFields } from '../models/definition.js';
import { modelPath, type SurveyedFile, surveyDefinitions } from '../models/files.js';
import { displayPath, type Repo } from '../repo.js';
import { hasText, requirePlace, textAt } from '../store/definition-text.js';
import { isDeletedModel } from '../store/deleted.js';
import { type ArtifactRecord, readArtifactRecord, readTombstone, type Tombstone } from '../store/metadata.js';
import { versionNumbers } from '../store/read.js';
import type { DefinitionChange, FenceEpochs } from '../store/restoration.js';
import { readSidecar, type Saved, type SavedArtifact, type SavedModel, type SavedUpload, tombstonesOf } from './contents.js';
import { type Choice, requireMode, selected, titleOf } from './restore-choice.js';
import { epochOf, idsWithFiles, isThisVersion, readable, Seen, versionsIn } from './restore-state.js';

/** One model of the backup, and where it goes. */
export interface Target {
  readonly saved: SavedModel;
  readonly modelId: string;
  /** Everything that stands there under the id goes first; else what came in the meantime stays, too. */
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
  readonly targets: readonly Target[];
  /** Ids of models that go as a whole and do not come back. */
  readonly gone: readonly string[];
  /** With `replace`: the directories of artifacts that stand there and go, by the ids of their models. */
  readonly cleared: ReadonlyMap<string, readonly string[]>;
  readonly definitions: readonly DefinitionChange[];
  readonly skipped: readonly Skipped[];
  /** Models that come back under another id. */
  readonly newIds: readonly { readonly model: string; readonly id: string; readonly newId: string }[];
  /** What stands in the repository and is removed or replaced. */
  readonly removed: Removed;
  /** Of the global fence. */
  readonly globalEpoch: number;
  /** Definition files that have a second name besides this one: it goes, and the plan must be made again. */
  readonly twiceNamed: readonly string[];
  /** Another text: the repository has changed, and the plan must be made again. */
  readonly seen: string;
}

/** How much a restore removes or replaces; nothing but with `replace`. */
export interface Removed {
  readonly models: number;
  readonly artifacts: number;
  readonly versions: number;
}

/** Ids that are given out anew stay the same when the plan is made again. */
export type FreshIds = Map<string, string>;

/** Throws `conflict`, `model_not_found`, `model_exists`, `backup_invalid`, `config_invalid`, EACCES. */
export async function planRestore(repo: Repo, backup: Saved, choice: Choice, fresh: FreshIds): Promise<RestorePlan> {
  const saved = selected(backup, choice);
  const seen = new Seen(repo);
  const { files, seconds } = await surveyDefinitions(repo);
  requireMode(repo, files, choice);
  const planner = new Planner(repo, backup, choice, files, fresh, seen);
  for (const model of saved) planner.add(model);
  await failpoint('restore.planning');
  const plan = planner.end();
  const versions = await versionsIn(repo, plan.cleared);
  return { ...plan, removed: { ...plan.removed, versions }, twiceNamed: seconds.map(({ first }) => first) };
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

class Planner {
  readonly #repo: Repo;
  readonly #backup: Saved;
  readonly #choice: Choice;
  readonly #present: readonly SurveyedFile[];
  readonly #files: readonly SurveyedFile[];
  readonly #fresh: FreshIds;
  readonly #seen: Seen;
  readonly #savedIds: ReadonlySet<string>;
  /** Names of what stands in the families, by directory: listed once, for most names of a backup stand nowhere. */
  readonly #listed = new Map<string, ReadonlySet<string>>();
  readonly #targets: Target[] = [];
  readonly #skipped: Skipped[] = [];
  readonly #newIds: RestorePlan['newIds'][number][] = [];
  /** Definition files that go, by path. */
  readonly #leaving = new Map<string, { readonly path: string; readonly text: string }>();
  #replacedModels = 0;

  constructor(repo: Repo, backup: Saved, choice: Choice, files: readonly SurveyedFile[], fresh: FreshIds, seen: Seen) {
    this.#repo = repo;
    this.#backup = backup;
    this.#choice = choice;
    this.#files = files;
    this.#present = files.filter(({ deleted }) => !deleted);
    this.#fresh = fresh;
    this.#seen = seen;
    this.#savedIds = new Set(backup.models.map(({ id }) => id));
  }

  get #replacesAll(): boolean {
    return this.#choice.mode === 'replace' && this.#choice.only === undefined;
  }

  add(saved: SavedModel): void {
    const { modelId, definition, foreign } = this.#place(saved);
    this.#seen.with([modelId]);
    const current = epochOf(this.#repo, modelId);
    const point = this.#backup.manifest.consistencyPoint.models[saved.id] ?? { data: 0, run: 0 };
    const whole = this.#choice.mode === 'replace';
    const tombstones = saved.alone === true ? [] : [...tombstonesOf(this.#backup.root, saved)];
    const highest = [...saved.artifacts, ...tombstones].reduce((most, { generation }) => Math.max(most, generation), Math.max(current, point.data));
    const next = highest + 1;
    if (next > MAX_EPOCH || point.run > MAX_EPOCH) throw tooHigh(saved);
    const artifacts: Target['artifacts'][number][] = [];
    const names = new Set(saved.artifacts.map(({ name }) => name));
    for (const artifact of saved.artifacts) {
      const known = this.#known(modelId, artifact.name);
      const record = numbered(artifact, known, { current, point: point.data, next, foreign });
      if (whole || known?.live !== true) artifacts.push({ saved: artifact, record });
      else artifacts.push(...this.#added(saved, artifact, { modelId, known, record }));
    }
    this.#targets.push({
      saved,
      modelId,
      whole,
      epochs: { data: next, run: point.run },
      artifacts,
      tombstones: tombstones.flatMap((tombstone) => this.#tombstone(modelId, tombstone, { whole, restored: names.has(tombstone.name) }) ?? []),
      uploads: this.#uploads(saved, modelId),
      definition,
    });
  }

  /** B16: what is added to a live artifact of the same generation; any other one stays as it is, and is listed. */
  #added(
    model: SavedModel,
    artifact: SavedArtifact,
    { modelId, known, record }: { readonly modelId: string; readonly known: Known; readonly record: ArtifactRecord },
  ): TargetArtifact[] {
    const stays = (reason: Skipped['reason']): [] => {
      this.#skipped.push({ model: titleOf(model), name: artifact.name, reason });
      return [];
    };
    if (this.#choice.mode === 'skip-existing') return stays('exists');
    if (known.record === undefined) return stays('damaged');
    if (known.record.generation !== artifact.generation || record.generation !== artifact.generation) return stays('generation');
    const { versions } = readSidecar(this.#backup.root, artifact.content);
    const dir = this.#repo.layout.artifact(modelId, artifact.name);
    // Two histories under one generation: a copy of the repository went on by itself. They are not mixed.
    if (versions.some((one) => known.versions.includes(one.version) && !isThisVersion(dir, one))) return stays('content');
    const missing = versions.filter(({ version }) => !known.versions.includes(version));
    if (missing.length === 0 && record.floor <= known.floor) return [];
    const bytes = missing.reduce((sum, { size }) => sum + size, 0);
    const floor = Math.max(record.floor, known.record.floor);
    return [{ saved: { ...artifact, versions: missing.length, bytes }, record: { ...record, floor }, only: missing.map(({ version }) => version) }];
  }

  end(): Omit<RestorePlan, 'twiceNamed'> {
    const kept = new Set(this.#targets.map(({ modelId }) => modelId));
    const gone = this.#replacesAll
      ? [...new Set([...idsWithFiles(this.#repo), ...this.#present.flatMap(({ model }) => model?.id ?? [])])].filter((id) => !kept.has(id))
      : [];
    this.#seen.with(gone);
    if (this.#replacesAll) this.#dismissOthers();
    const definitions = this.#definitions();
    const emptied = this.#choice.mode === 'replace' ? [...kept, ...gone] : [];
    const cleared = new Map(emptied.map((id) => [id, readDir(this.#repo.layout.model(id)) ?? []]));
    const clearedArtifacts = [...cleared.values()].reduce((sum, names) => sum + names.length, 0);
    return {
      targets: this.#targets,
      gone,
      cleared,
      definitions,
      skipped: this.#skipped,
      newIds: this.#newIds,
      removed: { models: gone.length + this.#replacedModels, artifacts: clearedArtifacts, versions: 0 },
      globalEpoch: this.#backup.manifest.consistencyPoint.global,
      seen: this.#seen.text(),
    };
  }

  /** Under which id a model goes, and what becomes of its definition. `foreign`: the id is that of another model of the same name. */
  #place(saved: SavedModel): { readonly modelId: string; readonly definition: Target['definition']; readonly foreign: boolean } {
    const { mode, only } = this.#choice;
    const { definition, id } = saved;
    if (definition === undefined) return { modelId: this.#idOrNew(saved), definition: undefined, foreign: false };
    if (only?.as !== undefined) {
      this.#requireFree(only.as, undefined);
      const newId = this.#newId(saved);
      return { modelId: newId, definition: this.#file(definition.type, only.as, withFields(definition.text, { id: newId, name: only.as })), foreign: false };
    }
    const own = this.#present.find(({ model }) => model?.id === id);
    const named = this.#present.find(({ name, model }) => name === definition.name && model !== undefined && !this.#savedIds.has(model.id));
    const there = own ?? (this.#replacesAll ? undefined : named);
    if (there?.model !== undefined && mode !== 'replace') {
      if (mode === 'skip-existing' || there.name !== definition.name || there.model.text !== definition.text)
        this.#skipped.push({ model: definition.name, name: null, reason: 'exists' });
      return { modelId: there.model.id, definition: undefined, foreign: there !== own };
    }
    const modelId = there?.model?.id ?? this.#idOrNew(saved);
    const text = modelId === id ? definition.text : withFields(definition.text, { id: modelId });
    const publish = this.#file(definition.type, definition.name, text);
    if (there !== undefined) {
      this.#leave(there);
      this.#replacedModels++;
    }
    if (!this.#replacesAll) this.#requireFree(definition.name, there);
    return { modelId, definition: publish, foreign: there !== undefined && there !== own };
  }

  /** The id in the backup, unless it was deleted here: such an id is gone for good (D8, O6), and the model comes back under another one. */
  #idOrNew(saved: SavedModel): string {
    return isDeletedModel(this.#repo, saved.id) ? this.#newId(saved) : saved.id;
  }

  #newId(saved: SavedModel): string {
    const newId = this.#fresh.get(saved.directory) ?? randomUUID();
    this.#fresh.set(saved.directory, newId);
    this.#newIds.push({ model: titleOf(saved), id: saved.id, newId });
    return newId;
  }

  #file(type: string, name: string, text: string): NonNullable<Target['definition']> {
    if (!isModelType(type)) throw new TypeError(`${type} is not a type`);
    return { path: displayPath(this.#repo, modelPath(this.#repo, type, name)), text };
  }

  /** A name is free when no other model has it, case aside, but those that leave for this restore. The file of a deleted model leaves. */
  #requireFree(name: string, own: SurveyedFile | undefined): void {
    for (const file of this.#files) {
      if (file === own || file.name.toLowerCase() !== name.toLowerCase()) continue;
      if (file.deleted) this.#leave(file);
      else if (file.model === undefined || !this.#leavesAnyway(file)) throw taken(this.#repo, name, file);
    }
  }

  /** A model of the backup that stands here under a name that another one of the backup has: it is renamed by the restore. */
  #leavesAnyway({ model, name }: SurveyedFile): boolean {
    if (!this.#replacesAll) return false;
    const saved = this.#backup.models.find(({ id }) => id === model?.id);
    return saved?.definition !== undefined && saved.definition.name !== name;
  }

  #leave({ path }: SurveyedFile): void {
    const text = textAt(path);
    if (text !== undefined) this.#leaving.set(path, { path: displayPath(this.#repo, path), text });
  }

  /** Every definition that can be read goes; what cannot is nobody's model, and stays unless its name is needed. */
  #dismissOthers(): void {
    const wanted = new Set(this.#targets.flatMap(({ saved }) => saved.definition?.name.toLowerCase() ?? []));
    for (const file of this.#files) {
      if (file.model !== undefined || (file.deleted && wanted.has(file.name.toLowerCase()))) this.#leave(file);
      else if (wanted.has(file.name.toLowerCase())) throw taken(this.#repo, file.name, file);
    }
  }

  /** What stands there already, with the very text, neither goes nor comes. Throws for what could not be carried out once it is published. */
  #definitions(): DefinitionChange[] {
    const publish = this.#targets.flatMap(({ definition }) => definition ?? []);
    const same = publish.filter(({ path, text }) => hasText(join(this.#repo.root, path), text));
    const remove = [...this.#leaving.values()].filter((file) => !same.some(({ path }) => path === file.path));
    const come = publish.filter((file) => !same.includes(file));
    for (const { path } of [...remove, ...come]) requirePlace(this.#repo, path);
    return [...remove.map((file) => ({ remove: [file] })), ...come.map((file) => ({ publish: file, remove: [] }))];
  }

  #known(modelId: string, name: string): Known | undefined {
    const { layout } = this.#repo;
    const dir = layout.artifact(modelId, name);
    // A file or a link in the place of an artifact is damage, and is replaced.
    const isDirectory = this.#stands(dir) && lstatSync(dir, { throwIfNoEntry: false })?.isDirectory() === true;
    const names = isDirectory ? readable(() => readDir(dir)) : undefined;
    const deleted = layout.tombstone(modelId, name);
    const tombstone = this.#stands(deleted) ? readable(() => readTombstone(deleted)) : undefined;
    if (names === undefined)
      return tombstone === undefined
        ? undefined
        : { live: false, generation: tombstone.generation, floor: tombstone.floor, record: undefined, versions: [], tombstone };
    const record = readable(() => readArtifactRecord(join(dir, ARTIFACT_RECORD)));
    // A record that cannot be read may have told of the newest generation there was.
    const generation = Math.max(record?.generation ?? epochOf(this.#repo, modelId), tombstone?.generation ?? 0);
    const versions = versionNumbers(names);
    return { live: true, generation, floor: Math.max(record?.floor ?? 0, tombstone?.floor ?? 0, versions.at(-1) ?? 0), record, versions, tombstone };
  }

  #stands(path: string): boolean {
    const [dir, name] = [dirname(path), basename(path)];
    const names = this.#listed.get(dir) ?? new Set(readDir(dir) ?? []);
    this.#listed.set(dir, names);
    return names.has(name);
  }

  #tombstone(modelId: string, tombstone: Tombstone, { whole, restored }: { readonly whole: boolean; readonly restored: boolean }): Tombstone | undefined {
    const known = this.#known(modelId, tombstone.name);
    if (known === undefined || (whole && restored)) return tombstone;
    if (!whole) return undefined;
    return { ...tombstone, generation: Math.max(tombstone.generation, known.generation), floor: Math.max(tombstone.floor, known.floor) };
  }

  #uploads(saved: SavedModel, modelId: string): SavedUpload[] {
    if (this.#choice.mode === 'replace') return [...saved.uploads];
    const standing = new Set(readDir(this.#repo.layout.modelUploads(modelId)) ?? []);
    return saved.uploads.filter(({ id }) => {
      if (standing.has(id)) this.#skipped.push({ model: titleOf(saved), name: id, reason: 'exists' });
      return !standing.has(id);
    });
  }
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
