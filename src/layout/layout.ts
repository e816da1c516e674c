/**
 * The only place that builds a path of the datastore. The paths are the format; its version is the directory `v3`.
 *
 *   <datastore>/v3/
 *     fences/global/41.free-3f9c0a1b2c3d/                    free
 *     fences/<model-id>/data/18.<holder>/                    held for a commit
 *     fences/<model-id>/run/7.<holder>/                      held while a method runs
 *     queues/global/<ticket>.json                            who waits, in order; advisory
 *     queues/<model-id>.data/<ticket>.json
 *     staging/<holder>/                                      what one session prepares
 *     data/<model-id>/<artifact>/artifact.json               name, generation, version floor
 *     data/<model-id>/<artifact>/3/{content,metadata.json}   one version, immutable
 *     tombstones/<model-id>/<artifact>.json                  "was deleted": name, generation, floor, when
 *     deleted/<model-id>.json                                a deleted model: record and teardown
 *     deleted/<model-id>.exit                                the exit status that its delete method left, if it ended
 *     data/<model-id>/<artifact>/4/{parts/1,metadata.json}   one that was written in parts
 *     uploads/<model-id>/<upload-id>/                        an unfinished multi-part write: upload.json, parts/1, sums/
 *     uploads/<model-id>/<upload-id>.<holder>/               the same while that session completes it
 *     kept/<model-id>/<epoch>-<nonce>/                       outputs of a method that could not be committed
 *     changes/<model-id>/log.json                            the change log of a model that is watched: its id, and from where on it is whole
 *     changes/<model-id>/4/4711-0.json                       what one commit changed, by the epoch of its data fence: 4,711
 *     changes/all                                            every model is watched, also one that is made later
 *     pins/<holder>                                          a backup that runs: nothing is swept that a commit moved away
 *     trash/<model-id>-<epoch>-<nonce>/                      committed removals waiting for the sweep
 *     reserve/3                                              space that only removals may spend
 *     repository.json                                        whose datastore this is, where it does not lie in the repository
 *     restoring/                                             a restore that is published, and not carried out yet
 *     catalog/free-<nonce>/index.db                          a derived index for queries, which may be thrown away
 *     restoring/moved.json                                   the datastore was moved: where to; nothing else is left then
 *     moving.json                                            a move to or from here that is not finished
 *     quarantine/20261120T183116Z-<nonce>/data/...           what a repair set aside, under its old path
 */
import { join } from 'node:path';
import { segmentFor } from './names.js';

/** The global lock, or one of the two fences of a model. */
export type LockName = { readonly kind: 'global' } | { readonly kind: 'data' | 'run'; readonly modelId: string };

export const GLOBAL: LockName = Object.freeze({ kind: 'global' });

/** The one format that this program reads and writes, of the repository and of its datastore. */
export const FORMAT_VERSION = 3;
export const FORMAT_DIRECTORY = `v${FORMAT_VERSION}`;
/** File names inside the directories above. */
export const ARTIFACT_RECORD = 'artifact.json';
export const METADATA = 'metadata.json';
export const CONTENT = 'content';
/** Instead of one file: the parts, named by their numbers. Also in an upload. */
export const PARTS = 'parts';

/** So many epochs have their change records in one directory. */
export const CHANGES_TOGETHER = 1_000;

/** Says, in place of a restore, where a datastore was moved to. */
export const MOVED = 'moved.json';

const MODEL_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A lower-case UUID: the only shape of a model id that ever becomes a path (B8). */
export function isModelId(text: string): boolean {
  return MODEL_ID.test(text);
}

/** The name of a catalog that no process works with. */
export function isFreeCatalog(name: string): boolean {
  return /^free-[0-9a-f]{12}$/.test(name);
}

export class Layout {
  /** `base` is the datastore's directory, absolute: `<repo>/.swamp` unless configured elsewhere. `root`: where the families are. */
  constructor(
    readonly base: string,
    readonly root: string = join(base, FORMAT_DIRECTORY),
  ) {}

  readonly #at = (...segments: string[]): string => join(this.root, ...segments);

