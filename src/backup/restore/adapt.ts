/** Brings what was staged for one plan in line with a later one: small records are written anew, what is not wanted any more is set aside. No content is touched. */
import { basename, join } from 'node:path';
import { Bulk } from '../../fs/bulk.js';
import { exists, readDir } from '../../fs/tree.js';
import { ARTIFACT_RECORD } from '../../layout/layout.js';
import { segmentFor } from '../../layout/names.js';
import { newNonce } from '../../locks/holder.js';
import type { Session } from '../../locks/session.js';
import { INTENT } from '../../store/intent.js';
import { serialise } from '../../store/metadata.js';
import { bundleIn, changesIn, definitionIn, fencesIn, stagedRestore } from '../../store/restoration.js';
import type { RestorePlan, RestoreTarget } from './plan.js';
import { intentOf, stageDefinitions } from './stage.js';

/** False: more is wanted now than was staged, and it has to be staged again. */
export async function adaptStaged(session: Session, before: RestorePlan, after: RestorePlan, { signal }: { readonly signal: AbortSignal }): Promise<boolean> {
  const pairs = pairsOf(before, after);
  if (pairs === undefined) return false;
  const record = stagedRestore(session);
  const bulk = new Bulk(record);
  const rewrite = async (path: string, value: object): Promise<void> => {
    await bulk.remove(path);
    await bulk.write(path, Buffer.from(serialise(value)));
  };
  const setAside = (path: string): Promise<void> => bulk.moveOut(path, join(session.staging, `unwanted-${newNonce()}`));
  for (const [old, now] of pairs) await adaptTarget(bundleIn(record, now.modelId), [old, now], { rewrite, setAside, fences: fencesIn(record, now.modelId) });
  for (const modelId of before.gone) if (!after.gone.includes(modelId)) await setAside(join(bundleIn(record, modelId), '..'));
  for (const modelId of after.gone) {
    await rewrite(join(bundleIn(record, modelId), INTENT), intentOf());
    await rewrite(fencesIn(record, modelId), { data: 0, run: 0 });
  }
  const texts = [...changesIn(record)].flatMap(({ publish }) => publish ?? []);
  const definitions = join(definitionIn(record, 0), '..');
  for (const name of readDir(definitions) ?? []) await bulk.remove(join(definitions, name));
  const write = (index: number, change: object): Promise<void> => rewrite(definitionIn(record, index), change);
  await stageDefinitions(session.repo, after.definitions, { write, before: texts, signal });
  await bulk.sync(signal);
  return true;
}

/** Each target with what was staged for it; undefined when something was not. */
function pairsOf(before: RestorePlan, after: RestorePlan): (readonly [RestoreTarget, RestoreTarget])[] | undefined {
  const pairs = after.targets.map((now) => [before.targets.find(({ modelId, saved }) => modelId === now.modelId && saved === now.saved), now] as const);
  const staged = pairs.every(([old, now]) => {
    if (old === undefined) return false;
    const names = new Map(old.artifacts.map(({ saved, only }) => [saved.name, String(only)]));
    const uploads = new Set(old.uploads.map(({ id }) => id));
    return now.artifacts.every(({ saved, only }) => names.get(saved.name) === String(only)) && now.uploads.every(({ id }) => uploads.has(id));
  });
  return staged && before.targets.length === after.targets.length ? (pairs as (readonly [RestoreTarget, RestoreTarget])[]) : undefined;
}

async function adaptTarget(
  bundle: string,
  [old, now]: readonly [RestoreTarget, RestoreTarget],
  hands: {
    readonly rewrite: (path: string, value: object) => Promise<void>;
    readonly setAside: (path: string) => Promise<void>;
    readonly fences: string;
  },
): Promise<void> {
  const wanted = new Map(now.artifacts.map((artifact) => [artifact.saved.name, artifact.record]));
  for (const { saved, record } of old.artifacts) {
    const dir = join(bundle, 'data', segmentFor(saved.name));
    const to = wanted.get(saved.name);
    if (to === undefined) await hands.setAside(dir);
    else if (JSON.stringify(to) !== JSON.stringify(record)) await hands.rewrite(join(dir, ARTIFACT_RECORD), to);
  }
  for (const { id } of old.uploads)
    if (!now.uploads.some((upload) => upload.id === id)) await hands.setAside(join(bundle, 'uploads', now.modelId + id.slice(now.modelId.length)));
  const tombstones = join(bundle, 'tombstones');
  if (exists(tombstones)) await hands.setAside(tombstones);
  for (const tombstone of now.tombstones) await hands.rewrite(join(tombstones, `${segmentFor(tombstone.name)}.json`), tombstone);
  const { staged } = intentOf(now);
  for (const family of ['data', 'uploads']) {
    const dir = join(bundle, family);
    if (exists(dir) && !staged.includes(basename(dir))) await hands.setAside(dir);
  }
  await hands.rewrite(join(bundle, INTENT), intentOf(now));
  await hands.rewrite(hands.fences, now.epochs);
}
