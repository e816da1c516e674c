/** `autoGc`: a command that has just committed a version collects, under the same data fence, what that one has superseded. */
import { join } from 'node:path';
import { errnoOf, reasonOf } from '../errors.js';
import { METADATA } from '../layout/layout.js';
import { FenceLost } from '../locks/fence.js';
import type { Lease } from '../locks/lease.js';
import { DEFAULT_GC, DEFAULT_LIFETIME } from './lifetimes.js';
import { readVersionMetadata } from './metadata.js';
import { findArtifact, findHead } from './read.js';
import { removeLowest } from './remove.js';
import { type Kept, type Retention, ruleOf, superseded } from './retention.js';

/** For so long a writer collects, and others wait; the rest is for the next one, or for `data gc`. Milliseconds. */
const MOST_MS = 25;

/**
 * Where the repository says `autoGc`, versions of `names` go from below as `data gc` would take them; never the one that was written, not
 * when it is `ephemeral` either. The versions are committed, so what fails here is reported, and left to `data gc` (P8). Throws FenceLost.
 */
export async function collectWritten(fence: Lease, names: readonly string[], { retention = {} }: { readonly retention?: Retention }): Promise<void> {
  const { repo, modelId } = fence;
  if (!repo.autoGc) return;
  const until = repo.timing.now() + MOST_MS;
  for (const name of names) {
    try {
      await collect(fence, name, retention, () => repo.timing.now() >= until);
    } catch (error) {
      if (error instanceof FenceLost) throw error;
      repo.reporter.warn(`Older versions of ${JSON.stringify(name)} could not be collected: ${reasonOf(error)}. "swamp data gc" tries again.`, {
        topic: 'data',
        modelId,
        name,
        ...errnoOf(error),
      });
    }
  }
}

async function collect(fence: Lease, name: string, defaults: Retention, isEnough: () => boolean): Promise<void> {
  const { repo, modelId } = fence;
  const head = findHead(repo, modelId, name);
  const read = (version: number): Kept | undefined => (head === undefined ? undefined : readVersionMetadata(join(head.dir, String(version), METADATA)));
  const latest = read(head?.latest ?? 0);
  if (head === undefined || latest === undefined) return;
  const { lifetime, gc } = ruleOf(latest, defaults);
  // Most often there is no rule, and nothing is listed.
  if (lifetime === DEFAULT_LIFETIME && gc === DEFAULT_GC) return;
  const listed = findArtifact(repo, modelId, name)?.versions ?? [];
  const versions = await superseded(listed, latest, read, { defaults, now: Date.now() });
  if (versions.length > 0) await removeLowest(fence, head, { versions, isEnough, onRemoved: () => undefined });
}
