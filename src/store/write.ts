/** Commits staged versions through the held fence: one version directly, several through an intent (all or nothing). */
import { dirname, join } from 'node:path';
import { isErrno, SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { makeDir, makeDirs, removeEmptyDir, removeFile, rename, syncDir, writeFileDurable, writeNewFile } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { syncTogether } from '../fs/sync.js';
import { exists, readDir } from '../fs/tree.js';
import { ARTIFACT_RECORD, METADATA, PARTS } from '../layout/layout.js';
import { FenceLost } from '../locks/fence.js';
import type { Lease } from '../locks/lease.js';
import type { Repo } from '../repo.js';
import { type Change, isLogged, logged } from './changes.js';
import { itemName, moveThrough, step, syncCommit } from './commit.js';
import type { Step } from './intent.js';
import { type ArtifactRecord, readVersionMetadata, serialise, type VersionMetadata } from './metadata.js';
import { type Artifact, artifactRecord, findArtifact, findHead, MAX_VERSION, tombstoneOf, versionNumbers } from './read.js';
import { eraseIntent, publishIntent, writeFiles, writeIntent } from './roll-forward.js';
import type { StagedVersion, Syncs } from './stage.js';

/** A version that was committed. */
export interface Committed {
  readonly version: number;
  readonly generation: number;
}

/** Where the next version of a name goes, as decided under the data fence. */
interface Place extends Committed {
  /** The artifact's directory. */
  readonly dir: string;
  /** Undefined when the artifact is there already; else the record it is born with. */
  readonly birth: ArtifactRecord | undefined;
}

/** The latest version number of a name under the held fence; 0 when there is no such artifact now. */
export function latestVersion(fence: Lease, name: string): number {
  return findHead(fence.repo, fence.modelId, name)?.latest ?? 0;
}

/** The metadata of the latest version under the held fence. */
export function latestMetadata(fence: Lease, name: string): (Committed & { readonly metadata: VersionMetadata }) | undefined {
  const head = findHead(fence.repo, fence.modelId, name);
  if (head === undefined) return undefined;
  const { dir, record, latest } = head;
  const metadata = readVersionMetadata(join(dir, String(latest), METADATA));
  return metadata === undefined ? undefined : { version: latest, generation: record.generation, metadata };
}

/**
 * Under a fence taken again: this very commit, if it had happened before the fence was lost. Everything that was expected
 * of the artifact's state was then true when it was made, and is not to be asked again.
 */
export async function committedBefore(fence: Lease, name: string, staged: StagedVersion): Promise<Committed | undefined> {
  const before = fence.retaken ? findCommitted(fence.repo, fence.modelId, name, staged.metadata.commit) : undefined;
  if (before === undefined) return undefined;
  await syncCommit(fence, [fence.repo.layout.artifact(fence.modelId, name), fence.repo.layout.model(fence.modelId)]);
  return before;
}

/** Commits one staged version as the next of `name`. Throws FenceLost (nothing was written), `lock_lost` when what was staged is gone. */
export async function commitVersion(fence: Lease, name: string, staged: StagedVersion): Promise<Committed> {
  if (await isLogged(fence)) return commitLogged(fence, { name, staged });
  if (fence.retaken) await regain(fence, [{ name, staged }]);
  const place = placeNext(fence, name);
  const slot = await dress(fence, staged.slot, place);
  await failpoint('put.before-commit');
  await moveThrough(fence, slot, destination(place));
  await syncCommit(fence, [place.birth === undefined ? place.dir : fence.repo.layout.model(fence.modelId)]);
  return { version: place.version, generation: place.generation };
}

/** Together with its record in the change log. Taken again, the fence shows whether that was carried out (`committedBefore`). */
async function commitLogged(fence: Lease, output: Output): Promise<Committed> {
  const { bundle, steps, planned } = await bundled(fence, [output]);
  await writeIntent(bundle, { kind: 'steps', steps });
  await failpoint('put.before-commit');
  await publishIntent(fence, bundle, {});
  const [committed] = planned;
  if (committed === undefined) throw new TypeError('one output has one place');
  return committed;
}

/** A staged version, and the name under which it becomes visible. */
export interface Output {
  readonly name: string;
  readonly staged: StagedVersion;
}

/** What is being committed is finished, whatever signal fires. */
const NEVER = new AbortController().signal;

/** What became of one of several commits. */
export type Tried = { readonly committed: Committed } | { readonly failed: unknown };

/**
 * Commits staged versions of different names, each for itself, in their order. They share their syncs: those of the first versions'
 * directories come before any version is visible, and those of the directories that they appear in after all of them. No version relies on
 * another one of them, so a power cut in between leaves each whole, or not there. Throws FenceLost, and what keeps the last syncs from being made.
 */
export async function commitVersions(fence: Lease, outputs: readonly Output[]): Promise<readonly Tried[]> {
  if (await isLogged(fence)) return (await inOrder(fence, outputs, (output) => commitLogged(fence, output))).map(triedOf);
  const { staging } = fence.session;
  const ready = await inOrder(fence, outputs, async ({ name, staged }) => {
    if (fence.retaken) await regain(fence, [{ name, staged }]);
    const place = placeNext(fence, name);
    return { place, slot: await dress(fence, staged.slot, place, 'later') };
  });
  const births = ready.flatMap((one) => ('value' in one && one.value.place.birth !== undefined ? join(staging, one.value.slot) : []));
  await syncTogether([births.map((dir) => join(dir, ARTIFACT_RECORD)), births], NEVER);
  const changed = new Set<string>();
  const tried = await inOrder(fence, ready, async (one) => {
    if ('failed' in one) throw one.failed;
    const { place, slot } = one.value;
    await failpoint('put.before-commit');
    await moveThrough(fence, slot, destination(place));
    changed.add(place.birth === undefined ? place.dir : fence.repo.layout.model(fence.modelId));
    return { version: place.version, generation: place.generation };
  });
  if (changed.size > 0) await syncCommit(fence, [...changed]);
  return tried.map(triedOf);
}

function triedOf(did: Did<Committed>): Tried {
  return 'value' in did ? { committed: did.value } : did;
}

type Did<T> = { readonly value: T } | { readonly failed: unknown };

/** What `act` made of each, or its error. Throws when the fence is lost: then an error says nothing. */
async function inOrder<T, R>(fence: Lease, items: readonly T[], act: (item: T) => Promise<R>): Promise<Did<R>[]> {
  const done: Did<R>[] = [];
  for (const item of items) {
    try {
      done.push({ value: await act(item) });
    } catch (error) {
      if (!exists(fence.path)) throw new FenceLost(fence.path);
      done.push({ failed: error });
    }
  }
  return done;
}

/**
 * Commits several outputs, all or nothing: an intent goes through the run fence at `runPath` into the data fence, and
 * from then on this holder or the next finishes it. Throws FenceLost for either fence; when the run fence is lost,
 * nothing was published (P9).
 */
export async function commitOutputs(fence: Lease, outputs: readonly Output[], runPath: string): Promise<readonly Committed[]> {
  if (!exists(runPath)) throw new FenceLost(runPath);
  const inRun = join(runPath, itemName(fence.session, BUNDLE));
  // An attempt that lost the data fence alone left them in the run fence's entry, where no other process touches them.
  if (exists(inRun)) await step({ path: runPath, session: fence.session }, inRun, join(fence.session.staging, BUNDLE));
  const { bundle, steps, planned } = await bundled(fence, outputs);
  await writeIntent(bundle, { kind: 'steps', steps });
  // P6 for the epoch of the run fence; before the publication, since an attempt that finds it done comes here no more.
  await syncCommit({ dir: dirname(runPath) }, []);
  await failpoint('outputs.before-run-fence');
  await step({ path: runPath, session: fence.session }, bundle, inRun);
  await failpoint('outputs.before-intent');
  try {
    await publishIntent(fence, inRun, { outcome: planned });
  } catch (error) {
    // Broken between the two renames, the run fence took the bundle along.
    if (isErrno(error, 'ENOENT') && !exists(runPath)) throw new FenceLost(runPath);
    throw error;
  }
  return planned;
}

interface Bundled {
  readonly bundle: string;
  readonly steps: readonly Step[];
  readonly planned: readonly Committed[];
}

/**
 * Staged versions as one bundle, which wants its intent: the steps that make them visible, and their records in the change log. The directories
 * of first versions are synced together.
 */
async function bundled(fence: Lease, outputs: readonly Output[]): Promise<Bundled> {
  const bundle = await openBundle(fence, outputs);
  const steps: Step[] = [];
  const planned: Committed[] = [];
  const births: string[] = [];
  const pass = yielding();
  for (const { name, staged } of outputs) {
    await pass();
    const place = placeNext(fence, name);
    const dressed = await dress(fence, staged.slot, place, 'later');
    await rename(join(fence.session.staging, dressed), join(bundle, dressed));
    if (place.birth !== undefined) births.push(join(bundle, dressed));
    steps.push(goingOut(dressed, name, place));
    planned.push({ version: place.version, generation: place.generation });
  }
  await syncTogether([births.map((dir) => join(dir, ARTIFACT_RECORD)), births], NEVER);
  return { bundle, steps: [...steps, ...(await logPuts(fence, bundle, outputs, planned))], planned };
}

/** The steps that log what the intent in `bundle` writes; none where the model is not watched. */
async function logPuts(fence: Lease, bundle: string, outputs: readonly Output[], planned: readonly Committed[]): Promise<readonly Step[]> {
  if (!(await isLogged(fence))) return [];
  const changes = outputs.flatMap(({ name, staged: { metadata } }, i): Change[] => {
    const to = planned[i];
    return to === undefined ? [] : [{ type: 'put', name, ...to, size: metadata.size, checksum: metadata.checksum, at: metadata.createdAt }];
  });
  const { files, steps } = await logged(fence, changes);
  await writeFiles(bundle, files);
  return steps;
}

/**
 * Commits staged versions of different names, all or nothing: one intent, which this holder of the fence or the next carries out. `outcomeOf`:
 * what the session answers when it was published before the fence was lost. Throws FenceLost, `lock_lost` when what was staged is gone.
 */
export async function commitTogether<T extends object>(fence: Lease, outputs: readonly Output[], outcomeOf: (planned: readonly Committed[]) => T): Promise<T> {
  const { bundle, steps, planned } = await bundled(fence, outputs);
  const outcome = outcomeOf(planned);
  if (steps.length === 0) return outcome;
  await writeIntent(bundle, { kind: 'steps', steps });
  await failpoint('batch.before-intent');
  await publishIntent(fence, bundle, { outcome });
  return outcome;
}

/**
 * Commits the upload that was moved aside as `upload` as the next version of `name`; `staged` is that version without its
 * parts. One intent moves parts, version and what is left: from its rename on the outcome is success, by this holder or the
 * next. Throws FenceLost, `lock_lost` when what was staged is gone.
 */
export async function commitUpload(fence: Lease, name: string, staged: StagedVersion, upload: string): Promise<Committed> {
  const bundle = await openBundle(fence, [{ name, staged }]);
  const place = placeNext(fence, name);
  const dressed = await dress(fence, staged.slot, place);
  await rename(join(fence.session.staging, dressed), join(bundle, dressed));
  // The bytes are moved, not copied: the directory of the parts becomes that of the version.
  const parts = place.birth === undefined ? `${dressed}/${PARTS}` : `${dressed}/${place.version}/${PARTS}`;
  const planned = { version: place.version, generation: place.generation };
  const log = await logPuts(fence, bundle, [{ name, staged }], [planned]);
  const steps: Step[] = [{ take: { upload, parts: true }, as: parts }, goingOut(dressed, name, place), ...log, { trash: { upload } }];
  await writeIntent(bundle, { kind: 'steps', steps });
  await failpoint('upload.before-intent');
  await publishIntent(fence, bundle, { outcome: planned });
  return planned;
}

export const BUNDLE = 'outputs';

/** The step that makes a staged version, or a first one in its artifact, visible. */
function goingOut(dressed: string, artifact: string, { birth, version }: Place): Step {
  return { out: dressed, to: { artifact, ...(birth === undefined ? { version } : {}) } };
}

function destination(place: Place): string {
  return place.birth === undefined ? join(place.dir, String(place.version)) : place.dir;
}

/** P4: counts on from the floor, from what is there, and from the tombstone. */
function placeNext(fence: Lease, name: string): Place {
  const { repo, modelId, epoch } = fence;
  const dir = repo.layout.artifact(modelId, name);
  const head = findHead(repo, modelId, name);
  if (head === undefined) {
    const floor = tombstoneOf(repo, modelId, name)?.floor ?? 0;
    return { dir, version: floor + 1, generation: epoch, birth: { name, generation: epoch, floor } };
  }
  const { record, latest } = head;
  const version = Math.max(record.floor, latest) + 1;
  if (version > MAX_VERSION)
    throw new SwampError('corrupt', `${dir} has a version that nothing counts up to.`, { hint: 'Run "swamp datastore check".', data: { path: dir } });
  return { dir, version, generation: record.generation, birth: undefined };
}

/** Where a first version is in its artifact. */
export function dressedSlot(slot: string): string {
  return `${slot}-first`;
}

/** The slot to move: the version itself, or, for a first version, an artifact directory around it (no empty artifact is ever visible). */
async function dress(fence: Lease, slot: string, place: Place, syncs: Syncs = 'now'): Promise<string> {
  if (place.birth === undefined) return slot;
  await makeDirs(fence.repo.layout.model(fence.modelId));
  const { staging } = fence.session;
  const outer = dressedSlot(slot);
  await makeDir(join(staging, outer));
  const record = join(staging, outer, ARTIFACT_RECORD);
  await (syncs === 'now' ? writeFileDurable : writeNewFile)(record, serialise(place.birth));
  await rename(join(staging, slot), join(staging, outer, String(place.version)));
  if (syncs === 'now') await syncDir(join(staging, outer));
  return outer;
}

/** Undoes `dress` for an attempt that was fenced off and given back. Throws `lock_lost` when the version is gone. */
async function regainStaged(fence: Lease, slot: string, name: string, from: string = fence.session.staging): Promise<void> {
  const { staging } = fence.session;
  const outer = join(from, dressedSlot(slot));
  const [version] = versionNumbers(readDir(outer) ?? []);
  if (version !== undefined) await rename(join(outer, String(version)), join(staging, slot));
  else if (from !== staging && exists(join(from, slot))) await rename(join(from, slot), join(staging, slot));
  await removeFile(join(outer, ARTIFACT_RECORD));
  await removeEmptyDir(outer);
  if (exists(join(staging, slot))) return;
  throw new SwampError('lock_lost', `The lock was lost while ${JSON.stringify(name)} was written, and what was staged for it is gone.`, {
    hint: 'Nothing was written; run the command again.',
    data: { name },
  });
}

/** staging/<me>/outputs: outputs that were bundled before and given back are unpacked first. */
async function openBundle(fence: Lease, outputs: readonly Output[]): Promise<string> {
  await regain(fence, outputs);
  const bundle = join(fence.session.staging, BUNDLE);
  await makeDir(bundle);
  return bundle;
}

async function regain(fence: Lease, outputs: readonly Output[]): Promise<void> {
  const bundle = join(fence.session.staging, BUNDLE);
  await eraseIntent(bundle);
  for (const { name, staged } of outputs) await regainStaged(fence, staged.slot, name, exists(bundle) ? bundle : undefined);
}

/** The version that carries this commit, if any. */
export function findCommitted(repo: Repo, modelId: string, name: string, commit: string): (Committed & { readonly metadata: VersionMetadata }) | undefined {
  const artifact: Artifact | undefined = findArtifact(repo, modelId, name);
  if (artifact === undefined) return undefined;
  for (const version of artifact.versions.toReversed()) {
    const metadata = readVersionMetadata(join(artifact.dir, String(version), METADATA));
    const record = metadata?.commit === commit ? artifactRecord(artifact, name) : undefined;
    if (metadata !== undefined && record !== undefined) return { version, generation: record.generation, metadata };
  }
  return undefined;
}
