/**
 * `datastore check --repair`: structural. Looks, mends the locks, mends each model under its own, sets aside what belongs
 * to no model, and looks again until a look finds nothing that can be mended. Nothing that can be read is removed.
 */
import { join, relative, sep } from 'node:path';
import { asSwampError, SwampError } from '../errors.js';
import { identityOf, statusOf } from '../fs/identity.js';
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import { clearEntries, isBehind, type Mended, mendLocks, raiseFence } from '../protocol/mend.js';
import { type RestructureOptions, restructure, type Structural } from '../protocol/restructure.js';
import { withSession } from '../protocol/session.js';
import { displayPath, type Repo } from '../repo.js';
import { forgetChanges } from '../store/changes.js';
import type { FindingKind, Issue } from '../store/check/kinds.js';
import { syncCommit } from '../store/commit.js';
import { moveToQuarantine, newQuarantine, passQuarantineOn, type Quarantine, setAside } from '../store/quarantine.js';
import { mendDeleted, planDeleted } from '../store/repair/deleted.js';
import { type Act, mendName, planName } from '../store/repair/name.js';
import { isNothing, locksOf, type ModelWork, type Work, workFor } from '../store/repair/plan.js';
import { type DatastoreCheckOptions, type DatastoreCheckResult, type RepairedItem, surveyDatastore, toldOf } from './datastore-check.js';
import { operation } from './operation.js';

export interface DatastoreRepairInput {
  /** Tells what would be done, takes no lock and does nothing. */
  readonly dryRun?: boolean;
}

/** What is about to be done, as a look without a lock shows it. */
export interface RepairPlan {
  readonly items: readonly RepairedItem[];
}

export interface DatastoreRepairOptions extends DatastoreCheckOptions {
  /** Asks the person; called once, before any lock is taken. */
  readonly confirm?: (plan: RepairPlan) => Promise<boolean>;
}

/** `findings`: what is left. */
export interface DatastoreRepairResult extends DatastoreCheckResult {
  readonly dryRun?: boolean;
  readonly cancelled?: boolean;
}

/** A repair uncovers what was behind the damage: behind a link, under a record of another name. */
const ROUNDS = 6;
/** A command over many models holds the global fence for one slice at a time. Milliseconds. */
const SLICE_MS = 50;
/** Names that are mended under one data fence. */
const CHUNK = 16;

/** Throws `read_only`, `lock_timeout` (a damaged lock names a holder that lives, or another command works for too long), `io`. */
export const datastoreRepair = operation({ verb: 'datastore check', access: 'writes', asItIs: true, about: () => '--repair' }, repair);

async function repair(repo: Repo, input: DatastoreRepairInput, options: DatastoreRepairOptions): Promise<DatastoreRepairResult> {
  const dryRun = input.dryRun === true;
  const repaired: RepairedItem[] = [];
  for (let round = 0, going = true; ; round++) {
    const { issues, checked } = await surveyDatastore(repo, options);
    const left = { ...toldOf(repo, issues), checked, repaired };
    const work = workFor(repo.layout, issues);
    if (dryRun) return { ...left, repaired: await planned(repo, work), dryRun };
    if (isNothing(work) || !going || round === ROUNDS) return left;
    if (round === 0 && options.confirm !== undefined && !(await options.confirm({ items: await planned(repo, work) }))) return { ...left, cancelled: true };
    const before = repaired.length;
    await carryOut(repo, work, options, repaired);
    going = repaired.length > before;
  }
}

