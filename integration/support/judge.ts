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
import { type Act, artifactSpecification, describeState, type Fact } from './artifact.js';
import { findUnexplained, type Operation } from './linearizable.js';
import { AUDIT, type Entry, type History, PLACES, type Place, placeName, SHELL_MODEL, type ToldError, WORLD } from './record.js';

export interface Violation {
  readonly kind: 'failed' | 'number' | 'content' | 'untold' | 'half' | 'vanished' | 'order' | 'overtaken' | 'unexplained' | 'left';
  readonly message: string;
}

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

type Tell = (kind: Violation['kind'], message: string) => void;

function isAudit(token: string): boolean {
  return token.startsWith(`${AUDIT}.`);
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

type Writer = Entry<'put' | 'run'>;

function writersOf(entries: readonly Entry[]): Map<string, Writer> {
  return new Map(entries.flatMap((entry) => (entry.op === 'put' || entry.op === 'run' ? [[entry.token, entry] as const] : [])));
}

/** The hash that its writer declared; undefined for what only the product knows, the `result` of a method. */
function declared(writer: Writer, { model, name }: Place): string | undefined | 'elsewhere' {
  if (writer.op === 'put') return writer.call.model === model && writer.call.name === name ? writer.call.sha : 'elsewhere';
  if (writer.call.model !== model) return 'elsewhere';
  return name === 'log' ? writer.call.sha : name === 'result' ? undefined : 'elsewhere';
}

/** Something that was told of a version. */
interface Claim {
  readonly place: Place;
  readonly token: string;
  readonly version: number;
  readonly owner?: string | undefined;
  readonly generation?: number;
  readonly checksum?: string;
  /** The content as it was read. */
  readonly read?: { readonly by: string | null };
}

function claimsOf(entry: Entry): Claim[] {
  const { token } = entry;
  if (entry.answer === undefined) return [];
  if (entry.op === 'put') return [{ place: entry.call, token, owner: token, ...entry.answer }];
  if (entry.op === 'run') {
    const { result, log } = entry.answer;
    return Object.entries({ result, log }).map(([name, version]) => ({ place: { model: SHELL_MODEL, name }, token, owner: token, version }));
  }
  if (entry.op === 'get') {
    const { version, generation, checksum, sha, by } = entry.answer;
    const place = entry.call;
    return [
      { place, token, version, generation, checksum },
      { place, token, version, checksum: sha, read: { by }, ...(by === null ? {} : { owner: by }) },
    ];
  }
  if (entry.op === 'versions') return entry.answer.versions.map(([version, checksum]) => ({ place: entry.call, token, version, checksum }));
  if (entry.op === 'list')
    return entry.answer.items.map((item) => ({ place: item, token, version: item.version, ...(item.by === null ? {} : { owner: item.by }) }));
  return [];
}

function account(accounts: ReadonlyMap<string, Account>, place: Place): Account {
  const found = accounts.get(placeName(place));
  if (found === undefined) throw new Error(`nobody was asked to write ${placeName(place)}`);
  return found;
}

interface Known extends Fact {
  readonly version: number;
  readonly checksum?: string | undefined;
  /** Who told of it first. */
  readonly token: string;
}

/** All that was told of one artifact. */
class Account {
  readonly place: Place;
  readonly facts = new Map<number, Known>();
  readonly operations: Operation<Act>[] = [];
  /** By owner. */
  readonly versions = new Map<string, number>();

  constructor(place: Place) {
    this.place = place;
  }

  get #name(): string {
    return placeName(this.place);
  }

  /** A version is one thing for ever: whatever is told of it agrees with what was told before (P3, P4). */
  add({ version, token, owner, generation, checksum, read }: Claim, tell: Tell): void {
    const before = this.facts.get(version) ?? { version, token };
    const now = { owner, generation, checksum };
    for (const key of ['owner', 'generation', 'checksum'] as const) {
      if (before[key] === undefined || now[key] === undefined || before[key] === now[key]) continue;
      tell('number', `${this.#name} version ${version}: its ${key} is ${before[key]} to ${before.token}, and ${now[key]} to ${token} (P3, P4)`);
    }
    if (read?.by === null) tell('content', `${this.#name} version ${version}: ${token} read what nobody wrote (hash ${checksum})`);
    this.facts.set(version, {
      version,
      token: before.token,
      owner: before.owner ?? owner,
      generation: before.generation ?? generation,
      checksum: before.checksum ?? checksum,
    });
  }

  /** Every version has one writer, and that one wrote this, here, once. */
  identify(writers: ReadonlyMap<string, Writer>, tell: Tell): void {
    const hashes = new Map([...writers.values()].map((writer) => [writer.call.sha, writer.token]));
    for (const fact of this.facts.values()) {
      const owner = fact.owner ?? hashes.get(fact.checksum ?? '');
      const what = `${this.#name} version ${fact.version}, told by ${fact.token}`;
      if (owner !== undefined) this.#attribute({ ...fact, owner }, writers.get(owner), what, tell);
      // What only the list of versions told of a method's result tells no writer.
      else if (fact.checksum !== undefined && this.#name !== placeName({ model: SHELL_MODEL, name: 'result' })) {
        tell('content', `${what}: nobody wrote what has the hash ${fact.checksum}`);
      }
    }
  }

  #attribute(fact: Known & { readonly owner: string }, writer: Writer | undefined, what: string, tell: Tell): void {
    const { version, owner, checksum } = fact;
    this.facts.set(version, fact);
    const sha = writer === undefined ? 'elsewhere' : declared(writer, this.place);
    if (sha === 'elsewhere') tell('content', `${what}: ${owner} wrote nothing here`);
    else if (sha !== undefined && checksum !== undefined && sha !== checksum) tell('content', `${what}: ${owner} wrote ${sha}, and ${checksum} is there`);
    if (writer?.error !== undefined) tell('untold', `${what}: ${owner} was told that nothing was written (${writer.error.code}: ${writer.error.message})`);
    const twice = this.versions.get(owner);
    if (twice !== undefined) tell('number', `${this.#name}: ${owner} wrote both version ${twice} and version ${version}`);
    this.versions.set(owner, version);
  }

  /** What is there at the end; undefined when nobody looked. */
  #left(): readonly number[] | undefined {
    const last = this.operations.findLast(({ id, act }) => isAudit(id) && act.do === 'versions')?.act;
    return last?.do === 'versions' ? last.versions : undefined;
  }

  /** When the last delete returned that may have taken any version. */
  #lastTaken(): number {
    return this.operations.reduce((latest, { act, to }) => (act.do === 'remove' || act.do === 'clear' ? Math.max(latest, to) : latest), 0);
  }

  /** False when a version by that call, which began at `from`, is not there, and no delete can have taken it. */
  mayHaveHad(token: string, from: number): boolean {
    if (this.versions.has(token)) return true;
    const left = this.#left();
    if (left === undefined || left.some((version) => this.facts.get(version)?.owner === undefined)) return true;
    return (
      this.#lastTaken() >= from || this.operations.some(({ act, to }) => act.do === 'drop' && to >= from && this.facts.get(act.version)?.owner === undefined)
    );
  }

  /** A version that was acknowledged or seen is there at the end, or a delete may have taken it. */
  expectKept(tell: Tell): void {
    const left = this.#left();
    if (left === undefined) return;
    const lastTaken = this.#lastTaken();
    const dropped = new Map(this.operations.flatMap(({ act, to }) => (act.do === 'drop' ? [[act.version, to] as const] : [])));
    for (const { id, act, from } of this.operations) {
      if (act.do !== 'put' || act.version === undefined || left.includes(act.version)) continue;
      if (lastTaken >= from || (dropped.get(act.version) ?? -1) >= from) continue;
      tell('vanished', `${this.#name} version ${act.version}, written by ${id}, is gone, and no delete took it`);
    }
  }

  /** Numbers go up with time. */
  expectOrder(tell: Tell): void {
    const puts = this.operations.flatMap(({ id, act, from, to }) =>
      act.do === 'put' && act.version !== undefined ? [{ id, from, to, version: act.version }] : [],
    );
    let latest: (typeof puts)[number] | undefined;
    for (const put of puts.sort((a, b) => a.version - b.version)) {
      if (latest !== undefined && put.to < latest.from)
        tell('order', `${this.#name}: ${put.id} had got version ${put.version} before ${latest.id} began, which got version ${latest.version}`);
      if (latest === undefined || put.from > latest.from) latest = put;
    }
  }

  expectExplanation(tell: Tell): void {
    const unexplained = findUnexplained(artifactSpecification(this.facts), this.operations);
    if (unexplained === undefined) return;
    const { operation, states, open } = unexplained;
    const { act } = operation;
    // It must have happened, since the other output of the same method was seen; and there is no number it could have got.
    if (act.do === 'put' && act.version === undefined) {
      tell('half', `${this.#name}: the other output of ${operation.id} was seen, and this one cannot have been written`);
      return;
    }
    const text = ({ id, act, certain }: Operation<Act>): string => `${id} ${JSON.stringify(act)}${certain ? '' : ' (perhaps)'}`;
    const before = states.slice(0, 5).map((state) => `\n    ${describeState(state)}`);
    const beside = open.slice(0, 20).map((one) => `\n    ${text(one)}`);
    tell('unexplained', `${this.#name}: no order explains ${text(operation)}\n  the state before may have been${before.join('')}\n  beside${beside.join('')}`);
  }
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
