/** What `backup restore --mode replace` takes away: a person agrees to it before any lock is taken, and it is looked at again under the lock. */
import { join } from 'node:path';
import type { RestorePlan } from '../backup/restore/plan.js';
import { readable } from '../backup/restore/state.js';
import { SwampError } from '../errors.js';
import { readDir } from '../fs/tree.js';
import { displayPath, type Repo } from '../repo.js';
import { versionNumbers } from '../store/read.js';
import { turns } from '../turns.js';
import { hasNew } from './data-delete.js';

export interface Loss {
  /** Texts of definitions, by path. */
  readonly definitions: ReadonlyMap<string, string>;
  /** Versions of artifacts, by path. */
  readonly artifacts: ReadonlyMap<string, readonly number[]>;
}

/** What goes when the plan is carried out, as it stands now. */
export async function lossOf(repo: Repo, { definitions, cleared }: Pick<RestorePlan, 'definitions' | 'cleared'>, signal: AbortSignal): Promise<Loss> {
  const artifacts = new Map<string, readonly number[]>();
  const pass = turns(signal);
  for (const [modelId, names] of cleared) {
    for (const name of names) {
      await pass();
      const dir = join(repo.layout.model(modelId), name);
      artifacts.set(displayPath(repo, dir), versionNumbers(readable(() => readDir(dir)) ?? []));
    }
  }
  return { definitions: new Map(definitions.flatMap(({ remove }) => remove.map(({ path, text }) => [path, text] as const))), artifacts };
}

/** Throws `conflict` when something goes that was not shown. What has gone meanwhile is no conflict. */
export function requireWithin(shown: Loss, now: Loss): void {
  const definitions = [...now.definitions].filter(([path, text]) => shown.definitions.get(path) !== text);
  const artifacts = [...now.artifacts].filter(([path, versions]) => !shown.artifacts.has(path) || hasNew(shown.artifacts.get(path) ?? [], versions));
  const changed = [...definitions, ...artifacts].map(([path]) => path);
  const [first] = changed;
  if (first === undefined) return;
  const more = changed.length > 1 ? ` (and ${changed.length - 1} more)` : '';
  throw new SwampError('conflict', `${first}${more} came, or was changed, since you were asked; nothing was restored.`, {
    hint: 'Run the command again to be asked about what is there now, or use --force.',
    data: { changed: changed.slice(0, 100), changedTotal: changed.length },
  });
}