/** What was done before an error ends it is listed in the error. */
async function carryOut(repo: Repo, work: Work, { signal }: DatastoreRepairOptions, repaired: RepairedItem[]): Promise<void> {
  const quarantine = newQuarantine(repo);
  try {
    const tell = (items: readonly Told[]): void => void repaired.push(...items.map((item) => shown(repo, item)));
    await withSession(repo, async (session) => tell(await mendLocks(repo, { session, quarantine }, { signal })));
    const restore = work.restore.map((issue) => asideUnit(issue, quarantine, tell));
    await restructureInSlices(repo, restore, { signal, leaveRestore: true });
    await restructureInSlices(repo, unitsOf(repo, work, quarantine, tell), { signal });
  } catch (error) {
    if (!(error instanceof SwampError) || repaired.length === 0) throw error;
    const { code, message, hint, data } = error;
    throw new SwampError(code, message, { ...(hint === undefined ? {} : { hint }), data: { ...data, repaired }, cause: error });
  }
}

type Told = Mended | (Omit<RepairedItem, 'to'> & { readonly to?: string });

function shown(repo: Repo, { path, kind, action, to }: Told): RepairedItem {
  return { path: displayPath(repo, path), kind, action, ...(to === undefined ? {} : { to: displayPath(repo, to) }) };
}

/** One step under the closed global fence; may find itself done. */
type Unit = (structural: Structural, session: Session) => Promise<void>;

function unitsOf(repo: Repo, { locks, models, aside }: Work, quarantine: Quarantine, tell: (items: readonly Told[]) => void): Unit[] {
  const perModel = [...models.values()].flatMap((work) => [
    async (_: Structural, session: Session): Promise<void> => {
      const raised = work.raise ? await raiseFence(repo, session, work.modelId) : undefined;
      if (raised !== undefined) tell([raised]);
    },
    ...chunksOf(work).map(
      (part) =>
        (structural: Structural): Promise<void> =>
          mendModel(structural, part, tell),
    ),
  ]);
  const strays = aside.map((issue) => asideUnit(issue, quarantine, tell));
  const entries: Unit = async (_, session) => tell(await clearEntries(repo, { session, quarantine }, locksOf(repo.layout, locks)));
  return [entries, ...perModel, ...strays];
}

/** What belongs to no model is set aside as it is, while it is still what was found. */
function asideUnit({ path, kind, identity }: Issue, quarantine: Quarantine, tell: (items: readonly Told[]) => void): Unit {
  return async (structural) => {
    structural.stillHeld();
    if (identity === undefined || identityOf(path) !== identity) return;
    const to = await setAside(quarantine, path);
    if (to !== undefined) tell([{ path, kind: kind as FindingKind, action: 'quarantined', to }]);
  };
}

/** The same work in parts: so many names that the model's lock is held for a moment only. What is in their way comes with the first. */
function chunksOf(work: ModelWork): ModelWork[] {
  const names = [...work.names];
  const parts = Array.from({ length: Math.max(1, Math.ceil(names.length / CHUNK)) }, (_, i) => ({
    ...work,
    names: new Map(names.slice(i * CHUNK, (i + 1) * CHUNK)),
  }));
  const isEmpty = ({ names: some, aside, left, deleted }: ModelWork): boolean => some.size === 0 && aside.length === 0 && left.length === 0 && !deleted;
  return parts.map((part, i) => (i === 0 ? part : { ...part, aside: [], left: [], deleted: false })).filter((part) => !isEmpty(part));
}

/** Under the model's data fence: what is in the way first, then each name as it is now. */
async function mendModel(structural: Structural, work: ModelWork, tell: (items: readonly Told[]) => void): Promise<void> {
  await structural.withModel(work.modelId, async (fence) => {
    const acts: Act[] = [];
    for (const issue of work.aside) acts.push(...(await asideThrough(fence, issue)));
    if (work.deleted) acts.push(...(await mendDeleted(fence)));
    for (const [segment, issues] of work.names) {
      acts.push(...(await tolerated(fence.repo, async () => mendName(fence, await planName(fence.repo, work.modelId, segment, issues, fence.epoch)))));
    }
    const outside = await passQuarantineOn(fence);
    if (acts.length > 0) await forgetChanges(fence);
    tell(acts.map(({ inside, ...act }) => ({ ...act, ...(inside === undefined || outside === undefined ? {} : { to: join(outside, inside) }) })));
  });
  // The way in has cleared it.
  tell(work.left.filter(({ path }) => statusOf(path) === undefined).map(({ path }) => ({ path, kind: 'leftover', action: 'cleared' })));
}

