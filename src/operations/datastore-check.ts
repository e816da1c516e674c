/** `datastore check`: every invariant of the repository's tree and every checksum; takes no lock and changes nothing. */
import { join } from 'node:path';
import { SwampError } from '../errors.js';
import { stateOf } from '../fs/identity.js';
import { surveyDefinitions } from '../models/files.js';
import type { Problem } from '../models/problem.js';
import { isPending, KINDS, messageOf, type PendingItem, unfinished } from '../recovery/unfinished.js';
import { displayPath, MARKER, openRepoAt, type Repo } from '../repo.js';
import { checkStore } from '../store/check/check.js';
import { type CheckCounts, Checker, type Look, lookAtObject } from '../store/check/checker.js';
import { FINDINGS, type FindingKind, type Issue, isFinding, isNote, NOTES, type NoteKind, type PendingKind } from '../store/check/kinds.js';
import { typeIssue } from '../store/check/plain.js';
import { isDefinitionLeft, listDeleted } from '../store/deletion.js';
import { INTENT } from '../store/intent.js';
import { operation } from './operation.js';

/** A repair is an operation of its own. */
export interface DatastoreCheckInput {
  readonly repair?: false;
}

/** Damage, and the next step. `message` goes on where the path ends. */
export interface Finding {
  readonly path: string;
  readonly kind: FindingKind;
  readonly message: string;
  readonly hint: string;
}

/** What is not a part of the datastore, and is left alone. */
export interface NoteItem {
  readonly path: string;
  readonly kind: NoteKind;
  readonly message: string;
}

export interface DatastoreCheckResult {
  readonly findings: readonly Finding[];
  /** What is unfinished, and no damage; `message` says what finishes it. */
  readonly pending: readonly Omit<PendingItem, 'bytes'>[];
  readonly notes: readonly NoteItem[];
  /** What was looked at; `bytes` of content were read. */
  readonly checked: Readonly<CheckCounts>;
  readonly repaired: readonly RepairedItem[];
}

/**
 * What a repair did. `quarantined`: set aside, at `to`. `rebuilt`: a record was written anew; what was there is at `to`.
 * `mended`: a lock has one free entry again; the others are beside `to`. `raised`: a lock goes on above what was seen.
 * `cleared`: what a holder left in its lock went where it belongs.
 */
export interface RepairedItem {
  readonly path: string;
  readonly kind: FindingKind | 'leftover';
  readonly action: 'quarantined' | 'rebuilt' | 'mended' | 'raised' | 'cleared';
  readonly to?: string;
}

export interface DatastoreCheckOptions {
  readonly signal: AbortSignal;
  /** What has been looked at so far; called every now and then. */
  readonly onProgress?: (checked: Readonly<CheckCounts>) => void;
}

/** Findings are the result, not an error: the caller decides. Throws when the system runs out of something, and the signal's reason. */
export const datastoreCheck = operation({ verb: 'datastore check', access: 'reads', asItIs: true }, check);

async function check(repo: Repo, _input: DatastoreCheckInput, options: DatastoreCheckOptions): Promise<DatastoreCheckResult> {
  const { issues, checked } = await surveyDatastore(repo, options);
  return { ...toldOf(repo, issues), checked, repaired: [] };
}

/** What was wrong at two looks, by path, and what was looked at. */
export async function surveyDatastore(
  repo: Repo,
  options: DatastoreCheckOptions,
): Promise<{ readonly issues: readonly Issue[]; readonly checked: Readonly<CheckCounts> }> {
  const checker = new Checker(repo, options);
  const marker = join(repo.root, MARKER);
  await checker.look(marker, () => lookAtMarker(repo, marker));
  await checkDefinitions(checker);
  await checkStore(checker);
  for (const kind of KINDS) await checker.look(repo.layout.root, () => lookAtUnfinished(repo, kind));
  const checked = { ...checker.counts };
  const issues = withoutDamaged(await checker.settle()).sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return { issues, checked };
}

/** State: the kind, for what a session does inside changes nothing. What keeps them from being listed is damage, and found as such. */
async function lookAtUnfinished(repo: Repo, kind: PendingKind): Promise<Look> {
  try {
    const issues = (await unfinished(repo, kind)).map(({ path, message, same }) => ({ path, kind, message, ...(same === undefined ? {} : { same }) }));
    return { issues, state: kind };
  } catch (error) {
    if (!(error instanceof SwampError) || !['config_invalid', 'corrupt'].includes(error.code)) throw error;
    return { issues: [], state: kind };
  }
}

