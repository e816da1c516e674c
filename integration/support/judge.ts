/**
 * What a history must keep, whatever was done to the processes that made it:
 *
 *   1. No call fails because of another one, and no check finds damage.
 *   2. A version's number is given out once, and what is read of it is, byte for byte, what one call says it wrote (P3, P4).
 *   3. What was told as not written is never seen; of a method's outputs both are there or neither.
 *   4. An acknowledged version is there at the end, or a delete took it.
 *   5. An acknowledged method run was not overtaken by a delete (P9).
 *   6. The operations on each artifact can be put into one order that agrees with time and with every answer.
 *
 * The first five are looked for directly, since they say better what is wrong; the sixth would find most of them too.
 */

import { Account, claimsOf, isAudit, type Tell, type Violation, type Writer, writersOf } from './account.js';
import type { Act } from './artifact.js';
import type { Operation } from './linearizable.js';
import { type Entry, type History, PLACES, type Place, placeName, SHELL_MODEL, type ToldError, WORLD } from './record.js';

/** A fence whose holder stood still for less than this was not stale: the ttl of a history is twice as much. Milliseconds. */
const STALLED_MS = 1_000;

export function judge({ entries }: History): Violation[] {
  const violations: Violation[] = [];
  const tell = (kind: Violation['kind'], message: string): void => void violations.push({ kind, message });
  const accounts = new Map(PLACES.map((place) => [placeName(place), new Account(place)]));
  const writers = writersOf(entries);
  for (const entry of entries) expectAnswer(entry, tell);
  for (const claim of entries.flatMap(claimsOf)) account(accounts, claim.place).add(claim, tell);
  for (const one of accounts.values()) one.identify(writers, tell);
  const finished = finishing(entries);
  for (const entry of entries) for (const { place, operation } of operationsOf(entry, accounts, finished)) account(accounts, place).operations.push(operation);
  expectWhole(entries, accounts, tell);
  for (const one of accounts.values()) {
    one.expectKept(tell);
    one.expectOrder(tell);
    one.expectExplanation(tell);
  }
  expectNotOvertaken(entries, tell);
  return violations;
}
/** What a call may fail with in a repository where others work and die: nothing that is their doing (L4). */
const ALLOWED: Readonly<Record<Entry['op'], readonly string[]>> = {
  put: [],
  get: ['data_not_found'],
  versions: ['data_not_found'],
  list: [],
  delete: ['data_not_found'],
  clear: [],
  run: ['lock_lost'],
  check: [],
  sweep: [],
};

function expectAnswer(entry: Entry, tell: Tell): void {
  const { op, call, error, token } = entry;
  if (op === 'clear' && (entry.answer?.failed ?? 0) > 0) tell('failed', `${token}: a delete of many says that ${entry.answer?.failed} of them failed`);
  for (const finding of (op === 'check' ? entry.answer?.findings : undefined) ?? []) tell('left', `${token}: a check in the midst of it all found ${finding}`);
  if (error === undefined) return;
  const allowed = [...ALLOWED[op], ...('expect' in call ? ['conflict'] : []), ...('version' in call ? ['version_not_found'] : [])];
  const what = `${token}: ${op} ${JSON.stringify(call)} failed as ${error.code}: ${error.message}`;
  if (!allowed.includes(error.code)) tell('failed', what);
  if (error.code === 'lock_lost') expectLost(error, what, tell);
}

/** A run that lost its lock says where its outputs are, if there are any, and had stood still for long enough to lose it. */
function expectLost({ stalledMs, data, produced }: ToldError, what: string, tell: Tell): void {
  if (stalledMs < STALLED_MS) tell('failed', `${what} (its process stood still for ${stalledMs} ms at most)`);
  if (produced === true && typeof data['kept'] !== 'string') tell('failed', `${what} (nothing was kept)`);
}

function account(accounts: ReadonlyMap<string, Account>, place: Place): Account {
  const found = accounts.get(placeName(place));
  if (found === undefined) throw new Error(`nobody was asked to write ${placeName(place)}`);
  return found;
}

function outputs(accounts: ReadonlyMap<string, Account>): Account[] {
  return ['result', 'log'].map((name) => account(accounts, { model: SHELL_MODEL, name }));
}

/** A method whose `result` was seen has its `log`, too, and the other way round. The search finds this as well, and says less of it. */
function expectWhole(entries: readonly Entry[], accounts: ReadonlyMap<string, Account>, tell: Tell): void {
  for (const { op, token, from } of entries) {
    if (op !== 'run') continue;
    const [one, other] = outputs(accounts).sort((a, b) => Number(b.versions.has(token)) - Number(a.versions.has(token)));
    const version = one?.versions.get(token);
    if (version === undefined || other === undefined || other.mayHaveHad(token, from)) continue;
    tell('half', `${token} left a ${one?.place.name}, version ${version}, and no ${other.place.name}`);
  }
}

interface Placed {
  readonly place: Place;
  readonly operation: Operation<Act>;
}

/**
 * When what a dead process had published is out at the latest: whoever writes to the model next finishes it first, else the
 * sweep after the last call.
 */
