/**
 * Carries a restore through: planned and staged without a lock, planned again under the closed global fence, published by one rename,
 * carried out. Steps over one `Restoring` (design/backup.md, "Restoring").
 */
import { errnoOf, SwampError } from '../../errors.js';
import { exists } from '../../fs/tree.js';
import { FenceLost } from '../../locks/fence.js';
import { discard, type Session } from '../../locks/session.js';
import { keepName } from '../../models/names.js';
import { carryOut } from '../../protocol/carry-out.js';
import { restructure, type Structural, settle } from '../../protocol/restructure.js';
import { discardTexts, publishRestore, stagedRestore } from '../../store/restoration.js';
import type { Saved } from '../contents.js';
import { adaptStaged } from './adapt.js';
import type { Choice } from './choice.js';
import { requireWithin } from './loss.js';
import { type FreshIds, plannedBytes, planRestore, type RestorePlan } from './plan.js';
import { type StageOptions, stageRestore } from './stage.js';
import { seenNow, unfinishedUploads } from './state.js';

export interface Restoring {
  readonly session: Session;
  readonly backup: Saved;
  readonly choice: Choice;
  readonly fresh: FreshIds;
  /** What the person was shown, and agreed to lose. */
  readonly agreed: RestorePlan | undefined;
  readonly signal: AbortSignal;
  /** `total`: bytes of content. */
  readonly onStaged: (staged: Parameters<NonNullable<StageOptions['onProgress']>>[0], total: number) => void;
}

/** What is staged, to be published: the plan of it, which changes under the lock with what it was made from. */
interface Staged {
  plan: RestorePlan;
  published: boolean;
}

/** How often what was staged may turn out to be too little, because something was deleted meanwhile. */
const ATTEMPTS = 3;

/** The plan that was carried out. Throws what `planRestore` and `stageRestore` throw, `conflict`, `lock_timeout`, `lock_lost`. */
export async function restore(restoring: Restoring): Promise<RestorePlan> {
  const { session } = restoring;
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const done = await attemptRestore(restoring);
      if (done !== undefined) return done;
      await discardTexts(session);
      session.trashed.push(...(await discard(session.repo, stagedRestore(session), 'staging')));
    }
  } finally {
    // What is published is not staged any more.
    await discardTexts(session);
  }
  throw new SwampError('conflict', 'The data that the restore would replace kept changing; nothing was restored.', { hint: 'Run the command again.' });
}

/** Undefined: more is to be restored now than was staged. */
async function attemptRestore(restoring: Restoring): Promise<RestorePlan | undefined> {
  const { session, backup, signal, onStaged } = restoring;
  await settle(session.repo, { signal });
  const plan = await planNow(restoring);
  const total = plannedBytes(plan);
  await stageRestore(session, backup, plan, { signal, onProgress: (done) => onStaged(done, total) });
  const staged = { plan, published: false };
  const options = { signal, session, atLeast: plan.globalEpoch };
  return restructure(session.repo, { models: 'all', runs: true }, (hands) => commit(restoring, staged, hands), options);
}

function planNow({ session, backup, choice, fresh }: Restoring): Promise<RestorePlan> {
  return planRestore(session.repo, backup, choice, fresh);
}

/** Undefined as above. Runs again when the global fence was lost on the way. */
async function commit(restoring: Restoring, staged: Staged, hands: Structural): Promise<RestorePlan | undefined> {
  const { session, agreed, signal } = restoring;
  // Another command has carried it out before this one came here again.
  if (staged.published) return staged.plan;
  if (!exists(stagedRestore(session)))
    throw new SwampError('lock_lost', 'The global lock was lost while the restore was published, and what was staged for it is gone.', {
      hint: 'Nothing was restored; run the command again.',
    });
  if (!(await isStillFit(restoring, staged, hands))) return undefined;
  if (agreed !== undefined && agreed.seen !== staged.plan.seen) requireWithin(session.repo, agreed, staged.plan);
  signal.throwIfAborted();
  const began = performance.now();
  await publish(session, staged, hands);
  session.repo.reporter.debug(`Published and carried out in ${Math.round(performance.now() - began)} ms.`, { topic: 'restore' });
  return staged.plan;
}

/** Brings the plan, and what is staged, in line with the repository as it is now; false when too little is staged for that. */
async function isStillFit(restoring: Restoring, staged: Staged, hands: Structural): Promise<boolean> {
  const { session, signal } = restoring;
  const { repo } = session;
  const before = staged.plan;
  const ids = [...before.targets.map(({ modelId }) => modelId), ...before.gone];
  const left = unfinishedUploads(repo, ids);
  if (seenNow(repo, ids) === before.seen && left.length === 0 && before.twiceNamed.length === 0) return true;
  for (const modelId of left) await hands.withModel(modelId, async () => {});
  let now = before;
  do {
    for (const path of now.twiceNamed) await keepName(repo, path, hands.stillHeld);
    now = await planNow(restoring);
  } while (now.twiceNamed.length > 0);
  if (!(await adaptStaged(session, before, now, { signal }))) return false;
  staged.plan = now;
  return true;
}

/** An error here must say that it is too late for another decision. */
async function publish(session: Session, staged: Staged, hands: Structural): Promise<void> {
  try {
    await publishRestore(hands.fence, () => {
      staged.published = true;
    });
    await carryOut(hands, session);
  } catch (error) {
    // Without the fence it is begun again, and then it may turn out that another command has finished it.
    if (staged.published && !(error instanceof FenceLost))
      session.repo.reporter.warn('The restore is published: the next command finishes it as soon as it can.', { topic: 'restore', ...errnoOf(error) });
    throw error;
  }
}