  get fences(): string {
    return this.#at('fences');
  }
  /** The directory that holds both fences of a model. */
  modelFences(modelId: string): string {
    return this.#at('fences', checked(modelId));
  }
  fence(lock: LockName): string {
    return lock.kind === 'global' ? this.#at('fences', 'global') : this.#at('fences', checked(lock.modelId), lock.kind);
  }
  get queues(): string {
    return this.#at('queues');
  }
  queue(lock: LockName): string {
    return this.#at('queues', lock.kind === 'global' ? 'global' : `${checked(lock.modelId)}.${lock.kind}`);
  }
  get stagings(): string {
    return this.#at('staging');
  }
  staging(holder: string): string {
    return this.#at('staging', holder);
  }
  get data(): string {
    return this.#at('data');
  }
  /** All artifacts of a model. */
  model(modelId: string): string {
    return this.#at('data', checked(modelId));
  }
  artifact(modelId: string, name: string): string {
    return this.#at('data', checked(modelId), segmentFor(name));
  }
  version(modelId: string, name: string, version: number): string {
    return join(this.artifact(modelId, name), String(version));
  }
  get tombstoneRoot(): string {
    return this.#at('tombstones');
  }
  tombstones(modelId: string): string {
    return this.#at('tombstones', checked(modelId));
  }
  tombstone(modelId: string, name: string): string {
    return this.#at('tombstones', checked(modelId), `${segmentFor(name)}.json`);
  }
  get deleted(): string {
    return this.#at('deleted');
  }
  deletedModel(modelId: string): string {
    return this.#at('deleted', `${checked(modelId)}.json`);
  }
  /** Written by the shell that ran the delete method of a deleted model, when that has ended. */
  teardownExit(modelId: string): string {
    return this.#at('deleted', `${checked(modelId)}.exit`);
  }
  get kept(): string {
    return this.#at('kept');
  }
  modelKept(modelId: string): string {
    return this.#at('kept', checked(modelId));
  }
  get uploads(): string {
    return this.#at('uploads');
  }
  modelUploads(modelId: string): string {
    return this.#at('uploads', checked(modelId));
  }
  /** `entry`: an upload's id, or, while it is being completed, `<id>.<holder>`. */
  upload(modelId: string, entry: string): string {
    return this.#at('uploads', checked(modelId), entry);
  }
  keptOutputs(modelId: string, epoch: number, nonce: string): string {
    return this.#at('kept', checked(modelId), `${epoch}-${nonce}`);
  }
  /** The change logs; there are none where nothing was ever watched. */
  get changes(): string {
    return this.#at('changes');
  }
  get everyModelWatched(): string {
    return this.#at('changes', 'all');
  }
  changeLog(modelId: string): string {
    return this.#at('changes', checked(modelId));
  }
  /** The record of a commit: the `index`-th under this epoch. A thousand epochs share a directory, so that what is new is found by a short listing. */
  change(modelId: string, epoch: number, index: number): string {
    return join(this.changeLog(modelId), String(Math.floor(epoch / CHANGES_TOGETHER)), `${epoch}-${index}.json`);
  }
  get pins(): string {
    return this.#at('pins');
  }
  pin(holder: string): string {
    return this.#at('pins', holder);
  }
  get trashes(): string {
    return this.#at('trash');
  }
  trash(owner: string, epoch: number, nonce: string): string {
    return this.#at('trash', `${owner}-${epoch}-${nonce}`);
  }
  /** What the name of a directory in `trashes` says; undefined for another name. */
  trashOf(name: string): { readonly owner: string; readonly epoch: number } | undefined {
    const [, owner, epoch] = /^(.+)-([0-9]+)-[0-9a-f]+$/.exec(name) ?? [];
    return owner === undefined ? undefined : { owner, epoch: Number(epoch) };
  }
  /** Space that only removals may spend (`src/fs/reserve.ts`). */
  get reserve(): string {
    return this.#at('reserve');
  }
  /** Names the repository that a datastore outside it belongs to. */
  get repository(): string {
    return this.#at('repository.json');
  }
  /** A published restore: the next command finishes it. */
  get restoring(): string {
    return this.#at('restoring');
  }
  /** In the place of a restore: the datastore is elsewhere. */
  get moved(): string {
    return this.#at('restoring', MOVED);
  }
  /** A move that is not finished: from here, or to here. */
  get moving(): string {
    return this.#at('moving.json');
  }
  /** What is copied to this place, until it is whole. */
  incoming(): Layout {
    return new Layout(this.base, join(this.base, 'incoming'));
  }
  get quarantines(): string {
    return this.#at('quarantine');
  }

  /** What one repair sets aside; below it is the path from `root`. */
  quarantine(at: Date, nonce: string): string {
    return this.#at('quarantine', `${at.toISOString().replace(/[-:]|\.[0-9]+/g, '')}-${nonce}`);
  }

  /** What an earlier repair set aside, laid out as it was; `name`: of one directory in `quarantines`. */
  quarantined(name: string): Layout {
    return new Layout(this.base, join(this.quarantines, name));
  }

  /** Derived indexes for queries: one, for the most part. */
  get catalogs(): string {
    return this.#at('catalog');
  }
  /** `owner`: the session that works with it, or `free-<nonce>`. */
  catalog(owner: string): string {
    return this.#at('catalog', owner);
  }
}

function checked(modelId: string): string {
  if (!isModelId(modelId)) throw new TypeError(`not a model id: ${JSON.stringify(modelId)}`);
  return modelId;
}