async function asideThrough(fence: Lease, { path, kind, identity }: Issue): Promise<Act[]> {
  if (identity === undefined || identityOf(path) !== identity) return [];
  const inside = await moveToQuarantine(fence, path);
  await syncCommit(fence, [join(path, '..')]);
  return [{ path, kind: kind as FindingKind, action: 'quarantined', inside }];
}

/** One name that the system does not let us mend does not keep the others. */
async function tolerated(repo: Repo, act: () => Promise<Act[]>): Promise<Act[]> {
  try {
    return await act();
  } catch (error) {
    const { code, message, data } = asSwampError(error);
    if (code !== 'io' && code !== 'corrupt') throw error;
    repo.reporter.warn(`${message} It is left as it is.`, { topic: 'store', ...data });
    return [];
  }
}

async function restructureInSlices(repo: Repo, units: readonly Unit[], options: Pick<RestructureOptions, 'signal' | 'leaveRestore'>): Promise<void> {
  for (let next = 0; next < units.length; ) {
    await withSession(repo, (session) =>
      restructure(
        repo,
        { models: 'all', runs: true },
        async (structural) => {
          const began = repo.timing.now();
          do {
            await units[next]?.(structural, session);
            next++;
          } while (next < units.length && repo.timing.now() - began < SLICE_MS);
        },
        { ...options, session },
      ),
    );
  }
}

/** The same for people, without a lock. */
async function planned(repo: Repo, { restore, locks, models, aside }: Work): Promise<RepairedItem[]> {
  const items: Told[] = locks.map((issue) => lockItem(repo, issue));
  for (const work of models.values()) {
    const fence = repo.layout.fence({ kind: 'data', modelId: work.modelId });
    if (work.raise && isBehind(repo, work.modelId))
      items.push({ path: fence, kind: statusOf(fence) === undefined ? 'fence_missing' : 'generation_ahead', action: 'raised' });
    items.push(...work.aside.map(({ path, kind }) => ({ path, kind: kind as FindingKind, action: 'quarantined' as const })));
    items.push(...work.left.map(({ path }) => ({ path, kind: 'leftover' as const, action: 'cleared' as const })));
    const record = work.deleted ? planDeleted(repo, work.modelId) : undefined;
    if (record !== undefined) items.push({ path: repo.layout.deletedModel(work.modelId), kind: 'record_invalid', action: record });
    for (const [segment, issues] of work.names) {
      const plan = await planName(repo, work.modelId, segment, issues, 0);
      items.push(...plan.rewrites.map(({ path, kind }) => ({ path, kind, action: 'rebuilt' as const })));
      items.push(...plan.aside.map(({ path, kind }) => ({ path, kind, action: 'quarantined' as const })));
    }
  }
  items.push(...[...restore, ...aside].map(({ path, kind }) => ({ path, kind: kind as FindingKind, action: 'quarantined' as const })));
  return items.map((item) => shown(repo, item));
}

/** A fence is mended, also when it is its entry that is damaged; what is inside an entry, or where queues belong, is set aside. */
function lockItem({ layout }: Repo, { path, kind: found }: Issue): Told {
  const kind = found as FindingKind;
  const below = relative(layout.root, path).split(sep);
  const depth = below[0] === 'fences' ? (below[1] === 'global' ? 2 : 3) : 0;
  if (depth === 0) return { path, kind, action: 'quarantined' };
  const isInside = below.length > depth + 1;
  return { path: join(layout.root, ...below.slice(0, isInside ? depth + 2 : depth)), kind, action: isInside ? 'quarantined' : 'mended' };
}
