/** Sorts what a check found by what mends it: locks first, then each model under its lock, then what belongs to no model. */
import { relative, sep } from 'node:path';
import { isModelId, type Layout, type LockName } from '../../layout/layout.js';
import { isRecordName, isSegment } from '../../layout/names.js';
import { type FindingKind, type Issue, isFinding } from '../check/kinds.js';

/** What is wrong with one model's files, its fences aside. */
export interface ModelWork {
  readonly modelId: string;
  /** Its data fence is missing, or has not reached what its records say. */
  raise: boolean;
  readonly names: Map<string, Issue[]>;
  /** Its record in deleted/. */
  deleted: boolean;
  /** Set aside as it is, under the model's lock. */
  readonly aside: Issue[];
  /** Left in its data fence: the next holder clears it. */
  readonly left: Issue[];
}

export interface Work {
  /** A published restore that cannot be carried out: no command works before it has gone. */
  readonly restore: readonly Issue[];
  /** Below fences/, or in the way of taking a lock. */
  readonly locks: readonly Issue[];
  readonly models: ReadonlyMap<string, ModelWork>;
  /** Set aside as it is; belongs to no model. */
  readonly aside: readonly Issue[];
}

/** A person's business: definitions, the marker, the datastore's own directory, what the system does not let us read. */
const TOLD: ReadonlySet<FindingKind> = new Set<FindingKind>(['marker_invalid', 'model_invalid', 'unreadable']);

/** What a repair does about these; what is not in it can only be reported. */
export function workFor(layout: Layout, issues: readonly Issue[]): Work {
  const restore: Issue[] = [];
  const locks: Issue[] = [];
  const aside: Issue[] = [];
  const models = new Map<string, ModelWork>();
  const model = (modelId: string): ModelWork => {
    const work = models.get(modelId) ?? { modelId, raise: false, names: new Map(), deleted: false, aside: [], left: [] };
    models.set(modelId, work);
    return work;
  };
  for (const issue of issues) {
    const isLeft = issue.kind === 'leftover';
    if (!(isLeft || (isFinding(issue.kind) && !TOLD.has(issue.kind))) || !issue.path.startsWith(layout.root + sep)) continue;
    const parts = relative(layout.root, issue.path).split(sep);
    const [family = '', owner = ''] = parts;
    const modelId = isModelId(owner) ? owner : undefined;
    if (family === 'restoring') restore.push(issue);
    else if (isLeft) {
      if (modelId !== undefined && parts[2] === 'data') model(modelId).left.push(issue);
    } else if (issue.kind === 'fence_missing' && modelId !== undefined) model(modelId).raise = true;
    else if (family === 'fences') (isLock(parts) ? locks : aside).push(issue);
    else if (issue.kind === 'wrong_type' && isInTheWay(parts)) locks.push(issue);
    else if (family === 'deleted' && isModelId(owner.replace(/\.json$/, ''))) addDeleted(model(owner.replace(/\.json$/, '')), issue);
    else if (family === 'data' && modelId !== undefined) addName(model(modelId), issue, parts.slice(2), isSegment);
    else if (family === 'tombstones' && modelId !== undefined) addName(model(modelId), issue, parts.slice(2), isRecordName);
    else aside.push(issue);
  }
  return { restore, locks, models, aside };
}

export function isNothing({ restore, locks, models, aside }: Work): boolean {
  return restore.length === 0 && locks.length === 0 && models.size === 0 && aside.length === 0;
}

/** fences, fences/global, fences/<id>, fences/<id>/data or run, and whatever is below these. */
function isLock([, owner, kind]: readonly string[]): boolean {
  if (owner === undefined || owner === 'global') return true;
  return isModelId(owner) && (kind === undefined || kind === 'data' || kind === 'run');
}

/** The locks that are at these paths or around them. */
export function locksOf(layout: Layout, issues: readonly Issue[]): LockName[] {
  const found = issues.map(({ path }) => relative(layout.fences, path).split(sep));
  return found.flatMap(([modelId = '', kind]): LockName[] => (isModelId(modelId) && (kind === 'data' || kind === 'run') ? [{ kind, modelId }] : []));
}

/** Every lock is taken by way of these. */
function isInTheWay({ length, 0: family = '' }: readonly string[]): boolean {
  return (length === 1 && ['queues', 'staging', 'trash'].includes(family)) || (length === 2 && family === 'queues');
}

function addDeleted(work: ModelWork, issue: Issue): void {
  if (issue.kind === 'generation_ahead') work.raise = true;
  work.deleted = true;
}

/** `rest`: below the model's directory. */
function addName(work: ModelWork, issue: Issue, rest: readonly string[], isName: (entry: string) => boolean): void {
  const [entry] = rest;
  if (entry === undefined || !isName(entry)) {
    work.aside.push(issue);
    return;
  }
  if (issue.kind === 'generation_ahead') work.raise = true;
  const segment = isName === isRecordName ? entry.slice(0, -'.json'.length) : entry;
  const found = work.names.get(segment) ?? [];
  work.names.set(segment, [...found, issue]);
}
