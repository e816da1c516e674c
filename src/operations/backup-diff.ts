/** `backup diff`: what differs between two backups, or between a backup and a repository; changes nothing, takes no lock. */

import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { requireBackupDirectory } from '../backup/directory.js';
import { type Excludes, excludes } from '../backup/exclude.js';
import type { Sidecar } from '../backup/format.js';
import { backupSide, repoSide, type Side, type SideModel } from '../backup/sides.js';
import type { VerifyOptions } from '../backup/verify/verify.js';
import { failpoint } from '../fs/failpoints.js';
import { exists } from '../fs/tree.js';
import { findOrphans } from '../models/orphans.js';
import { MARKER, openRepoAt, type Repo, type Reporter } from '../repo.js';
import { byCodePoint } from '../store/read.js';
import { readWhole } from '../store/restoring.js';
import { requireWholeBackup } from './backup-verify.js';
import { settled } from './operation.js';

export interface BackupDifference {
  /** From the first to the second. */
  readonly change: 'added' | 'removed' | 'changed';
  readonly what: 'model' | 'definition' | 'artifact' | 'version' | 'tombstone' | 'upload';
  /** The name of the model, or the id of one without a definition. */
  readonly model: string;
  /** Of the artifact, or the id of the upload; null for the model itself. */
  readonly name: string | null;
  readonly version: number | null;
  /** Of what was changed: the fields that differ. */
  readonly fields: readonly string[];
}

export interface BackupDiffResult {
  /** Absolute. */
  readonly from: string;
  readonly to: string;
  readonly equal: boolean;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** By model, then by name. */
  readonly differences: readonly BackupDifference[];
}

export interface BackupDiffOptions extends VerifyOptions {
  readonly reporter?: Reporter;
}

/**
 * Only what both sides can hold is compared: of a backup made with --latest-only the latest version; only the models that were asked for.
 * Backups are verified first. Throws `backup_invalid`, `checksum_mismatch`, `io`; of a repository also
 * `corrupt`, and `read_only` while a restore waits there to be carried out.
 */
export async function backupDiff(input: { readonly dir: string; readonly other: string }, options: BackupDiffOptions): Promise<BackupDiffResult> {
  const from = requireBackupDirectory(input.dir);
  const to = requireBackupDirectory(input.other);
  const [first, second] = [placeIn(from, options), placeIn(to, options)] as const;
  // Before anything that may have to be read again.
  for (const { dir, repo } of [first, second]) if (repo === undefined) await requireWholeBackup(dir, options);
  const read = (): Promise<BackupDiffResult> => compare(first, second, options);
  const whole = [first, second].reduce((inner, { repo }) => (repo === undefined ? inner : () => readWhole(repo, inner)), read);
  return settled(whole, options);
}

/** One side: a backup, or the repository that is in `dir`. */
interface Place {
  readonly dir: string;
  readonly repo: Repo | undefined;
}

async function compare(from: Place, to: Place, options: BackupDiffOptions): Promise<BackupDiffResult> {
  const first = await sideOf(from);
  const second = await sideOf(to);
  const differences: BackupDifference[] = [];
  for (const directory of directoriesInScope(first, second)) {
    options.signal.throwIfAborted();
    await failpoint('backup-diff.one-model');
    const pair = [first, second].map((side) => side.models.get(directory)?.());
    differences.push(...compareModels(directory, { from: pair[0], to: pair[1], covers: coveredByBoth(first, second) }));
  }
  const count = (change: BackupDifference['change']): number => differences.filter((one) => one.change === change).length;
  return {
    from: from.dir,
    to: to.dir,
    equal: differences.length === 0,
    added: count('added'),
    removed: count('removed'),
    changed: count('changed'),
    differences,
  };
}

function placeIn(dir: string, { reporter }: BackupDiffOptions): Place {
  const repo = exists(join(dir, MARKER)) ? openRepoAt(dir, { readOnly: true, ...(reporter === undefined ? {} : { reporter }) }) : undefined;
  return { dir, repo };
}

async function sideOf({ dir, repo }: Place): Promise<Side> {
  if (repo === undefined) return backupSide(dir);
  const orphans = await findOrphans(repo);
  return repoSide(
    repo,
    orphans.map(({ modelId }) => modelId),
  );
}

interface Covers {
  readonly allVersions: boolean;
  readonly uploads: boolean;
  /** What one side left out by a pattern. */
  readonly leaves: Excludes;
}

function coveredByBoth({ covers: a }: Side, { covers: b }: Side): Covers {
  const leaves = excludes([...(a.exclude ?? []), ...(b.exclude ?? [])]);
  return { allVersions: a.allVersions && b.allVersions, uploads: a.incompleteUploads && b.incompleteUploads, leaves };
}

