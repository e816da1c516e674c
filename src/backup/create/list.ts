/** Lists the files of one model for a backup. What looks as it did when it was listed before is not listed again; no content, and no metadata.json, is read. */
import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';
import type { yielding } from '../../event-loop.js';
import { identityIn, isSameState, statusOf } from '../../fs/identity.js';
import { readDir } from '../../fs/tree.js';
import { ARTIFACT_RECORD } from '../../layout/layout.js';
import { isRecordName, isSegment, nameOf, segmentFor } from '../../layout/names.js';
import type { Repo } from '../../repo.js';
import { floorOf } from '../../store/latest.js';
import { readArtifactRecord, readTombstone, type Tombstone } from '../../store/metadata.js';
import { straysIn, versionNumbers } from '../../store/read.js';
import { damageOr } from './damage.js';
import { type Damage, damaged, directoryIdentity, type ListedArtifact, type Wanted } from './listed.js';
import { NO_UPLOADS, namesIn, type Uploads, uploadsToSave } from './uploads.js';

/** What every listing of one backup shares. */
export interface Listing {
  readonly repo: Repo;
  readonly wanted: Wanted;
  /** By the clock of the datastore's own file system, in nanoseconds: what changed later may change once more without looking different. */
  readonly since: bigint;
  /** For the heartbeat of the lock, and for signals. */
  readonly pass: ReturnType<typeof yielding>;
}

/** One thing that was listed, and the state it was in; without a state it is listed again in any case. */
interface Known<T> {
  readonly state: BigIntStats | undefined;
  readonly value: T;
}

type Family<T> = ReadonlyMap<string, Known<T>>;

export interface ModelData {
  /** What could not be listed, but for uploads. */
  readonly damaged: readonly Damage[];
  readonly strays: readonly string[];
  readonly artifacts: Family<ListedArtifact>;
  readonly tombstones: Family<Tombstone>;
  readonly uploads: Uploads;
}

export const UNLISTED: ModelData = Object.freeze({ damaged: [], strays: [], artifacts: new Map(), tombstones: new Map(), uploads: NO_UPLOADS });

/** `known`: as the model was listed before. */
export async function listModel(listing: Listing, modelId: string, known: ModelData): Promise<ModelData> {
  const { layout } = listing.repo;
  const damaged: Damage[] = [];
  const strays: string[] = [];
  const tell = (name: string | null, error: unknown): void => {
    damaged.push({ modelId, name, version: null, error: damageOr(listing.repo, error) });
  };
  const family = async <T extends object>(
    dir: string,
    before: Family<T>,
    listOne: ListOne<T>,
    titleOf: (name: string) => string | null,
  ): Promise<Family<T>> => {
    const there = new Map<string, Known<T>>();
    for (const name of namesIn(dir, (error) => tell(null, error))) {
      await listing.pass();
      const path = `${dir}/${name}`;
      try {
        const one = listOnce(listing, path, before.get(name), (status) => listOne(path, name, status));
        if (one === 'stray') strays.push(path);
        else if (one !== undefined) there.set(name, one);
      } catch (error) {
        tell(titleOf(name), error);
      }
    }
    return there;
  };
  return {
    damaged,
    strays,
    artifacts: await family(
      layout.model(modelId),
      known.artifacts,
      (dir, segment, status) => artifactAt(listing.wanted, dir, segment, status),
      (segment) => nameOf(segment) ?? null,
    ),
    tombstones: await family(layout.tombstones(modelId), known.tombstones, tombstoneAt, () => null),
    uploads: uploadsNow(listing, modelId),
  };
}

/** They come and go without the data fence: they are listed anew each time. */
export function uploadsNow({ repo, wanted }: Listing, modelId: string): Uploads {
  return wanted.incompleteUploads ? uploadsToSave(repo, modelId) : NO_UPLOADS;
}

/** `stray`: it belongs to nothing. Undefined: it is not there any more. Throws `corrupt`. */
type ListOne<T> = (path: string, name: string, status: BigIntStats) => T | 'stray' | undefined;

/** As it was listed before, when it looks as it did then; else listed now. */
function listOnce<T extends object>(
  { since }: Listing,
  path: string,
  known: Known<T> | undefined,
  list: (status: BigIntStats) => T | 'stray' | undefined,
): Known<T> | 'stray' | undefined {
  const status = statusOf(path);
  if (status === undefined) return undefined;
  if (known?.state !== undefined && isSameState(known.state, status)) return known;
  if (status.isSymbolicLink()) throw damaged(path, 'it is a symbolic link');
  const value = list(status);
  if (value === undefined || value === 'stray') return value;
  return { state: status.mtimeNs < since && status.ctimeNs < since ? status : undefined, value };
}

function artifactAt({ allVersions }: Wanted, dir: string, segment: string, status: BigIntStats): ListedArtifact | 'stray' | undefined {
  if (!status.isDirectory() || !isSegment(segment)) return 'stray';
  const names = readDir(dir);
  if (names === undefined) return undefined;
  const numbers = versionNumbers(names);
  const record = readArtifactRecord(join(dir, ARTIFACT_RECORD));
  if (record === undefined) throw damaged(dir, `${ARTIFACT_RECORD} is missing`);
  if (segmentFor(record.name) !== segment) throw damaged(dir, `it belongs to ${JSON.stringify(record.name)}`);
  const wanted = allVersions ? numbers : numbers.slice(-1);
  const versions = wanted.map((version) => ({ version, identity: directoryIdentity(join(dir, String(version))) ?? '' }));
  if (versions.length === 0 || versions.some(({ identity }) => identity === '')) throw damaged(dir, 'it holds no version');
  const [floor, older] = [floorOf(record.floor, wanted), numbers.length - wanted.length];
  return { ...record, floor, dir, identity: identityIn(status), versions, older, strays: straysIn(dir, names) };
}

function tombstoneAt(path: string, file: string): Tombstone | 'stray' | undefined {
  if (!isRecordName(file)) return 'stray';
  const tombstone = readTombstone(path);
  if (tombstone !== undefined && `${segmentFor(tombstone.name)}.json` !== file) throw damaged(path, `it belongs to ${JSON.stringify(tombstone.name)}`);
  return tombstone;
}
