/** What `backup restore --mode replace` takes away: a person agrees to it before any lock is taken, and it is looked at again under the lock. */
import { SwampError } from '../../errors.js';
import { displayPath, type Repo } from '../../repo.js';
import { hasNew } from '../../store/remove.js';
import type { RestorePlan } from './plan.js';

/** Throws `conflict` when the plan as it is now removes something that the plan that was shown did not. What has gone meanwhile is not a conflict. */
export function requireWithin(repo: Repo, shown: RestorePlan, now: RestorePlan): void {
  const agreed = textsRemoved(shown);
  const definitions = [...textsRemoved(now)].filter(([path, text]) => agreed.get(path) !== text).map(([path]) => path);
  const artifacts = [...now.cleared].filter(([dir, versions]) => !shown.cleared.has(dir) || hasNew(shown.cleared.get(dir) ?? [], versions));
  const changed = [...definitions, ...artifacts.map(([dir]) => displayPath(repo, dir))];
  const [first] = changed;
  if (first === undefined) return;
  const more = changed.length > 1 ? ` (and ${changed.length - 1} more)` : '';
  throw new SwampError('conflict', `${first}${more} came, or was changed, since you were asked; nothing was restored.`, {
    hint: 'Run the command again to be asked about what is there now, or use --force.',
    data: { changed: changed.slice(0, 100), changedTotal: changed.length },
  });
}

/** By path of the definition. */
function textsRemoved({ definitions }: RestorePlan): ReadonlyMap<string, string> {
  return new Map(definitions.flatMap(({ remove }) => remove.map(({ path, text }) => [path, text] as const)));
}
