/**
 * `data gc`: finds without a lock what the rules do not keep, asks, then removes exactly that in slices under the closed global fence,
 * each looked at again there; and gives up old uploads.
 */
import { join } from 'node:path';
import { asSwampError, type ErrorCode, SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { stateOf } from '../fs/identity.js';
import { modifiedAt, treeBytes } from '../fs/tree.js';
import { METADATA, PARTS } from '../layout/layout.js';
import type { Lease } from '../locks/lease.js';
import { discard } from '../locks/session.js';
import { findModel, type Model, modelsOrWarn } from '../models/files.js';
import { restructure } from '../protocol/restructure.js';
import { withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import { reclaimUploads } from '../recovery/uploads.js';
import { displayPath, type Repo } from '../repo.js';
import { hasEnded } from '../store/abandoned.js';
import { quietEntry } from '../store/ahead.js';
import { endEveryLog, isTrimmable, loggedModels, trimLog } from '../store/changes.js';
import { syncDirs } from '../store/commit.js';
import { parseAge } from '../store/lifetimes.js';
import { readVersionMetadata, type VersionMetadata } from '../store/metadata.js';
import { standingPins } from '../store/pins.js';
import { artifactRecord, findArtifact, findHead, isDamage, listArtifacts } from '../store/read.js';
import { removeArtifact, removeLowest } from '../store/remove.js';
import { type Expiry, expiryOf, type Rule, ruleOf, superseded } from '../store/retention.js';
import { SUMS, uploadsOf } from '../store/uploads/place.js';
import { readUploadRecord } from '../store/uploads/record.js';
import { isThere } from './data-put.js';
import { operation } from './operation.js';

export interface DataGcInput {
  /** Name or id; without it every model that has a definition. */
  readonly model?: string;
  readonly dryRun?: boolean;
  /** An age, or `never`. Default: 7d. */
  readonly uploadsOlderThan?: string;
}

/** An artifact whose latest version has outlived its lifetime. */
export interface ExpiredEntry {
  /** Of the model. */
  readonly type: string;
  readonly modelId: string;
  readonly modelName: string;
  readonly dataName: string;
  readonly reason: Expiry;
  readonly versionCount: number;
}

/** An artifact that keeps its newest versions. */
export interface PrunedEntry extends Omit<ExpiredEntry, 'reason'> {
  /** What its rule keeps: a number of versions, or an age; `all` where versions have outlived lifetimes of their own. */
  readonly keeps: string;
}

export interface AbortedUpload {
  readonly uploadId: string;
  readonly modelName: string;
  readonly name: string;
  readonly bytes: number;
  /** RFC 3339, UTC: when it was begun, or its last part was sent. */
  readonly lastUsedAt: string;
}

/** What is collected, or would be. */
export interface GcPlan {
  readonly expiredEntries: readonly ExpiredEntry[];
  readonly prunedEntries: readonly PrunedEntry[];
  readonly abortedUploads: readonly AbortedUpload[];
  /** Of both kinds of entries. */
  readonly versions: number;
  readonly bytes: number;
}

export interface DataGcResult extends Omit<GcPlan, 'versions' | 'bytes'> {
  readonly dataEntriesExpired: number;
  /** With those of expired artifacts. */
  readonly versionsDeleted: number;
  readonly uploadsAborted: number;
  readonly bytesReclaimed: number;
  /** What cannot be read, and is left as it is. */
  readonly failed: readonly {
    readonly modelName: string /** Its path, where it has no name that can be read. */;
    readonly dataName: string;
    readonly error: string;
    readonly code: ErrorCode;
  }[];
  readonly dryRun: boolean;
  readonly cancelled?: true;
}

export interface DataGcOptions {
  readonly signal: AbortSignal;
  /** Asks the person; called once, before any lock is taken, when there is something to collect. */
  readonly confirm?: (plan: GcPlan) => Promise<boolean>;
  /** Called as versions go: how many so far, and of how many. */
  readonly onProgress?: (versions: number, total: number) => void;
}

/** A slice takes no new version after this; with taking and giving back the locks it stays under 100 ms. Milliseconds. */
const SLICE_MS = 25;
const UPLOADS_AGE = '7d';

/** Throws `usage`, `model_not_found`, `lock_timeout`, `io`; what was collected before stays so. */
export const dataGc = operation({ verb: 'data gc', access: 'writes', about: ({ model = 'of all models' }) => model }, collect);

async function collect(repo: Repo, input: DataGcInput, options: DataGcOptions): Promise<DataGcResult> {
  const { signal, confirm } = options;
  const uploadsAge = ageOf(input.uploadsOlderThan ?? UPLOADS_AGE);
  const models = input.model === undefined ? await modelsOrWarn(repo) : [await findModel(repo, input.model)];
  const failed: Failed[] = [];
  const looking: Looking = { repo, now: Date.now(), pass: yielding(signal), failed, signal };
  const works: Work[] = [];
  for (const model of models) works.push(await planModel(looking, model));
  const uploads = await abandonedUploads(looking, models, uploadsAge);
  const plan = planOf(works, uploads);
  if (input.dryRun === true) return resultOf(plan, failed, { dryRun: true });
  const isNothing = plan.versions === 0 && uploads.length === 0;
  if (!isNothing && confirm !== undefined && !(await confirm(plan))) return resultOf(planOf([], []), failed, { dryRun: false, cancelled: true });
  const progress = (): void => options.onProgress?.(planOf(works.map(carriedOut), []).versions, plan.versions);
  for (const work of works) await carryOut(repo, work, progress, signal);
  await trimLogs(repo, input.model === undefined ? loggedModels(repo) : models.map(({ id }) => id), signal);
  const aborted = await abortUploads(repo, uploads, uploadsAge, signal);
  if (!isNothing && standingPins(repo).length > 0)
    repo.reporter.info('A backup is running: the space is free when it has ended.', { topic: 'sweep', versions: plan.versions });
  return resultOf(planOf(works.map(carriedOut), aborted), failed, { dryRun: false });
}

/** What watchers have not asked for in a long time. No version goes by it. */
async function trimLogs(repo: Repo, modelIds: readonly string[], signal: AbortSignal): Promise<void> {
  const now = Date.now();
  for (const modelId of modelIds.filter((id) => isTrimmable(repo, id, now)))
    await withSession(repo, (session) => write(session.repo, modelId, (fence) => trimLog(fence, now), { session, signal }), { signal, removes: true });
  await endEveryLog(repo, now);
}

type Failed = DataGcResult['failed'][number];

/** What the look without a lock needs. */
interface Looking {
  readonly repo: Repo;
  readonly now: number;
  readonly pass: () => Promise<void> | undefined;
  readonly failed: Failed[];
  readonly signal: AbortSignal;
}

/** One artifact to collect from. */
interface Item {
  readonly name: string;
  /** Undefined: only the lowest versions go. */
  readonly expired: Expiry | undefined;
  readonly rule: Rule;
  readonly generation: number;
  readonly latest: number;
  /** What goes, ascending, and how large each is. */
  readonly versions: readonly number[];
  readonly bytes: ReadonlyMap<number, number>;
  /** What has gone. */
  readonly gone: number[];
  /** So many of `versions` were come to. */
  done: number;
}

interface Work {
  readonly model: Model;
  /** The epoch of the data fence, if no process held it while the model was looked at. */
  readonly epoch: number | undefined;
  readonly items: readonly Item[];
}

async function planModel(looking: Looking, model: Model): Promise<Work> {
  const { repo, failed } = looking;
  const before = quietEntry(repo, model.id);
  const items: Item[] = [];
  const fail = (dataName: string, error: unknown): void => {
    if (!isDamage(error)) throw error;
    const { code, message } = asSwampError(error);
    failed.push({ modelName: model.name, dataName, error: message, code });
  };
  // P7: what cannot be read is kept.
  for (const name of namesOf(looking, model, fail)) {
    await looking.pass();
    try {
      items.push(...[(await planArtifact(looking, model, name)) ?? []].flat());
    } catch (error) {
      fail(name, error);
    }
  }
  const isQuiet = before !== undefined && quietEntry(repo, model.id)?.name === before.name;
  return { model, epoch: isQuiet ? before.epoch : undefined, items };
}

function namesOf({ repo }: Looking, { id }: Model, fail: (dataName: string, error: unknown) => void): readonly string[] {
  try {
    const { names, failed } = listArtifacts(repo, id);
    for (const { dir, error } of failed) fail(displayPath(repo, dir), error);
    return names;
  } catch (error) {
    fail(displayPath(repo, repo.layout.model(id)), error);
    return [];
  }
}

/** Undefined when nothing of it goes. */
async function planArtifact({ repo, now, pass, signal }: Looking, model: Model, name: string): Promise<Item | undefined> {
  const defaults = model.retention ?? {};
  const artifact = findArtifact(repo, model.id, name);
  const latest = artifact?.versions.at(-1);
  // Deleted or renamed meanwhile, or on its way.
  if (artifact === undefined || latest === undefined || artifact.moving === true) return undefined;
  const { dir, versions } = artifact;
  const read = (version: number): VersionMetadata | undefined => readVersionMetadata(join(dir, String(version), METADATA));
  const [record, newest] = [artifactRecord(artifact, name), read(latest)];
  if (record === undefined || newest === undefined) return undefined;
  const expired = expiryOf(newest, defaults, now);
  const taken = expired === undefined ? await superseded(versions, newest, read, { defaults, now, pass }) : versions;
  if (taken.length === 0) return undefined;
  const bytes = new Map<number, number>();
  for (const version of taken) bytes.set(version, await treeBytes(join(dir, String(version)), signal));
  return { name, expired, rule: ruleOf(newest, defaults), generation: record.generation, latest, versions: taken, bytes, gone: [], done: 0 };
}

function planOf(works: readonly Work[], abortedUploads: readonly AbortedUpload[]): GcPlan {
  const entries = works.flatMap(({ model, items }) => items.map((item) => ({ item, entry: entryOf(model, item) })));
  const bytes = entries.map(({ item }) => item.versions.reduce((sum, version) => sum + (item.bytes.get(version) ?? 0), 0));
  return {
    expiredEntries: entries.flatMap(({ item: { expired }, entry }) => (expired === undefined ? [] : [{ ...entry, reason: expired }])),
    prunedEntries: entries.flatMap(({ item: { expired, rule }, entry }) => (expired === undefined ? [{ ...entry, keeps: rule.gc }] : [])),
    abortedUploads: abortedUploads.map(({ uploadId, modelName, name, bytes: size, lastUsedAt }) => ({ uploadId, modelName, name, bytes: size, lastUsedAt })),
    versions: entries.reduce((sum, { entry }) => sum + entry.versionCount, 0),
    bytes: [...bytes, ...abortedUploads.map((upload) => upload.bytes)].reduce((sum, size) => sum + size, 0),
  };
}

function entryOf({ id, name, type }: Model, item: Item): Omit<ExpiredEntry, 'reason'> {
  return { type, modelId: id, modelName: name, dataName: item.name, versionCount: item.versions.length };
}

/** The same work with what has gone of it. */
function carriedOut(work: Work): Work {
  return { ...work, items: work.items.flatMap((item) => (item.gone.length === 0 ? [] : [{ ...item, versions: item.gone }])) };
}

function resultOf(plan: GcPlan, failed: readonly Failed[], flags: Pick<DataGcResult, 'dryRun' | 'cancelled'>): DataGcResult {
  const { expiredEntries, prunedEntries, abortedUploads, versions, bytes } = plan;
  const totals = { dataEntriesExpired: expiredEntries.length, versionsDeleted: versions, uploadsAborted: abortedUploads.length, bytesReclaimed: bytes };
  return { ...totals, expiredEntries, prunedEntries, abortedUploads, failed, ...flags };
}

/** A writer waits for one slice at most, and passes before the next one (L6). */
async function carryOut(repo: Repo, work: Work, progress: () => void, signal: AbortSignal): Promise<void> {
  const { id } = work.model;
  const left = [...work.items];
  let epoch = work.epoch;
  while (left.length > 0) {
    signal.throwIfAborted();
    const slice = async (writer: Lease): Promise<void> => {
      // Since the look no other process has held the fence: what was seen is as it was.
      const undisturbed = epoch !== undefined && writer.epoch === epoch + 1;
      await collectSlice(writer, work, left, { undisturbed, signal });
      epoch = undisturbed ? writer.epoch : undefined;
    };
    await restructure(repo, { models: [id], runs: false }, (hands) => hands.withModel(id, slice), { signal, removes: true });
    progress();
  }
}

interface Slice {
  readonly undisturbed: boolean;
  readonly signal: AbortSignal;
}

/** Takes what it is done with out of `left`. Safe to repeat: what has gone is found gone. */
async function collectSlice(writer: Lease, work: Work, left: Item[], slice: Slice): Promise<void> {
  const { repo } = writer;
  const { model } = work;
  if (!isThere(repo, model) || stateOf(model.path) !== model.seen) {
    repo.reporter.info(`The definition of "${model.name}" changed meanwhile: what is left of it is for the next "swamp data gc".`, {
      topic: 'data',
      modelId: model.id,
      modelName: model.name,
    });
    left.length = 0;
    return;
  }
  const began = repo.timing.now();
  const isEnough = (): boolean => slice.signal.aborted || repo.timing.now() - began >= SLICE_MS;
  for (let one = left[0]; one !== undefined; one = left[0]) {
    if (await collectFrom(writer, work, one, { ...slice, isEnough })) left.shift();
    if (isEnough()) return;
  }
}

/** True when nothing is left to do for this artifact. */
async function collectFrom(
  writer: Lease,
  { model }: Work,
  item: Item,
  { undisturbed, isEnough }: Slice & { readonly isEnough: () => boolean },
): Promise<boolean> {
  const { repo } = writer;
  const head = findHead(repo, model.id, item.name);
  // Deleted, renamed, or another artifact of that name.
  if (head === undefined || head.record.generation !== item.generation) return true;
  if (item.expired !== undefined) {
    // A version that was written meanwhile lives, and so does the artifact.
    if (head.latest !== item.latest) return true;
    const artifact = undisturbed ? { dir: head.dir, versions: item.versions, strays: [] } : findArtifact(repo, model.id, item.name);
    const { alreadyDeleted } = await removeArtifact(writer, item.name, artifact);
    if (!alreadyDeleted) item.gone.push(...(artifact?.versions ?? []));
    return true;
  }
  if (head.latest !== item.latest && !hasRule(model, item, readVersionMetadata(join(head.dir, String(head.latest), METADATA)))) return true;
  const versions = item.versions.slice(item.done);
  item.done += await removeLowest(writer, head, { versions, isEnough, onRemoved: (version) => void item.gone.push(version) });
  return item.done >= item.versions.length;
}

/** A newer version with the same rule keeps no version that an older one did not; with another one, what it keeps is for the next collection to find out. */
function hasRule({ retention = {} }: Model, { rule }: Item, latest: VersionMetadata | undefined): boolean {
  const now = latest === undefined ? undefined : ruleOf(latest, retention);
  return now?.lifetime === rule.lifetime && now.gc === rule.gc;
}

/** Milliseconds. Throws `usage`. */
function ageOf(text: string): number {
  const age = text === 'never' ? Number.POSITIVE_INFINITY : parseAge(text);
  if (age === undefined)
    throw new SwampError('usage', `--uploads-older-than must be an age, not "${text}".`, { hint: 'Examples: 12h 7d 1mo, and never for none.' });
  return age;
}

type OldUpload = AbortedUpload & { readonly modelId: string };

/** The oldest first. Not those that a process completes. */
async function abandonedUploads({ repo, now, pass, signal, failed }: Looking, models: readonly Model[], ageMs: number): Promise<OldUpload[]> {
  const found: OldUpload[] = [];
  for (const { id: modelId, name: modelName } of models) {
    for (const { id: uploadId, dir, holder } of uploadsOf(repo, modelId)) {
      await pass();
      if (holder !== undefined && !hasEnded(repo, { path: dir, holder })) continue;
      try {
        const record = readUploadRecord(dir);
        const lastUsed = lastUse(dir, record?.createdAt);
        if (record === undefined || now - lastUsed < ageMs) continue;
        const bytes = await treeBytes(dir, signal);
        found.push({ uploadId, modelName, name: record.name, bytes, lastUsedAt: new Date(lastUsed).toISOString(), modelId });
      } catch (error) {
        if (!isDamage(error)) throw error;
        const { code, message } = asSwampError(error);
        failed.push({ modelName, dataName: uploadId, error: message, code });
      }
    }
  }
  return found.sort((a, b) => Date.parse(a.lastUsedAt) - Date.parse(b.lastUsedAt));
}

/** When it was begun, or a part of it was sent: an upload that still gets parts is not abandoned, however long ago it was begun. */
function lastUse(dir: string, createdAt: string | undefined): number {
  return Math.max(createdAt === undefined ? 0 : Date.parse(createdAt), ...[PARTS, SUMS].map((name) => modifiedAt(join(dir, name)) ?? 0));
}

/** Those that were given up: the others are being completed, have got a part, or are gone. */
async function abortUploads(repo: Repo, uploads: readonly OldUpload[], ageMs: number, signal: AbortSignal): Promise<AbortedUpload[]> {
  if (uploads.length === 0) return [];
  for (const modelId of new Set(uploads.map((upload) => upload.modelId))) await reclaimUploads(repo, modelId, { signal });
  return withSession(
    repo,
    async (session) => {
      const aborted: OldUpload[] = [];
      for (const upload of uploads) {
        if (signal.aborted) break;
        const place = repo.layout.upload(upload.modelId, upload.uploadId);
        if (Date.now() - lastUse(place, upload.lastUsedAt) < ageMs) continue;
        const trashed = await discard(repo, place, upload.modelId);
        session.trashed.push(...trashed);
        if (trashed.length > 0) aborted.push(upload);
      }
      await syncDirs([...new Set(aborted.map(({ modelId }) => repo.layout.modelUploads(modelId)))]);
      signal.throwIfAborted();
      return aborted;
    },
    { signal, removes: true },
  );
}