function directoriesInScope(first: Side, second: Side): string[] {
  const sides = [first, second];
  const { leaves } = coveredByBoth(first, second);
  const asked = (directory: string): boolean =>
    sides.every(({ covers }) => {
      const orphan = directory.startsWith('orphans/');
      return (!orphan || covers.orphans) && (covers.models === null || (!orphan && covers.models.includes(directory.slice('models/'.length))));
    });
  return [...new Set(sides.flatMap(({ models }) => [...models.keys()]))]
    .filter((directory) => asked(directory) && !leaves(titleOf(directory)))
    .sort(byCodePoint);
}

function titleOf(directory: string): string {
  return directory.slice(directory.indexOf('/') + 1);
}

interface Pair {
  readonly from: SideModel | undefined;
  readonly to: SideModel | undefined;
  readonly covers: Covers;
}

const NOTHING: SideModel = { definition: undefined, artifacts: new Map(), tombstones: new Map(), uploads: new Map() };

function compareModels(directory: string, { from, to, covers }: Pair): BackupDifference[] {
  const model = titleOf(directory);
  const told: BackupDifference[] = [];
  const tell = (change: BackupDifference['change'], what: BackupDifference['what'], rest: Partial<BackupDifference> = {}): void => {
    told.push({ change, what, model, name: null, version: null, fields: [], ...rest });
  };
  if (from === undefined || to === undefined) tell(from === undefined ? 'added' : 'removed', 'model');
  else if (from.definition !== to.definition) tell('changed', 'definition');
  const [a, b] = [from ?? NOTHING, to ?? NOTHING];
  const isLeft = (name: string): boolean => covers.leaves(model, name);
  for (const { name, before, after } of pairs(a.artifacts, b.artifacts)) {
    if (isLeft(name)) continue;
    if (before === undefined || after === undefined) tell(before === undefined ? 'added' : 'removed', 'artifact', { name });
    else
      for (const difference of compareArtifacts(before, after, covers))
        tell(difference.change, difference.version === null ? 'artifact' : 'version', { ...difference, name });
  }
  const live = new Set([...a.artifacts.keys(), ...b.artifacts.keys()]);
  for (const { name, before, after } of pairs(a.tombstones, b.tombstones)) {
    // A live artifact outranks its tombstone, and carries what that said.
    if (!live.has(name) && !isLeft(name) && !isDeepStrictEqual(before, after))
      tell(changeOf(before, after), 'tombstone', { name, fields: differing(before, after) });
  }
  if (covers.uploads) {
    for (const { name, before, after } of pairs(a.uploads, b.uploads)) {
      const wanted = !isLeft((before ?? after)?.record.name ?? '');
      if (wanted && !isDeepStrictEqual(before, after)) tell(changeOf(before, after), 'upload', { name, fields: differing(before, after) });
    }
  }
  return told;
}

type ArtifactDifference = Pick<BackupDifference, 'change' | 'version' | 'fields'>;

function compareArtifacts(before: Sidecar, after: Sidecar, { allVersions }: Covers): ArtifactDifference[] {
  const own = differing(ownOf(before), ownOf(after));
  const compared = ({ versions }: Sidecar): ReadonlyMap<number, object> =>
    new Map((allVersions ? versions : versions.slice(-1)).map((one) => [one.version, withoutParts(one)]));
  const versions = pairs(compared(before), compared(after)).flatMap(({ name: version, before: old, after: young }): ArtifactDifference[] =>
    isDeepStrictEqual(old, young) ? [] : [{ change: changeOf(old, young), version, fields: differing(old, young) }],
  );
  return [...(own.length === 0 ? [] : [{ change: 'changed' as const, version: null, fields: own }]), ...versions];
}

/** A floor up to the latest version says no more than the versions do: the artifact goes on from the latest. */
function ownOf({ generation, floor, versions }: Sidecar): { readonly generation: number; readonly floor: number } {
  return { generation, floor: floor > (versions.at(-1)?.version ?? 0) ? floor : 0 };
}

/** A backup does not record in how many parts a content was written. */
function withoutParts(version: Sidecar['versions'][number]): object {
  return Object.fromEntries(Object.entries(version).filter(([key]) => key !== 'parts'));
}

function changeOf(before: unknown, after: unknown): BackupDifference['change'] {
  return before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
}

function differing(before: object | undefined, after: object | undefined): string[] {
  if (before === undefined || after === undefined) return [];
  const [a, b] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => !isDeepStrictEqual(a.get(key), b.get(key)));
}

/** What is under each key on both sides, sorted. */
function pairs<K extends string | number, V>(
  before: ReadonlyMap<K, V>,
  after: ReadonlyMap<K, V>,
): { readonly name: K; readonly before: V | undefined; readonly after: V | undefined }[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])];
  const sorted = keys.sort((a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : byCodePoint(String(a), String(b))));
  return sorted.map((name) => ({ name, before: before.get(name), after: after.get(name) }));
}
