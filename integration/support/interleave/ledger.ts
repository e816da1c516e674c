/**
 * Every version that was ever visible, and who made it appear or go: P1, P3, P4 and P10 at each step, and the order of syncs
 * around the renames that commit.
 */
import { basename, dirname, join } from 'node:path';
import { parseEntry } from '../../../src/locks/fence.js';
import type { Access } from './conflicts.js';
import type { Disk } from './disk.js';
import { requireDurable, requireDurableFloor, requireSynced } from './durability.js';
import { artifactsOf, holderOf, LAYOUT, type SeenArtifact } from './view.js';
import { Violation } from './violation.js';

export interface Effect {
  readonly kind: 'written' | 'removed';
  readonly modelId: string;
  /** What appeared or went. */
  readonly path: string;
  /** Of the data fence under which it happened. */
  readonly epoch: number;
}

/** Names a version for ever (P4). */
export interface VersionKey {
  readonly name: string;
  readonly generation: number;
  readonly version: number;
}

interface Known {
  readonly commit: string;
  readonly text: string;
  readonly epoch: number;
}

/** The part of a path below one directory; undefined when it lies elsewhere. */
function below(path: string | undefined, directory: string): string | undefined {
  return path?.startsWith(directory) && path[directory.length] === '/' ? path.slice(directory.length + 1) : undefined;
}

export class Ledger {
  readonly #disk: Disk;
  readonly #modelIds: readonly string[];
  readonly #visible = new Map<string, Map<string, SeenArtifact>>();
  readonly #ever = new Map<string, Known>();
  readonly #removals = new Map<number, Effect[]>();

  constructor(disk: Disk, modelIds: readonly string[]) {
    this.#disk = disk;
    this.#modelIds = modelIds;
    for (const modelId of modelIds) this.#look(modelId, 0);
  }

