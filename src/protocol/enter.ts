/** W1 to W3: the way a writer takes a data or run fence of its model. The mirror image is restructure.ts; both are argued in design/protocol.md. */
import { failpoint } from '../fs/failpoints.js';
import { GLOBAL, type LockName } from '../layout/layout.js';
import type { Lease } from '../locks/lease.js';
import type { OwnTicket } from '../locks/queue.js';
import { isRestoring } from '../store/restoring.js';
import { acquire, blockedBy, newTicket } from './acquire.js';
import { type Contender, requireNotMoved } from './contender.js';
import { globalInTheWay } from './global.js';
import { settle } from './restructure.js';

/**
 * Waits until no global fence is held over the model (W1), takes the fence (W2), and looks at the global fence again
 * (W3): without that look, a structural command that drained before we came and took the global fence after would
 * restructure the model under our hands. Nothing has been written when W3 sends us back to W1.
 */
export async function enter(contender: Contender, lock: Exclude<LockName, { kind: 'global' }>): Promise<Lease> {
  const place = newTicket(contender, GLOBAL, 'writer');
  const ticket = newTicket(contender, lock, 'acquire');
  try {
    for (;;) {
      await waitForGlobal(contender, lock.modelId, place);
      await failpoint('enter.before-fence');
      // From here on the global lock is not what we wait for: a structural command need not let us pass first.
      const lease = await acquire(contender, lock, ticket, { onWait: () => place.withdraw() });
      await failpoint('enter.before-second-look');
      let inTheWay: unknown;
      try {
        // In this order: a restorer that had drained before we came has published by the time its global fence is free.
        inTheWay = (await globalInTheWay(contender, lock.modelId)) ?? (isRestoring(contender.repo) ? RESTORE : undefined);
      } catch (error) {
        await lease.release();
        throw error;
      }
      if (inTheWay === undefined) return lease;
      await lease.release();
      if (inTheWay !== RESTORE) continue;
      requireNotMoved(contender.repo);
      await settle({ ...contender.repo, ancestors: contender.ancestors }, { signal: contender.signal });
    }
  } finally {
    await place.withdraw();
  }
}

/** A restore whose restorer died: it is finished before anybody writes. */
const RESTORE = 'restore';

/** W1. The ticket in the global queue makes later structural commands let us pass first (L6). */
async function waitForGlobal(contender: Contender, modelId: string, place: OwnTicket): Promise<void> {
  await contender.waiting.until('the global lock to be free', async () => {
    const seen = await globalInTheWay(contender, modelId);
    if (seen === undefined) return { done: undefined };
    await place.file();
    const blocked = blockedBy(contender, seen);
    // The state and the scope change inside the entry, where the fence's own watch does not see them.
    return { blocked: { ...blocked, watch: [...blocked.watch, `${seen.dir}/${seen.entry.name}`] } };
  });
}
