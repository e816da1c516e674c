/** One artifact with all its versions as the catalog keeps them, read without a lock; what the catalog knows already is not read again. */
import { join } from 'node:path';
import { asSwampError } from '../errors.js';
import { stateIn, statusOf } from '../fs/identity.js';
import { exists } from '../fs/tree.js';
import { METADATA } from '../layout/layout.js';
import type { Repo } from '../repo.js';
import { malformed, readVersionMetadata, type VersionMetadata } from '../store/metadata.js';
import { type Artifact, artifactRecord, changesTooFast, findArtifact, isDamage, LOOKS } from '../store/read.js';

/** What the catalog has of an artifact. */
export interface KnownArtifact {
  readonly state: string | null;
  readonly generation: number;
  readonly versions: ReadonlySet<number>;
}

export interface ReadVersion {
  readonly version: number;
  readonly metadata: VersionMetadata;
}

/** A version that cannot be read; undefined: the artifact itself. */
export interface Unreadable {
  readonly version?: number;
  readonly latest: boolean;
  readonly error: unknown;
}

export interface ReadArtifact {
  /** Of its directory, while that still shows each change. */
  readonly state: string | null;
  readonly generation: number;
  /** Ascending. */
  readonly versions: readonly number[];
  /** Those that were not known. */
  readonly read: readonly ReadVersion[];
  readonly unreadable: readonly Unreadable[];
}

/** What changed later than this may change once more without looking different. Nanoseconds. */
const COARSEST_TICK = 2_000_000_000n;

/**
 * `unchanged` when its directory is as it was; undefined when there is no such artifact now. `now`: the time of the file system, in nanoseconds.
 * A version never changes (P3), and a number of a generation is never used twice (P4): what is known of it stays true while it is listed.
 */
export function readArtifact(
  repo: Repo,
  { modelId, name, now }: { readonly modelId: string; readonly name: string; readonly now: bigint },
  known: KnownArtifact | undefined,
): ReadArtifact | 'unchanged' | undefined {
  const dir = repo.layout.artifact(modelId, name);
  for (let look = 0; look < LOOKS; look++) {
    const status = statusOf(dir);
    const state = status === undefined ? undefined : stateIn(status);
    if (state !== undefined && known?.state === state) return 'unchanged';
    const artifact = findArtifact(repo, modelId, name);
    const record = artifact && artifactRecord(artifact, name);
    if (artifact === undefined || record === undefined) return undefined;
    const { read, unreadable } = readVersions(artifact, known?.generation === record.generation ? known.versions : NOTHING);
    const after = statusOf(dir);
    if (artifact.moving !== true && (after === undefined || stateIn(after) !== state)) continue;
    const settled = status !== undefined && unreadable.length === 0 && max(status.mtimeNs, status.ctimeNs) < now - COARSEST_TICK;
    return { state: settled ? (state ?? null) : null, generation: record.generation, versions: artifact.versions, read, unreadable };
  }
  throw changesTooFast(name);
}

const NOTHING: ReadonlySet<number> = new Set();

function readVersions({ dir, versions }: Artifact, known: ReadonlySet<number>): Pick<ReadArtifact, 'read' | 'unreadable'> {
  const read: ReadVersion[] = [];
  const unreadable: Unreadable[] = [];
  const latest = versions.at(-1);
  for (const version of versions) {
    if (known.has(version)) continue;
    const path = join(dir, String(version), METADATA);
    try {
      const metadata = readVersionMetadata(path);
      if (metadata !== undefined) read.push({ version, metadata });
      // Gone by now: the directory has another state, and is looked at again.
      else if (exists(join(dir, String(version)))) throw malformed(path, 'it is missing');
    } catch (error) {
      if (!isDamage(error)) throw error;
      unreadable.push({ version, latest: version === latest, error: asSwampError(error) });
    }
  }
  return { read, unreadable };
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
