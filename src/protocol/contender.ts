/** One operation in the protocol: its session, its deadline, its view of the locks, and the ancestors it is nested in. */
import { join } from 'node:path';
import { isSystemError, SwampError } from '../errors.js';
import { exists, modifiedAt, readText } from '../fs/tree.js';
import { GLOBAL, isModelId, type LockName } from '../layout/layout.js';
import { HOLDER_DETAILS } from '../locks/lease.js';
import { Observer, type Seen } from '../locks/observe.js';
import { newSession, type Session } from '../locks/session.js';
import type { Repo } from '../repo.js';
import { Moved, requireHere } from '../store/restoring.js';
import { duration, type Timing } from '../timing.js';
import { Waiting } from './wait.js';

export interface Contender {
  readonly repo: Repo;
  readonly session: Session;
  readonly observer: Observer;
  readonly waiting: Waiting;
  readonly signal: AbortSignal;
  /** Run fences of this command's ancestors, and of the run it belongs to: `<model-id>/<entry>`. */
  readonly ancestors: readonly string[];
}

/**
 * `own` is the run fence a method's outputs are committed through: it counts as an ancestor. Every fence in `needed` is
 * looked at now, so that the ttl of each counts from here and not from the moment its turn comes.
 */
export function newContender(
  repo: Repo,
  needed: readonly LockName[],
  options: { readonly signal: AbortSignal; readonly session?: Session; readonly own?: string },
): Contender {
  const observer = new Observer(repo.layout, repo.timing);
  for (const lock of [GLOBAL, ...needed]) observer.look(lock);
  return {
    repo,
    session: options.session ?? newSession(repo),
    observer,
    waiting: new Waiting(repo, options.signal),
    signal: options.signal,
    ancestors: options.own === undefined ? repo.ancestors : [...repo.ancestors, options.own],
  };
}

/** How an ancestor's run fence is named in the environment and in tickets. */
export function ancestorKey(modelId: string, entryName: string): string {
  return `${modelId}/${entryName}`;
}

/** The ancestors whose run fence is still theirs: only these count (N1). */
export function liveAncestors({ repo, ancestors }: Pick<Contender, 'repo' | 'ancestors'>): string[] {
  return ancestors.filter((key) => {
    const [modelId = '', name = '', ...more] = key.split('/');
    return more.length === 0 && name !== '' && isModelId(modelId) && exists(join(repo.layout.fence({ kind: 'run', modelId }), name));
  });
}

/** `the data lock of "results"`, `the global lock`; by the id where this process has not read the model's definition. */
export function lockTitle({ names }: Pick<Repo, 'names'>, lock: LockName): string {
  if (lock.kind === 'global') return 'the global lock';
  const name = names.get(lock.modelId);
  return `the ${lock.kind} lock of ${name === undefined ? `model ${lock.modelId}` : `"${name}"`}`;
}

/**
 * How a wait for a holder that shows no life may end by itself. How old its heartbeat is goes by the wall clock and is for people; when
 * the lock is taken over goes by what this process has seen.
 */
export function outlook(seen: Seen, { ttlMs }: Timing): string {
  const beat = modifiedAt(join(seen.dir, seen.entry.name));
  const age = beat === undefined ? 0 : Date.now() - beat;
  if (age < ttlMs / 2) return '';
  return ` Its heartbeat is ${duration(age)} old: unless it moves, the lock is taken over in ${duration(Math.max(0, ttlMs - seen.unmovedMs))}.`;
}

/** The holder of what was seen, for notices and errors. Details that cannot be read are left out. */
export function describeHolder(seen: Seen): { readonly text: string; readonly data: Readonly<Record<string, unknown>> } {
  const details = readHolderDetails(join(seen.dir, seen.entry.name), seen.entry.name);
  const holder = seen.entry.state === 'held' ? seen.entry.holder : undefined;
  const data = {
    lock: seen.lock.kind,
    ...(seen.lock.kind === 'global' ? {} : { modelId: seen.lock.modelId }),
    holder: seen.entry.name,
    verdict: seen.verdict,
    ...details,
  };
  if (details === undefined) return { text: `held by ${holder === undefined ? 'a holder that cannot be read' : `pid ${holder.pid}`}`, data };
  const age = Date.parse(details.since);
  const since = Number.isNaN(age) ? '' : `, for ${duration(Math.max(0, Date.now() - age))}`;
  return { text: `held by "${details.command}" (pid ${details.pid} on ${details.host}${since})`, data };
}

export interface HolderFacts {
  readonly command: string;
  readonly host: string;
  readonly pid: number;
  readonly since: string;
}

/** `holder.json` of an entry, when it belongs to the very holder the entry names. Nothing depends on it, so what cannot be read is left out. */
export function readHolderDetails(entryPath: string, entryName: string): HolderFacts | undefined {
  try {
    const facts = JSON.parse(readText(join(entryPath, HOLDER_DETAILS)) ?? '{}') as Record<string, unknown>;
    const { holder, command, host, pid, since } = facts;
    if (typeof holder !== 'string' || !entryName.endsWith(`.${holder}`)) return undefined;
    return { command: String(command), host: String(host), pid: Number(pid), since: String(since) };
  } catch (error) {
    // A link, a directory, a file of another user.
    if (error instanceof SyntaxError || isSystemError(error)) return undefined;
    throw error;
  }
}

/** What a person does about a holder that does not let go. */
export function remedy({ names, timing }: Pick<Repo, 'names' | 'timing'>, seen: Seen): string {
  const { ttlMs } = timing;
  const model = seen.lock.kind === 'global' ? '' : ` --model ${names.get(seen.lock.modelId) ?? seen.lock.modelId}`;
  const unsure =
    seen.unmovedMs > ttlMs / 2 ? `Its heartbeat has not moved for ${duration(seen.unmovedMs)}: a --lock-timeout above ${ttlMs} takes it over. ` : '';
  return `${unsure}Try again, raise --lock-timeout, or look with "swamp datastore lock status"; to free the lock of a stuck holder: "swamp datastore lock release --force${model}".`;
}

/** For a command that has begun, and has written nothing: its input may be read by now. Throws `lock_lost` where the datastore was moved away. */
export function requireNotMoved(repo: Repo): void {
  try {
    requireHere(repo);
  } catch (error) {
    if (!(error instanceof Moved)) throw error;
    throw lockLost(`The datastore was moved to ${error.move.to} while this command waited; nothing was written.`);
  }
}

export function lockLost(what: string, hint = 'Run the command again.'): SwampError {
  return new SwampError('lock_lost', what, { hint });
}
