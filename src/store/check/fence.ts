/** One fence directory: exactly one entry with an epoch, and nothing in it that would stop its next holder. */
import { join } from 'node:path';
import { statusOf } from '../../fs/identity.js';
import { isForeign, ownNames, readDir } from '../../fs/tree.js';
import type { LockName } from '../../layout/layout.js';
import { type Entry, MAX_EPOCH, parseEntry } from '../../locks/fence.js';
import type { Repo } from '../../repo.js';
import { obstacleTo } from '../intent.js';
import { inEntry, isDetails, isHeldByDead, leftoversIn } from '../leftovers.js';
import { type Look, lookAtObject } from './checker.js';
import type { Issue } from './kinds.js';
import { notesOn, readPlain, typeIssue } from './plain.js';
import { recordIssue } from './version.js';

/** What a live holder keeps inside is its own business. */
export function lookAtFence(repo: Repo, lock: LockName): Promise<Look> {
  const dir = repo.layout.fence(lock);
  return lookAtObject(dir, 'directory', () => {
    const all = readDir(dir) ?? [];
    const names = all.filter((name) => !isForeign(name));
    const [only] = names;
    const notes = notesOn(dir, all);
    if (only === undefined) return damaged(notes, dir, 'has no entry: no process can take this lock');
    if (names.length > 1)
      return damaged(notes, dir, `has ${names.length} entries, ${names.toSorted().slice(0, 5).join(' and ')}: no process can take this lock`);
    const entry = parseEntry(only);
    if (entry === undefined) return damaged(notes, dir, `has an entry without an epoch, ${only}: no process can take this lock`);
    if (entry.epoch > MAX_EPOCH) return damaged(notes, dir, `has an epoch that no lock reaches, ${only}`);
    const path = join(dir, only);
    const type = typeIssue(path, 'directory');
    // Those who fail at it take the lock and give it back again and again, each time under another name.
    const inside = type === undefined ? [...entryIssues(repo, path, entry, lock), ...notesOn(path, readDir(path) ?? [])] : [type];
    return [...notes, ...inside.map((issue) => ({ ...issue, same: inEntry(path, issue.path) }))];
  });
}

/** P6: data whose fence is gone would be numbered from the start again. */
export function lookForFence(repo: Repo, modelId: string, hasData: () => boolean): Look {
  const path = repo.layout.fence({ kind: 'data', modelId });
  const missing = hasData() && statusOf(path) === undefined;
  return { issues: missing ? [{ path, kind: 'fence_missing', message: 'is missing, and the model has data or had some' }] : [], state: 'missing' };
}

function damaged(notes: readonly Issue[], path: string, message: string): Issue[] {
  return [...notes, { path, kind: 'fence_damaged', message, same: path }];
}

function entryIssues(repo: Repo, path: string, entry: Entry, lock: LockName): Issue[] {
  if (entry.state === 'held' && !isHeldByDead(path, entry)) return [];
  // The next holder writes and moves through these: a FIFO or a link there would stop it, or lead it elsewhere.
  const details = (ownNames(path) ?? []).filter((name) => isDetails(name, lock)).flatMap((name) => typeIssue(join(path, name), 'file') ?? []);
  const left = leftoversIn(path, lock).flatMap(({ path: inside, kind }): Issue[] => {
    if (kind === 'unknown')
      return [typeIssue(inside, undefined) ?? { path: inside, kind: 'unknown_entry', message: 'names no owner: no command will remove it' }];
    const broken = kind === 'intent' ? intentIssue(repo, inside, lock) : kind === 'staged' ? undefined : typeIssue(inside, 'directory');
    return broken === undefined ? [] : [broken];
  });
  return [...details, ...left];
}

/** An intent that cannot be read or carried out stops everybody who takes the lock. */
function intentIssue(repo: Repo, dir: string, lock: LockName): Issue | undefined {
  const path = join(dir, 'intent.json');
  const type = typeIssue(dir, 'directory');
  if (type !== undefined) return type;
  const plain = readPlain(path);
  if ('issue' in plain) return { ...plain.issue, kind: plain.issue.kind === 'missing_file' ? 'intent_invalid' : plain.issue.kind };
  try {
    const obstacle = lock.kind === 'data' ? obstacleTo(repo, lock.modelId, dir) : 'does not belong in this lock';
    return obstacle === undefined ? undefined : { path, kind: 'intent_invalid', message: obstacle };
  } catch (error) {
    return { ...recordIssue(path, error), kind: 'intent_invalid' };
  }
}
