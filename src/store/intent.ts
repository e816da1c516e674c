/** An intent: several renames published as one. Whoever holds the data fence next finishes what a dead or fenced-off holder began. */
import { join } from 'node:path';
import { SwampError } from '../errors.js';
import { makeDirs } from '../fs/durable.js';
import { failpoint } from '../fs/failpoints.js';
import { exists } from '../fs/tree.js';
import { type Fence, moveToTrash, step, syncCommit } from './commit.js';
import { readRecord } from './metadata.js';

export interface IntentItem {
  /** The directory beside intent.json that moves. */
  readonly from: string;
  /** The artifact's name. */
  readonly name: string;
  /** The version it becomes; absent for a whole artifact with its first version. */
  readonly version?: number;
}

export interface Intent {
  readonly kind: 'outputs';
  readonly items: IntentItem[];
}

export function intentItem(from: string, name: string, version: number | undefined): IntentItem {
  return version === undefined ? { from, name } : { from, name, version };
}

/**
 * Moves every item of a published intent to its place, then the intent into the trash. Safe to repeat: an item that is
 * out already has no source. Throws FenceLost when the fence is lost on the way; the next holder goes on.
 */
export async function rollForward(fence: Fence, dir: string): Promise<void> {
  const { layout } = fence.repo;
  const changed = new Set<string>();
  for (const { from, name, version } of readIntent(dir)) {
    const artifact = layout.artifact(fence.modelId, name);
    const to = version === undefined ? artifact : join(artifact, String(version));
    changed.add(version === undefined ? layout.model(fence.modelId) : artifact);
    if (!exists(join(dir, from))) continue;
    await makeDirs(layout.model(fence.modelId));
    await step(fence, join(dir, from), to);
    await failpoint('outputs.one-out');
  }
  await syncCommit(fence, [...changed]);
  await moveToTrash(fence, dir);
}

function readIntent(dir: string): readonly IntentItem[] {
  const path = join(dir, 'intent.json');
  const items = readRecord(path)?.get('items');
  const valid = (item: unknown): item is IntentItem => {
    const { from, name, version } = (item ?? {}) as Record<string, unknown>;
    return (
      typeof from === 'string' &&
      /^[a-z0-9-]+$/.test(from) &&
      typeof name === 'string' &&
      (version === undefined || (Number.isSafeInteger(version) && Number(version) > 0))
    );
  };
  if (!Array.isArray(items) || !items.every(valid)) {
    throw new SwampError('corrupt', `${path} is damaged: it says not what to move where.`, { hint: 'Run "swamp datastore check".', data: { path } });
  }
  return items;
}
