/** What of a datastore cannot be read as it was written: refused all at once, or left out of the backup and recorded there (B18). */
import { sep } from 'node:path';
import { asSwampError, type ErrorCode, isErrno, SwampError } from '../../errors.js';
import type { Repo } from '../../repo.js';
import { byCodePoint } from '../../store/read.js';
import type { LeftOut } from '../format.js';
import type { Damage, ListedArtifact, ListedModel, Snapshot } from './listed.js';

const CODES: readonly ErrorCode[] = ['corrupt', 'checksum_mismatch', 'incomplete_chunks'];
const ERRNOS = ['EACCES', 'EPERM', 'EIO', 'ELOOP', 'ENOTDIR', 'EISDIR'];

/** The error when it is about what is read, not about the disk that is written to; else it is thrown. */
export function damageOr({ datastore }: Repo, error: unknown): SwampError {
  if (error instanceof SwampError && CODES.includes(error.code)) return error;
  if (isErrno(error, ...ERRNOS) && error.path?.startsWith(datastore + sep) === true) return asSwampError(error);
  throw error;
}

/** By model, name and version: in whatever order it was found, two backups of one state record the same (B2). */
export function inOrder({ models }: Snapshot, damaged: readonly Damage[]): Damage[] {
  const places = new Map(models.map(({ id, directory }) => [id, directory]));
  const keyOf = ({ modelId, name }: Damage): string => `${places.get(modelId) ?? modelId}\0${name ?? ''}`;
  return damaged.toSorted((a, b) => byCodePoint(keyOf(a), keyOf(b)) || (a.version ?? 0) - (b.version ?? 0));
}

/** What the manifest records: the same for one state, wherever the repository lies (B2). */
export function leftOut({ models }: Snapshot, damaged: readonly Damage[]): LeftOut[] {
  const directories = new Map(models.map(({ id, directory }) => [id, directory]));
  return damaged.map(({ modelId, name, version, error }) => ({ model: directories.get(modelId) ?? modelId, name, version, reason: error.code }));
}

/** One error for all of it. */
export function refusedFor(snapshot: Snapshot, damaged: readonly [Damage, ...Damage[]]): SwampError {
  const [{ error }] = damaged;
  const { code, message, data } = error;
  const more = damaged.length > 1 ? ` And ${damaged.length - 1} more cannot be read as it was written.` : '';
  return new SwampError(code, message + more, {
    hint: 'Nothing was written. "swamp datastore check" lists all damage; --skip-damaged leaves it out of the backup, and records that there.',
    data: { ...data, damaged: leftOut(snapshot, damaged).map((one, i) => ({ ...one, message: damaged[i]?.error.message })) },
    cause: error,
  });
}

/** The snapshot without what is damaged. Numbers of versions that are left out are not given out again by a restored repository (P4). */
export function withoutDamaged(snapshot: Snapshot, damaged: readonly Damage[]): Snapshot {
  const keyOf = (modelId: string, name: string | null, version: number | null): string => JSON.stringify([modelId, name, version]);
  const keys = new Set(damaged.map(({ modelId, name, version }) => keyOf(modelId, name, version)));
  const sound = (modelId: string, artifact: ListedArtifact): ListedArtifact[] => {
    const versions = artifact.versions.filter(({ version }) => !keys.has(keyOf(modelId, artifact.name, version)));
    if (versions.length === artifact.versions.length) return [artifact];
    const floor = Math.max(artifact.floor, artifact.versions.at(-1)?.version ?? 0);
    return versions.length === 0 ? [] : [{ ...artifact, floor, versions }];
  };
  const models = snapshot.models.map(
    (model): ListedModel => ({
      ...model,
      artifacts: model.artifacts.flatMap((artifact) => sound(model.id, artifact)),
      uploads: model.uploads.filter(({ id }) => !keys.has(keyOf(model.id, id, null))),
    }),
  );
  return { ...snapshot, models };
}
