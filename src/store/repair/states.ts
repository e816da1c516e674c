/** What became of a record: it is in order, it is missing, it belongs to another name, or it is damaged and says nothing. */
import { SwampError } from '../../errors.js';
import { isArtifactName, isNameOf } from '../../layout/names.js';
import type { FindingKind } from '../check/kinds.js';
import { readPlain } from '../check/plain.js';
import { type ArtifactRecord, readArtifactRecord, readTombstone, type Tombstone } from '../metadata.js';

export interface RecordState<T> {
  /** `foreign`: whole, and that of another name. */
  readonly state: 'ok' | 'absent' | 'foreign' | 'bad';
  readonly kind: FindingKind;
  /** The record, when it parses. */
  readonly value?: T;
  readonly name?: string;
  readonly generation?: number;
  /** 0 when the record says none. */
  readonly floor: number;
  /** Of a tombstone. */
  readonly deletedAt?: string;
  readonly renamedTo?: string;
}

export function readRecordState(path: string, segment: string): RecordState<ArtifactRecord> {
  return stateOfRecord(path, segment, readArtifactRecord);
}

export function readTombstoneState(path: string, segment: string): RecordState<Tombstone> {
  const read = stateOfRecord(path, segment, readTombstone);
  const { value } = read;
  if (value === undefined) return read;
  const { deletedAt, renamedTo } = value;
  const facts = { ...read, deletedAt, ...(renamedTo === undefined ? {} : { renamedTo }) };
  // That of another name is of no use under this one, and no artifact depends on it.
  return read.state === 'foreign' ? { ...facts, state: 'bad' } : facts;
}

function stateOfRecord<T extends ArtifactRecord>(path: string, segment: string, parse: (path: string) => T | undefined): RecordState<T> {
  const issue = issueAt(path);
  if (issue === 'missing_file') return { state: 'absent', kind: issue, floor: 0 };
  if (issue !== undefined) return { state: 'bad', kind: issue, floor: 0 };
  try {
    const value = parse(path);
    if (value === undefined) return { state: 'absent', kind: 'missing_file', floor: 0 };
    const facts = { value, name: value.name, generation: value.generation, floor: value.floor };
    if (isNameOf(value.name, segment)) return { state: 'ok', kind: 'record_invalid', ...facts };
    return { state: isArtifactName(value.name) ? 'foreign' : 'bad', kind: 'name_mismatch', ...facts };
  } catch (error) {
    if (!(error instanceof SwampError)) throw error;
    return { state: 'bad', kind: 'record_invalid', floor: 0 };
  }
}

function issueAt(path: string): FindingKind | undefined {
  const plain = readPlain(path);
  return 'issue' in plain ? (plain.issue.kind as FindingKind) : undefined;
}