/** What is damaged, an intent's record included, is reported as damage alone: nothing finishes it. */
function withoutDamaged(issues: readonly Issue[]): Issue[] {
  const nameOf = ({ path, same = path }: Issue): string => same;
  const damaged = new Set(issues.filter(({ kind }) => isFinding(kind)).flatMap((issue) => [nameOf(issue), nameOf(issue).replace(`/${INTENT}`, '')]));
  return issues.filter((issue) => !isPending(issue.kind) || !damaged.has(nameOf(issue)));
}

/** Issues as the result shows them. */
export function toldOf(repo: Repo, issues: readonly Issue[]): Pick<DatastoreCheckResult, 'findings' | 'pending' | 'notes'> {
  return {
    findings: issues.flatMap((issue) => findingOf(repo, issue) ?? []),
    pending: issues.flatMap((issue) => pendingOf(repo, issue) ?? []),
    notes: issues.flatMap((issue) => noteOf(repo, issue) ?? []),
  };
}

function findingOf(repo: Repo, { path, kind, message, hint }: Issue): Finding | undefined {
  return isFinding(kind) ? { path: displayPath(repo, path), kind, message, hint: hint ?? FINDINGS[kind] } : undefined;
}

function pendingOf(repo: Repo, { path, kind, message }: Issue): Omit<PendingItem, 'bytes'> | undefined {
  return isPending(kind) ? { path: displayPath(repo, path), kind, message: messageOf(kind, message) } : undefined;
}

function noteOf(repo: Repo, { path, kind, message }: Issue): NoteItem | undefined {
  return isNote(kind) ? { path: displayPath(repo, path), kind, message: `${message}; ${NOTES[kind]}` } : undefined;
}

function lookAtMarker(repo: Repo, path: string): Promise<Look> | Look {
  const invalid = (message: string): Issue => ({ path, kind: 'marker_invalid', message });
  if (stateOf(path) === undefined) return { issues: [invalid('is missing')], state: 'missing' };
  return lookAtObject(path, 'file', () => {
    try {
      return openRepoAt(repo.root, { env: {}, timing: repo.timing }).id === repo.id ? [] : [invalid('has another repoId than when this command began')];
    } catch (error) {
      if (!(error instanceof SwampError)) throw error;
      return [invalid(error.message)];
    }
  });
}

/** The definitions. A models/ that is a link is reported, and not followed. */
async function checkDefinitions(checker: Checker): Promise<void> {
  const { repo } = checker;
  const models = join(repo.root, 'models');
  if (typeIssue(models, 'directory') !== undefined) return checker.look(models, () => lookAtObject(models, 'directory', () => []));
  await checker.look(models, () => lookAtDefinitions(checker));
}

/** State: what is wrong, since one file's problem can be that of another. */
async function lookAtDefinitions(checker: Checker): Promise<Look> {
  const { files, strays } = await surveyDefinitions(checker.repo);
  checker.counts.models = files.filter(({ model }) => model !== undefined).length;
  const told = files.filter((file) => !file.deleted || !isAboutToGo(checker.repo, file.path));
  const issues = [...told.flatMap(({ problems }) => problems), ...strays].map((problem) => definitionIssue(checker.repo, problem));
  return { issues, state: 'definitions' };
}

/** The definition of a deleted model, as it was then: the deletion is still to be finished, and is listed as such. */
function isAboutToGo(repo: Repo, path: string): boolean {
  // A damaged record is a finding of its own.
  return listDeleted(repo).records.some((record) => record.definitionPath === displayPath(repo, path) && isDefinitionLeft(repo, record));
}

function definitionIssue(repo: Repo, { path, line, message, hint }: Problem): Issue {
  const absolute = join(repo.root, path);
  const type = typeIssue(absolute, undefined);
  if (type !== undefined) return type;
  const where = line === undefined ? '' : `line ${line}: `;
  return { path: absolute, kind: 'model_invalid', message: where + message, ...(hint === undefined ? {} : { hint }) };
}
