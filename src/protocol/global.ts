/** The global fence's scope and state, published inside its entry, and what they mean to a writer. */
import { join } from 'node:path';
import { isErrno } from '../errors.js';
import { removeFile, rename, writeAdvisory } from '../fs/durable.js';
import { readDir, readText } from '../fs/tree.js';
import { GLOBAL } from '../layout/layout.js';
import { FenceLost } from '../locks/fence.js';
import type { Lease } from '../locks/lease.js';
import { lookAndBreak, type Seen } from '../locks/observe.js';
import { makePlace, takingSpace } from '../locks/session.js';
import { SCOPE_FILE } from '../store/leftovers.js';
import { type Contender, liveAncestors } from './contender.js';

/** The models a structural command touches, and whether it drains their run fences too. */
export interface Scope {
  readonly models: 'all' | readonly string[];
  readonly runs: boolean;
}

export interface Published {
  readonly scope: Scope;
  readonly state: 'draining' | 'closed';
}

const EVERYTHING: Scope = Object.freeze({ models: 'all', runs: true });

function scopeFile(epoch: number, state: Published['state']): string {
  return `scope.${epoch}.${state}.json`;
}

/** S2: the scope becomes visible whole, by one rename into the entry. Leftovers of a dead holder go first. Throws FenceLost. */
export async function publishScope({ session }: Contender, lease: Lease, scope: Scope): Promise<void> {
  await makePlace(session, session.staging);
  const staged = join(session.staging, 'scope');
  await takingSpace(session, async () => writeAdvisory(staged, JSON.stringify(scope)));
  await throughEntry(lease, async () => {
    for (const name of readDir(lease.path) ?? []) if (SCOPE_FILE.test(name)) await removeFile(join(lease.path, name));
    await takingSpace(session, () => rename(staged, join(lease.path, scopeFile(lease.epoch, 'draining'))));
  });
}

/** S3: draining -> closed, or back, by a rename inside the fence. Throws FenceLost. */
export async function setState(lease: Lease, to: Published['state']): Promise<void> {
  const from = to === 'closed' ? 'draining' : 'closed';
  await throughEntry(lease, () => rename(join(lease.path, scopeFile(lease.epoch, from)), join(lease.path, scopeFile(lease.epoch, to))));
}

async function throughEntry(lease: Lease, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new FenceLost(lease.dir);
    throw error;
  }
}

/** What a held global entry published. Nothing means everything, still draining; what changes faster than it can be read, everything and closed (P7). */
export function readPublished(seen: Seen): Published {
  const dir = join(seen.dir, seen.entry.name);
  for (let look = 0; look < 3; look++) {
    const name = (readDir(dir) ?? []).find((candidate) => SCOPE_FILE.exec(candidate)?.[1] === String(seen.entry.epoch));
    if (name === undefined) return { scope: EVERYTHING, state: 'draining' };
    const text = readText(join(dir, name));
    // Renamed between the two calls: the state changed, look again.
    if (text === undefined) continue;
    return { scope: parseScope(text), state: SCOPE_FILE.exec(name)?.[2] === 'closed' ? 'closed' : 'draining' };
  }
  return { scope: EVERYTHING, state: 'closed' };
}

function parseScope(text: string): Scope {
  try {
    const { models, runs } = JSON.parse(text) as { models?: unknown; runs?: unknown };
    if (models === 'all') return { models, runs: runs !== false };
    if (Array.isArray(models) && models.every((id): id is string => typeof id === 'string')) return { models, runs: runs !== false };
    return EVERYTHING;
  } catch (error) {
    if (error instanceof SyntaxError) return EVERYTHING;
    throw error;
  }
}

/**
 * W1 and W3: what of the global fence is in the way of a writer of this model, or undefined. A dead or stale holder is
 * broken here: it will never release. A nested writer passes a fence that is not closed (N1).
 */
export async function globalInTheWay(contender: Contender, modelId: string): Promise<Seen | undefined> {
  const seen = await lookAndBreak(contender.observer, GLOBAL);
  if (seen === undefined || seen.entry.state === 'free') return undefined;
  const { scope, state } = readPublished(seen);
  if (scope.models !== 'all' && !scope.models.includes(modelId)) return undefined;
  return state === 'draining' && liveAncestors(contender).length > 0 ? undefined : seen;
}
