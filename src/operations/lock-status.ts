/** `datastore lock status`: every lock that is held, by whom, and who waits; takes none. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isSystemError, SwampError } from '../errors.js';
import type { LockName } from '../layout/layout.js';
import { isDeadTicket, readQueue, readTicket, type TicketKind } from '../locks/queue.js';
import { type DamagedLock, type HeldLock, surveyLocks } from '../locks/survey.js';
import { findModelAsItIs } from '../models/files.js';
import { readHolderDetails } from '../protocol/contender.js';
import { readPublished } from '../protocol/global.js';
import type { Repo } from '../repo.js';
import { operation } from './operation.js';

export interface LockWaiter {
  /** `acquire` wants the lock, `writer` waits for the global one to be free, `drain` for this holder to finish. */
  readonly kind: TicketKind;
  readonly command: string;
  readonly host: string;
  readonly pid: number;
  readonly since: string;
}

export interface LockRecord {
  readonly lock: LockName['kind'];
  /** Null for the global lock. */
  readonly modelId: string | null;
  /** Absent when the model has no definition that can be read. */
  readonly modelName?: string;
  readonly state: 'held' | 'draining' | 'closed' | 'damaged';
  /** The entry of the fence; of a damaged one, what is there. */
  readonly holder: string;
  readonly host: string | null;
  readonly pid: number | null;
  readonly command: string | null;
  readonly acquiredAt: string | null;
  readonly heartbeatAt: string | null;
  readonly verdict: 'live' | 'stale' | 'dead' | 'unreadable';
  readonly waiters: readonly LockWaiter[];
}

export interface LockStatusResult {
  readonly locks: readonly LockRecord[];
}

/** What cannot be read is null, a lock that no process can take is `damaged`. Throws `io` when the locks cannot be listed (L7). */
export const lockStatus = operation({ verb: 'datastore lock status', access: 'reads', asItIs: true }, locksOf);

async function locksOf(repo: Repo): Promise<LockStatusResult> {
  const nameOf = modelNames(repo);
  const locks: LockRecord[] = [];
  for (const found of await survey(repo)) locks.push(await lockRecord(repo, found, nameOf));
  return { locks };
}

/** An entry keeps the time of the holder before until its new one has moved it for the first time: who seems stale is looked at twice. */
const FIRST_HEARTBEAT_MS = 50;

async function survey({ layout, timing }: Repo): Promise<(HeldLock | DamagedLock)[]> {
  const isStale = (found: HeldLock | DamagedLock): found is HeldLock => found.state === 'held' && found.seen.verdict === 'stale';
  const first = surveyLocks(layout, timing);
  if (!first.some(isStale)) return first;
  await delay(FIRST_HEARTBEAT_MS);
  return first.flatMap((found) => (isStale(found) ? surveyLocks(layout, timing, [found.seen.lock]) : [found]));
}

type NameOf = (modelId: string) => Promise<string | undefined>;

/** What is shown of one lock. */
export async function lockRecord(repo: Repo, found: HeldLock | DamagedLock, nameOf: NameOf): Promise<LockRecord> {
  const lock = found.state === 'damaged' ? found.lock : found.seen.lock;
  const modelId = lock.kind === 'global' ? null : lock.modelId;
  const fields = found.state === 'damaged' ? damagedFields(found) : heldFields(found);
  const modelName = modelId === null ? undefined : await nameOf(modelId);
  return { lock: lock.kind, modelId, ...(modelName === undefined ? {} : { modelName }), ...fields, waiters: waitersOf(repo, lock) };
}

type HolderFields = Pick<LockRecord, 'state' | 'holder' | 'host' | 'pid' | 'command' | 'acquiredAt' | 'heartbeatAt' | 'verdict'>;

function damagedFields({ entries }: DamagedLock): HolderFields {
  return { state: 'damaged', holder: entries.join(' '), host: null, pid: null, command: null, acquiredAt: null, heartbeatAt: null, verdict: 'unreadable' };
}

function heldFields({ seen, heartbeatAt }: HeldLock): HolderFields {
  const { entry, verdict } = seen;
  const holder = entry.state === 'held' ? entry.holder : undefined;
  const details = readHolderDetails(join(seen.dir, entry.name), entry.name);
  return {
    state: seen.lock.kind === 'global' ? readPublished(seen).state : 'held',
    holder: entry.name,
    host: details?.host ?? null,
    pid: holder?.pid ?? details?.pid ?? null,
    command: details?.command ?? null,
    acquiredAt: details?.since ?? null,
    heartbeatAt: heartbeatAt === undefined ? null : new Date(heartbeatAt).toISOString(),
    verdict: verdict === 'free' ? 'unreadable' : verdict,
  };
}

/** Those who wait, in order; the places of the dead are left out. */
function waitersOf(repo: Repo, lock: LockName): LockWaiter[] {
  return orNone(() =>
    readQueue(repo.layout, lock).flatMap((ticket) =>
      orNone(() => {
        const details = isDeadTicket(ticket) ? undefined : readTicket(repo.layout, lock, ticket.name);
        if (details === undefined) return [];
        const { command, host, pid, since } = details;
        return [{ kind: ticket.kind, command, host, pid, since }];
      }),
    ),
  );
}

/** Tickets are advisory: those that cannot be read cost the list of waiters, not the answer. */
function orNone<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch (error) {
    if (isSystemError(error)) return [];
    throw error;
  }
}

/** Looks each id up once. Definitions that cannot be read cost the name, not the answer. */
export function modelNames(repo: Repo): NameOf {
  const names = new Map<string, Promise<string | undefined>>();
  return (modelId) => {
    const name = names.get(modelId) ?? nameOfModel(repo, modelId);
    names.set(modelId, name);
    return name;
  };
}

async function nameOfModel(repo: Repo, modelId: string): Promise<string | undefined> {
  try {
    const model = await findModelAsItIs(repo, modelId);
    return model.id === modelId ? model.name : undefined;
  } catch (error) {
    if (error instanceof SwampError || isSystemError(error)) return undefined;
    throw error;
  }
}
