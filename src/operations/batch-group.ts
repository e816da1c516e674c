/** Items of a batch that are stored together: staged without a lock, and decided on under it. */

import { atMost } from '../at-most.js';
import { asSwampError } from '../errors.js';
import { yielding } from '../event-loop.js';
import type { Lease } from '../locks/lease.js';
import { discard, type Session, STAGING } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { requireHeld } from '../store/commit.js';
import type { VersionMetadata } from '../store/metadata.js';
import { openSource, requireDemands, type SourceDemands } from '../store/source.js';
import { type StagedVersion, stageVersion } from '../store/stage.js';
import { sweepTrash } from '../store/sweep.js';
import { type Committed, committedBefore, latestVersion, type Output } from '../store/write.js';
import type { BatchResult, Storable } from './batch-items.js';
import { expectVersion, putResult, requireModel, sameAsLatest } from './data-put.js';

/** Without its content: that is on the disk, and may be too much for the memory. */
export type Staged = Omit<Storable, 'source'> & { readonly staged: StagedVersion };

/** What an item became under the lock. */
interface Became {
  readonly committed: Committed;
  readonly metadata: VersionMetadata;
  readonly changed: boolean;
}

export type ItemOutcome = Became | { readonly error: unknown };

export function answered(repo: Repo, { line, model, item }: Pick<Storable, 'line' | 'model' | 'item'>, outcome: ItemOutcome | undefined): BatchResult {
  if (outcome === undefined) throw new TypeError(`nothing became of item ${line}`);
  if ('error' in outcome) return { line, error: asSwampError(outcome.error) };
  return { line, ...putResult(repo, model, { name: item.name, ...outcome }) };
}

/** Files that are read at once. */
const FILES = 16;

/** The items that could be staged; the others are answered, and what they took of the disk is given back at once. */
export async function stageAll(
  session: Session,
  wanted: readonly Storable[],
  demands: SourceDemands,
  signal: AbortSignal,
  answer: (line: number, error: unknown) => void,
): Promise<Staged[]> {
  const some = atMost(FILES);
  const tried = await Promise.all(
    wanted.map((one) => some(() => stageOne(session, one, demands, signal).catch((error: unknown) => ({ line: one.line, error })))),
  );
  signal.throwIfAborted();
  return tried.flatMap((one) => {
    if (!('error' in one)) return one;
    answer(one.line, one.error);
    return [];
  });
}

async function stageOne(session: Session, { source: input, ...wanted }: Storable, demands: SourceDemands, signal: AbortSignal): Promise<Staged> {
  const { line, fields } = wanted;
  const source = await openSource(input, signal);
  try {
    const staged = await stageVersion(session, `v${line}`, source.chunks, fields, { signal, syncs: 'later' });
    requireDemands(session.repo, source, demands, staged.metadata.size);
    return { ...wanted, staged };
  } catch (error) {
    await sweepTrash(session.repo, await discard(session.repo, `${session.staging}/v${line}`, STAGING));
    throw error;
  } finally {
    source.close();
  }
}

/** The names under which something was written. */
export function written(outcomes: ReadonlyMap<number, ItemOutcome>, items: readonly Staged[]): string[] {
  return items.flatMap(({ line, item }) => {
    const outcome = outcomes.get(line);
    return outcome !== undefined && 'changed' in outcome && outcome.changed ? [item.name] : [];
  });
}

export function output({ item: { name }, staged }: Staged): Output {
  return { name, staged };
}

/** Under the lock: what items have become already, and those that are to be committed. Throws FenceLost: then nothing of this says anything. */
export async function decide(
  writer: Lease,
  items: readonly [Staged, ...Staged[]],
): Promise<{ readonly outcomes: Map<number, ItemOutcome>; readonly next: readonly Staged[] }> {
  requireModel(writer.repo, items[0].model);
  const outcomes = new Map<number, ItemOutcome>();
  const next: Staged[] = [];
  const pass = yielding();
  for (const one of items) {
    await pass();
    try {
      const was = await became(writer, one);
      if (was === undefined) next.push(one);
      else outcomes.set(one.line, was);
    } catch (error) {
      outcomes.set(one.line, { error });
    }
  }
  requireHeld(writer);
  return { outcomes, next };
}

/** What an item became before this commit, if anything: it was committed under a fence that was lost since, or is unchanged. Throws `conflict`. */
async function became(writer: Lease, { item, staged }: Staged): Promise<Became | undefined> {
  const { metadata } = staged;
  const before = await committedBefore(writer, item.name, staged);
  if (before !== undefined) return { committed: before, metadata, changed: true };
  expectVersion(() => latestVersion(writer, item.name), item);
  const same = await sameAsLatest(writer, item, metadata);
  return same === undefined ? undefined : { committed: same, metadata: same.metadata, changed: false };
}
