/** What a holder left inside an entry belongs to the next holder: intents go forward, trash and quarantine move on, staged items go back. */
import { basename, join } from 'node:path';
import { isErrno } from '../errors.js';
import { exists, ownNames } from '../fs/tree.js';
import { isModelId } from '../layout/layout.js';
import { parseHolder } from '../locks/holder.js';
import { HOLDER_DETAILS, type Lease } from '../locks/lease.js';
import { makePlace } from '../locks/session.js';
import { ENTRY_TRASH, moveToTrash, passTrashOn, step } from './commit.js';
import { isIntent } from './intent.js';
import { ENTRY_QUARANTINE, passQuarantineOn } from './quarantine.js';
import { rollForward } from './roll-forward.js';

/** Runs right after a data or run fence was taken, before anything else. Costs one listing when nothing was left. Throws FenceLost. */
export async function recoverEntry(fence: Lease): Promise<void> {
  let trash = false;
  let quarantine = false;
  for (const name of ownNames(fence.path) ?? []) {
    if (name === HOLDER_DETAILS) continue;
    if (name === ENTRY_TRASH) trash = true;
    else if (name === ENTRY_QUARANTINE) quarantine = true;
    else if (isIntent(name)) {
      if (!isModelId(fence.modelId)) continue;
      await rollForward(fence, join(fence.path, name));
      trash = true;
    } else await giveBack(fence, name);
  }
  if (trash) await passTrashOn(fence);
  if (quarantine) await passQuarantineOn(fence);
}

/** <entry>/<holder>.<slot> -> staging/<holder>/<slot>: its owner, if it lives, looks for it there. A name that names no owner stays; `check` reports it. */
async function giveBack(fence: Lease, name: string): Promise<void> {
  const dot = name.indexOf('.');
  const owner = name.slice(0, Math.max(dot, 0));
  if (parseHolder(owner) === undefined) return;
  const staging = fence.repo.layout.staging(basename(owner));
  const item = join(fence.path, name);
  await makePlace(fence.session, staging);
  try {
    await step(fence, item, join(staging, name.slice(dot + 1)));
  } catch (error) {
    // Its owner has taken it from here itself, as outputs that are kept aside.
    if (isErrno(error, 'ENOENT') && !exists(item)) return;
    // Its owner has staged the same slot again meanwhile, or cleared its staging and ended: what is here is of no use to it.
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
    await moveToTrash(fence, item);
  }
}