function finishing(entries: readonly Entry[]): (died: number) => number {
  const last = entries.reduce((latest, { token, to }) => (isAudit(token) ? latest : Math.max(latest, to)), 0);
  const writes = entries
    .filter((entry) => entry.answer !== undefined && (entry.op === 'put' || entry.op === 'run' || entry.op === 'delete') && entry.call.model === SHELL_MODEL)
    .sort((a, b) => a.from - b.from);
  // The first return among each write and those that began after it.
  const returned = writes.map(({ to }) => to);
  for (let i = returned.length - 2; i >= 0; i--) returned[i] = Math.min(returned[i] ?? last, returned[i + 1] ?? last);
  return (died) => returned[firstAfter(writes, died)] ?? last;
}

/** The operations that a call amounts to, artifact by artifact. */
function operationsOf(entry: Entry, accounts: ReadonlyMap<string, Account>, finished: (died: number) => number): Placed[] {
  const { token: id, from, to } = entry;
  const at = (place: Place, act: Act | undefined, certain = true, until = to): Placed[] =>
    act === undefined ? [] : [{ place, operation: { id, act, from, to: until, certain } }];
  switch (entry.op) {
    case 'put':
      return at(entry.call, putAct(entry, account(accounts, entry.call)), hasHappened(entry, account(accounts, entry.call)));
    case 'get':
      return at(entry.call, getAct(entry));
    case 'versions':
      return at(entry.call, versionsAct(entry));
    case 'check':
    case 'sweep':
      return [];
    case 'delete':
      return at(entry.call, deleteAct(entry), entry.answer !== undefined || entry.error !== undefined);
    case 'clear': {
      const names = (WORLD[entry.call.model] ?? []).filter((name) => name.startsWith(entry.call.prefix));
      return names.flatMap((name) => at({ model: entry.call.model, name }, { do: 'clear' }, entry.answer !== undefined));
    }
    case 'list': {
      const { answer } = entry;
      if (answer === undefined) return [];
      const places = PLACES.filter(({ model }) => entry.call.model === undefined || entry.call.model === model);
      const versionAt = (place: Place): number => answer.items.find((item) => item.model === place.model && item.name === place.name)?.version ?? 0;
      return places.flatMap((place) => at(place, { do: 'latest', version: versionAt(place) }));
    }
    case 'run': {
      if (entry.error !== undefined) return [];
      const both = outputs(accounts);
      const until = entry.answer === undefined ? finished(to) : to;
      const happened = both.some((one) => hasHappened(entry, one));
      return both.flatMap((one) => at(one.place, putAct(entry, one), happened, until));
    }
  }
}

/** True for a write that was acknowledged, or whose version was seen. */
function hasHappened(entry: Writer, { versions }: Account): boolean {
  return entry.answer !== undefined || entry.error !== undefined || versions.has(entry.token);
}

function putAct(entry: Writer, { versions }: Account): Act | undefined {
  const expected = entry.op === 'put' ? entry.call.expect : undefined;
  if (entry.error !== undefined) {
    const actual = entry.error.data['actualVersion'];
    return entry.error.code === 'conflict' && expected !== undefined ? { do: 'conflict', expected, actual: Number(actual) } : undefined;
  }
  const version = versions.get(entry.token);
  return { do: 'put', ...(version === undefined ? {} : { version }), ...(expected === undefined ? {} : { expected }) };
}

function getAct({ call, answer, error }: Entry<'get'>): Act | undefined {
  if (answer !== undefined) {
    return call.version === undefined ? { do: 'latest', version: answer.version } : { do: 'look', version: answer.version, latest: answer.latest };
  }
  if (error?.code === 'version_not_found' && call.version !== undefined) return { do: 'miss', version: call.version };
  return error?.code === 'data_not_found' ? { do: 'latest', version: 0 } : undefined;
}

function versionsAct({ answer, error }: Entry<'versions'>): Act | undefined {
  if (answer !== undefined) return { do: 'versions', versions: answer.versions.map(([version]) => version) };
  return error?.code === 'data_not_found' ? { do: 'versions', versions: [] } : undefined;
}

function deleteAct({ call: { version }, answer, error }: Entry<'delete'>): Act | undefined {
  if (error?.code === 'data_not_found') return { do: 'never' };
  if (error?.code === 'version_not_found' && version !== undefined) return { do: 'unborn', version };
  if (error !== undefined) return undefined;
  if (version !== undefined) return { do: answer?.already === true ? 'dropped' : 'drop', version };
  if (answer === undefined) return { do: 'remove' };
  return answer.already ? { do: 'gone' } : { do: 'remove', count: answer.count };
}

/** P9: no delete that took something began after a method's first output and ended before its last. */
function expectNotOvertaken(entries: readonly Entry[], tell: Tell): void {
  const deletes = entries
    .filter((entry) => (entry.op === 'delete' || entry.op === 'clear') && entry.call.model === SHELL_MODEL && (entry.answer?.count ?? 0) > 0)
    .sort((a, b) => a.from - b.from);
  for (const entry of entries) {
    if (entry.op !== 'run' || entry.answer === undefined) continue;
    const { began, ended } = entry.answer;
    for (const one of deletes.slice(firstAfter(deletes, began))) {
      if (one.from > ended) break;
      if (one.to < ended)
        tell('overtaken', `${one.token} deleted from ${one.from} to ${one.to}, while the method of ${entry.token} ran from ${began} to ${ended} (P9)`);
    }
  }
}

/** Where in a list in the order of time those begin that began after `at`. */
function firstAfter(entries: readonly Entry[], at: number): number {
  let low = 0;
  for (let high = entries.length; low < high; ) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.from ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