  /** What the step did to data. Throws when it may not. */
  changed(actor: number, { call, changes: [from = '', to] }: Access): Effect[] {
    if (call !== 'rename' || to === undefined) return [];
    const effects = this.#modelIds.flatMap((modelId) => {
      this.#judgeRecords(modelId, to);
      const data = LAYOUT.model(modelId);
      if (below(to, data) !== undefined) return this.#written(actor, modelId, from, to);
      return from === data || below(from, data) !== undefined ? this.#removed(actor, modelId, from, to) : [];
    });
    const removals = effects.filter(({ kind }) => kind === 'removed');
    if (removals.length > 0) this.#removals.set(actor, [...(this.#removals.get(actor) ?? []), ...removals]);
    return effects;
  }

  removalsBy(actor: number): readonly Effect[] {
    return this.#removals.get(actor) ?? [];
  }

  /** The data-fence epoch under which an acknowledged version was committed. Throws when it never was visible. */
  epochOf(modelId: string, key: VersionKey, text?: string): number {
    const known = this.#ever.get(titleOf(modelId, key));
    if (known === undefined || (text !== undefined && known.text !== text))
      throw new Violation(`${key.name} ${key.generation}.${key.version} was acknowledged, and never was visible`);
    return known.epoch;
  }

  /** The generation under which a version of that name is visible now. */
  generationOf(modelId: string, name: string, version: number): number | undefined {
    const artifact = this.#visible.get(modelId)?.get(name);
    return artifact?.versions.has(version) === true ? artifact.generation : undefined;
  }

  /** Tombstones and intents: whole before they can be relied on. */
  #judgeRecords(modelId: string, to: string): void {
    const title = below(to, LAYOUT.tombstones(modelId)) === undefined ? undefined : 'a tombstone';
    const intent = below(to, LAYOUT.fence({ kind: 'data', modelId }))?.endsWith('.intent') === true ? 'an intent' : undefined;
    const deleted = to === LAYOUT.deletedModel(modelId) ? 'the record of a deleted model' : undefined;
    const what = title ?? intent ?? deleted;
    if (what !== undefined) requireSynced(this.#disk, to, what);
  }

  #written(actor: number, modelId: string, from: string, to: string): Effect[] {
    const epoch = this.#passedThrough(actor, modelId, from, basename(to));
    requireSynced(this.#disk, to, to.slice(LAYOUT.data.length + 1));
    if (dirname(from).endsWith('.intent')) requireDurable(this.#disk, dirname(from), 'the intent that is being carried out');
    const before = this.#visible.get(modelId);
    const appeared = this.#look(modelId, epoch);
    this.#requireKept(before, modelId, to);
    return appeared ? [{ kind: 'written', modelId, path: to, epoch }] : [];
  }

  #removed(actor: number, modelId: string, from: string, to: string): Effect[] {
    const epoch = this.#passedThrough(actor, modelId, to, basename(from));
    const inEntry = below(to, LAYOUT.fence({ kind: 'data', modelId })) ?? '';
    if (!/^[^/]+\/trash\/[0-9a-f]+$|\.intent\/artifact$/.test(inEntry)) throw new Violation(`P3: ${from} was moved to ${to}, which is no trash`);
    this.#judgeFloors(modelId, from);
    this.#look(modelId, epoch);
    return [{ kind: 'removed', modelId, path: from, epoch }];
  }

  /** P4, P10: no number can be given out again, and none above the floor is missing, whatever a power cut leaves. */
  #judgeFloors(modelId: string, from: string): void {
    const [segment, version] = below(from, LAYOUT.model(modelId))?.split('/') ?? [];
    for (const [name, artifact] of this.#visible.get(modelId) ?? []) {
      const path = LAYOUT.artifact(modelId, name);
      if (segment === undefined) requireDurable(this.#disk, LAYOUT.deletedModel(modelId), 'the record of the deleted model');
      if (segment === undefined || segment !== basename(path)) continue;
      const latest = Math.max(...artifact.versions.keys());
      if (version === undefined) requireDurableFloor(this.#disk, [LAYOUT.tombstone(modelId, name)], Math.max(artifact.floor, latest), name);
      else requireDurableFloor(this.#disk, [join(path, 'artifact.json')], Number(version), `${name} ${version}`, Number(version) === latest ? 'P4' : 'P10');
    }
  }

  /** P1: the epoch of the data fence whose entry the other end of the rename lies in; its holder is who made the step. */
  #passedThrough(actor: number, modelId: string, path: string, what: string): number {
    const entry = parseEntry(below(path, LAYOUT.fence({ kind: 'data', modelId }))?.split('/')[0] ?? '');
    if (entry === undefined || holderOf(entry) !== actor) throw new Violation(`P1: process ${actor} moved ${what} past its own data fence, through ${path}`);
    return entry.epoch;
  }

  /** Looks at the model again; true when versions appeared. */
  #look(modelId: string, epoch: number): boolean {
    const before = this.#visible.get(modelId);
    const now = artifactsOf(this.#disk, modelId);
    this.#visible.set(modelId, now);
    let appeared = false;
    for (const [name, { generation, floor, versions }] of now) {
      requireWhole(name, floor, versions);
      const was = before?.get(name);
      for (const [version, { commit, text }] of versions) {
        if (was?.generation === generation && was.versions.get(version)?.commit === commit) continue;
        const title = titleOf(modelId, { name, generation, version });
        if (this.#ever.has(title)) throw new Violation(`P4: ${name} ${generation}.${version} is given out a second time`);
        this.#ever.set(title, { commit, text, epoch });
        appeared = true;
      }
    }
    return appeared;
  }

  /** P3: nothing that was there is gone, but by a rename into a trash. */
  #requireKept(before: ReadonlyMap<string, SeenArtifact> | undefined, modelId: string, by: string): void {
    for (const [name, artifact] of before ?? []) {
      for (const [version, { commit }] of artifact.versions) {
        if (this.#visible.get(modelId)?.get(name)?.versions.get(version)?.commit !== commit)
          throw new Violation(`P3: ${name} ${version} was overwritten by ${by}`);
      }
    }
  }
}

/** P10: what a reader that lists nothing relies on. */
function requireWhole(name: string, floor: number, versions: ReadonlyMap<number, unknown>): void {
  const latest = Math.max(...versions.keys());
  for (let version = floor + 1; version < latest; version++)
    if (!versions.has(version)) throw new Violation(`P10: ${name} has no version ${version}, the floor is ${floor}, and its latest version is ${latest}`);
}

function titleOf(modelId: string, { name, generation, version }: VersionKey): string {
  return `${modelId} ${name} ${generation}.${version}`;
}
