/**
 * `data prune`: removes what is left of models whose definition is gone, each by the commit of a deleted model, so that its id is gone for
 * good. What may still have a definition is reported, and kept.
 */
import { join } from 'node:path';
import { SwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import { exists, modifiedAt, treeBytes } from '../fs/tree.js';
import { FAMILIES } from '../layout/families.js';
import { METADATA } from '../layout/layout.js';
import { readFence } from '../locks/fence.js';
import { isProvablyDead } from '../locks/holder.js';
import type { Lease } from '../locks/lease.js';
import { definedInGit } from '../models/branches.js';
import { type Orphan, stateOfDefinitions, surveyOrphans } from '../models/orphans.js';
import { restructure } from '../protocol/restructure.js';
import { clearEntry } from '../recovery/finish.js';
import { displayPath, type Repo } from '../repo.js';
import { quietEntry } from '../store/ahead.js';
import { commitDeletion, leftBehind, listDeleted, moveModelAside, readDeleted, withoutDefinition } from '../store/deletion.js';
import { readVersionMetadata } from '../store/metadata.js';
import { artifactNames, findArtifact, isDamage } from '../store/read.js';
import { operation } from './operation.js';

export interface DataPruneInput {
  readonly dryRun?: boolean;
}

/** A model without a definition. */
export interface OrphanedModel {
  /** As far as its data say it. */
  readonly type: 'store' | 'command/shell';
  readonly modelId: string;
  /** As its data name it; absent where they do not. */
  readonly modelName?: string;
  readonly dataNames: readonly string[];
  readonly versionCount: number;
  readonly bytesReclaimed: number;
}

/** A model whose data are kept although it has no definition that can be read here. */
export interface KeptModel {
  readonly modelId: string;
  /** Of what is kept. */
  readonly path: string;
  readonly reason: 'deleted' | 'unreadable' | 'in_git' | 'damaged' | 'in_use';
  /** Continues the sentence that the path begins, and says what comes next. */
  readonly message: string;
}

export interface DataPruneResult {
  readonly modelsReclaimed: number;
  readonly dataEntriesReclaimed: number;
  readonly versionsDeleted: number;
  readonly bytesReclaimed: number;
  readonly reclaimedModels: readonly OrphanedModel[];
  readonly keptModels: readonly KeptModel[];
  readonly dryRun: boolean;
  readonly cancelled?: true;
}

export interface DataPruneOptions {
  readonly signal: AbortSignal;
  /** Asks the person; called once, before any lock is taken, when there is something to prune. */
  readonly confirm?: (plan: Pick<DataPruneResult, 'reclaimedModels' | 'keptModels'>) => Promise<boolean>;
}

/** Throws `lock_timeout`, `io`; what was pruned before stays so. */
export const dataPrune = operation({ verb: 'data prune', access: 'writes' }, prune);

async function prune(repo: Repo, { dryRun = false }: DataPruneInput, { signal, confirm }: DataPruneOptions): Promise<DataPruneResult> {
  const definitions = stateOfDefinitions(repo);
  const { works, kept } = await plan(repo, { dryRun, signal });
  const planned = works.map(({ shown }) => shown);
  if (dryRun) return resultOf(planned, kept, { dryRun });
  if (works.length > 0 && confirm !== undefined && !(await confirm({ reclaimedModels: planned, keptModels: kept })))
    return resultOf([], kept, { dryRun, cancelled: true });
  const pruned: OrphanedModel[] = [];
  for (const work of works) {
    signal.throwIfAborted();
    if (await pruneModel(repo, work, definitions, signal)) pruned.push(work.shown);
    else kept.push(keptAs(repo, work.orphan, 'in_use', 'was used, or definitions changed, since it was looked at; run the command again'));
  }
  return resultOf(pruned, kept, { dryRun });
}

/** One model to prune. */
interface Work {
  readonly orphan: Orphan;
  readonly shown: OrphanedModel;
  /** The epoch of its data fence when it was looked at; undefined where it has none. */
  readonly epoch: number | undefined;
}

interface Look {
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

async function plan(repo: Repo, look: Look): Promise<{ readonly works: readonly Work[]; readonly kept: KeptModel[] }> {
  const { orphans, doubtful } = await surveyOrphans(repo);
  const inGit = await definedInGit(
    repo,
    orphans.map(({ modelId }) => modelId),
    look.signal,
  );
  const kept: KeptModel[] = [
    ...listDeleted(repo).records.flatMap((record) =>
      leftBehind(repo, record).map((path) =>
        keptAs(repo, { modelId: record.id, path }, 'deleted', `belongs to the model "${record.name}", which was deleted; "swamp datastore sweep" removes it`),
      ),
    ),
    ...doubtful.map(({ file, ...orphan }) => keptAs(repo, orphan, 'unreadable', `may belong to ${file}, which cannot be read; mend or remove that file`)),
  ];
  const works: Work[] = [];
  for (const orphan of orphans) {
    const place = typeof inGit === 'string' ? `may have a definition in git, which could not be asked (${inGit})` : inGit.get(orphan.modelId);
    if (place !== undefined) {
      const what = typeof inGit === 'string' ? place : `has a definition that ${place}`;
      const next = typeof inGit === 'string' ? 'make "git status" work here' : 'check it out, or commit its removal there';
      kept.push(keptAs(repo, orphan, 'in_git', `${what}; ${next}`));
      continue;
    }
    const work = await lookAt(repo, orphan, look);
    if ('reason' in work) kept.push(work);
    else works.push(work);
  }
  return { works, kept };
}

/** False where the lock is free, or its holder has ended. */
function isHeld(fence: string): boolean {
  const entry = readFence(fence);
  if (entry?.state !== 'held') return false;
  return entry.holder === undefined || !isProvablyDead(entry.holder, () => modifiedAt(join(fence, entry.name)));
}

/** Where a datastore lies outside its repository, another checkout may have definitions that this one does not have; what that uses within so long is kept. */
const SHARED_MS = 7 * 24 * 3600 * 1000;

function isShared({ root, datastore }: Repo): boolean {
  return datastore !== join(root, '.swamp');
}

function keptAs(repo: Repo, { modelId, path }: Orphan, reason: KeptModel['reason'], message: string): KeptModel {
  return { modelId, path: displayPath(repo, path), reason, message };
}

async function lookAt(repo: Repo, orphan: Orphan, { dryRun, signal }: Look): Promise<Work | KeptModel> {
  const { modelId } = orphan;
  const fence = repo.layout.fence({ kind: 'data', modelId });
  // A process that holds the lock knows the model.
  if (isHeld(fence)) return keptAs(repo, orphan, 'in_use', 'is used by a process; run the command again when it has ended');
  // What a dead holder left is finished first: by the way into its lock.
  if (!dryRun && exists(fence) && quietEntry(repo, modelId) === undefined) await clearEntry(repo, { kind: 'data', modelId }, { signal });
  const entry = quietEntry(repo, modelId);
  if (isShared(repo) && Date.now() - (modifiedAt(fence) ?? 0) < SHARED_MS)
    return keptAs(
      repo,
      orphan,
      'in_use',
      'was used within a week, maybe by another checkout that shares this datastore; it can be pruned a week after its last use',
    );
  try {
    const shown = await describe(repo, modelId, signal);
    return { orphan, shown, epoch: entry?.epoch };
  } catch (error) {
    if (!isDamage(error)) throw error;
    const why = error instanceof SwampError ? error.message : 'cannot be read';
    return keptAs(repo, orphan, 'damaged', `cannot be read: ${why} "swamp datastore check" says more`);
  }
}

async function describe(repo: Repo, modelId: string, signal: AbortSignal): Promise<OrphanedModel> {
  const pass = yielding(signal);
  const names = artifactNames(repo, modelId);
  let versionCount = 0;
  let type: OrphanedModel['type'] = 'store';
  let modelName: string | undefined;
  for (const name of names) {
    await pass();
    const artifact = findArtifact(repo, modelId, name);
    const latest = artifact?.versions.at(-1);
    versionCount += artifact?.versions.length ?? 0;
    if (artifact === undefined || latest === undefined) continue;
    const metadata = readVersionMetadata(join(artifact.dir, String(latest), METADATA));
    if (metadata?.ownerDefinition.ownerType !== 'model-method') continue;
    type = 'command/shell';
    modelName ??= metadata.tags['modelName'];
  }
  let bytes = 0;
  for (const family of FAMILIES) bytes += await treeBytes(family.directory(repo.layout, modelId), signal);
  return { type, modelId, ...(modelName === undefined ? {} : { modelName }), dataNames: names, versionCount, bytesReclaimed: bytes };
}

/** False: its definition may have come back, or another process uses it. */
function pruneModel(repo: Repo, work: Work, definitions: string, signal: AbortSignal): Promise<boolean> {
  const { modelId, modelName, type, versionCount } = work.shown;
  const commit = async (writer: Lease): Promise<boolean> => {
    const before = readDeleted(repo, modelId);
    if (before !== undefined) {
      await moveModelAside(writer, before);
      return before.commit === writer.session.nonce;
    }
    if (writer.epoch !== (work.epoch ?? 0) + 1 || stateOfDefinitions(repo) !== definitions) return false;
    const { session, epoch } = writer;
    const named = modelName === undefined ? {} : { name: modelName };
    const record = withoutDefinition({ id: modelId, ...named, type, commit: session.nonce, epoch, versionsDeleted: versionCount });
    await commitDeletion(writer, record);
    await moveModelAside(writer, record);
    return true;
  };
  return restructure(repo, { models: [modelId], runs: false }, (hands) => hands.withModel(modelId, commit), { signal, removes: true });
}

function resultOf(
  reclaimedModels: readonly OrphanedModel[],
  keptModels: readonly KeptModel[],
  flags: Pick<DataPruneResult, 'dryRun' | 'cancelled'>,
): DataPruneResult {
  const sum = (of: (model: OrphanedModel) => number): number => reclaimedModels.reduce((total, model) => total + of(model), 0);
  return {
    modelsReclaimed: reclaimedModels.length,
    dataEntriesReclaimed: sum(({ dataNames }) => dataNames.length),
    versionsDeleted: sum(({ versionCount }) => versionCount),
    bytesReclaimed: sum(({ bytesReclaimed }) => bytesReclaimed),
    reclaimedModels,
    keptModels,
    ...flags,
  };
}
