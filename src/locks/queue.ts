/**
 * The waiters for a lock, in order of arrival: one small file each. Advisory: a ticket that is lost costs its owner a
 * place, never safety, and an owner that finds its ticket gone files it again under the old name.
 */
import { join } from 'node:path';
import { errnoOf, isErrno, isFull, isSystemError, reasonOf } from '../errors.js';
import { makeDirs, removeEmptyDir, removeFile, writeAdvisory } from '../fs/durable.js';
import { exists, listStore, modifiedAt, readText } from '../fs/tree.js';
import { GLOBAL, isModelId, type Layout, type LockName } from '../layout/layout.js';
import { type Holder, hostName, isProvablyDead, parseHolder } from './holder.js';
import type { Session } from './session.js';

/** `acquire` wants the lock; `writer` waits in the global queue for the global lock to be free; `drain` only names a wait. */
export type TicketKind = 'acquire' | 'writer' | 'drain';

export interface Ticket {
  /** Sorts by arrival. */
  readonly name: string;
  readonly path: string;
  readonly kind: TicketKind;
  readonly holder: Holder | undefined;
}

export interface TicketDetails {
  readonly command: string;
  readonly host: string;
  readonly pid: number;
  /** RFC 3339, UTC. */
  readonly since: string;
  /** Run fences held by the waiter's ancestors (N4). */
  readonly ancestors: readonly string[];
}

const LETTERS = { acquire: 'a', writer: 'w', drain: 'd' } as const satisfies Record<TicketKind, string>;
const KINDS: Readonly<Record<string, TicketKind>> = { a: 'acquire', w: 'writer', d: 'drain' };
const PLACE_DIGITS = 13;
const TICKET = /^[0-9]{13}-([awd])-(.+)\.json$/;

/** The tickets of a lock in order of arrival; names that are no ticket are left out. */
export function readQueue(layout: Layout, lock: LockName): Ticket[] {
  const dir = layout.queue(lock);
  return (listStore(dir) ?? []).flatMap((name) => parseTicket(dir, name) ?? []);
}

/** The locks that have a queue, taken or not. */
export function queuedLocks(layout: Layout): LockName[] {
  return (listStore(layout.queues) ?? []).flatMap((name) => lockOfQueue(name) ?? []);
}

/** The lock whose queue the directory `name` is; undefined for any other name. */
export function lockOfQueue(name: string): LockName | undefined {
  if (name === GLOBAL.kind) return GLOBAL;
  const [modelId = '', kind = ''] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.') + 1)];
  return (kind === 'data' || kind === 'run') && isModelId(modelId) ? { kind, modelId } : undefined;
}

/** The ticket that a file name in the queue `dir` means; undefined for one that is not a ticket. */
export function parseTicket(dir: string, name: string): Ticket | undefined {
  const match = TICKET.exec(name);
  const kind = KINDS[match?.[1] ?? ''];
  return match === null || kind === undefined ? undefined : { name, path: join(dir, name), kind, holder: parseHolder(match[2] ?? '') };
}

/** The last place that a ticket's name can hold. */
const LAST_PLACE = 10 ** PLACE_DIGITS - 1;

/**
 * The number of a new ticket: behind every ticket that is there, whatever their clocks say. By the clock alone, a waiter from a host
 * that is an hour ahead would let everybody pass for an hour. The clock only keeps the numbers of a queue that was empty in between apart.
 */
function nextPlace(layout: Layout, lock: LockName): string {
  const last = readQueue(layout, lock).at(-1)?.name.slice(0, PLACE_DIGITS) ?? 0;
  return String(Math.min(LAST_PLACE, Math.max(Date.now(), Number(last) + 1))).padStart(PLACE_DIGITS, '0');
}

/** What a ticket says of its owner; undefined when it is gone or torn. */
export function readTicket(layout: Layout, lock: LockName, name: string): TicketDetails | undefined {
  const text = readText(join(layout.queue(lock), name));
  if (text === undefined) return undefined;
  try {
    const { command, host, pid, since, ancestors } = JSON.parse(text) as Partial<Record<keyof TicketDetails, unknown>>;
    const list = Array.isArray(ancestors) ? ancestors.filter((item): item is string => typeof item === 'string') : [];
    return { command: String(command), host: String(host), pid: Number(pid), since: String(since), ancestors: list };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Takes a ticket out of the queue: one of a dead waiter, or one whose owner left the free lock untaken. */
export async function dropTicket(layout: Layout, lock: LockName, ticket: Ticket): Promise<void> {
  await removeFile(join(layout.queue(lock), ticket.name));
}

export function isDeadTicket(ticket: Ticket): boolean {
  return ticket.holder !== undefined && isProvablyDead(ticket.holder, () => modifiedAt(ticket.path));
}

/** Removes the queues of a deleted model where no process waits any more; a late one makes its own again. What fails leaves an empty directory to the next sweep. */
export async function removeQueues(layout: Layout, modelId: string): Promise<void> {
  for (const kind of ['data', 'run'] as const) {
    try {
      await removeEmptyDir(layout.queue({ kind, modelId }));
    } catch (error) {
      if (!isSystemError(error)) throw error;
    }
  }
}

/** Our own ticket for one lock. Its place in the queue is that of its first filing. */
export class OwnTicket {
  readonly lock: LockName;
  readonly #session: Session;
  readonly #kind: TicketKind;
  readonly #ancestors: readonly string[];
  #name: string | undefined;
  #since = '';

  constructor(session: Session, lock: LockName, kind: TicketKind, ancestors: readonly string[]) {
    this.#session = session;
    this.lock = lock;
    this.#kind = kind;
    this.#ancestors = ancestors;
  }

  /** The file name once filed, else undefined. */
  get name(): string | undefined {
    return this.#name;
  }

  /** Files the ticket, or puts it back when another process dropped it. */
  async file(): Promise<void> {
    const { layout } = this.#session.repo;
    if (this.#name === undefined) {
      this.#since = new Date().toISOString();
      this.#name = `${nextPlace(layout, this.lock)}-${LETTERS[this.#kind]}-${this.#session.holder}.json`;
    }
    const path = join(layout.queue(this.lock), this.#name);
    if (exists(path)) return;
    const details: TicketDetails = {
      command: this.#session.repo.command,
      host: hostName(),
      pid: process.pid,
      since: this.#since,
      ancestors: this.#ancestors,
    };
    try {
      await makeDirs(layout.queue(this.lock));
      writeAdvisory(path, `${JSON.stringify(details)}\n`);
    } catch (error) {
      // A full disk costs the place in the queue, not the command; so does a queue that was removed meanwhile, until the next look.
      if (!isFull(error) && !isErrno(error, 'ENOENT')) throw error;
    }
  }

  /** Takes it out; its place is kept for a later file(). One that cannot be removed is passed by the others: no reason to fail, least of all for who has just got the lock. */
  async withdraw(): Promise<void> {
    if (this.#name === undefined) return;
    const { layout, reporter } = this.#session.repo;
    const path = join(layout.queue(this.lock), this.#name);
    try {
      await removeFile(path);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      reporter.warn(`The ticket ${path} could not be removed: ${reasonOf(error)}.`, { topic: 'lock', lock: this.lock.kind, path, ...errnoOf(error) });
    }
  }

  /** Gives up the place: the next file() goes to the end. */
  async forfeit(): Promise<void> {
    await this.withdraw();
    this.#name = undefined;
  }
}
