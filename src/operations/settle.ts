/** What every command does first, but those that look at the store as it stands: it finishes a restore that was interrupted. */
import { SwampError } from '../errors.js';
import { settle } from '../protocol/restructure.js';
import { displayPath, type Repo } from '../repo.js';
import { isRestoring, Unsettled } from '../store/restoring.js';

/** Nobody reads or writes between the two states of a restore (B16). One look where there is none. Throws `read_only`, `lock_timeout`. */
export async function settleFirst(repo: Repo, options: { readonly signal: AbortSignal }): Promise<void> {
  if (!isRestoring(repo)) return;
  if (!repo.readOnly) return settle(repo, options);
  throw new SwampError(
    'read_only',
    'A restore is being carried out, or was interrupted: what stands there is neither the state before it nor the one after it.',
    {
      hint: 'Any command without --read-only finishes it, for instance "swamp repo info"; then try again.',
      data: { path: displayPath(repo, repo.layout.restoring) },
    },
  );
}

/** Does `work`, which has done nothing yet when it throws Unsettled, anew once the restore in question is carried out. Throws what `settleFirst` and `work` throw. */
export async function startOver<T>(work: () => Promise<T>, options: { readonly signal: AbortSignal }): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Unsettled)) throw error;
      await settleFirst(error.repo, options);
    }
  }
}
