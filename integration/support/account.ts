/** All that a history tells of one artifact: what is known of each version, and what must agree with what. */
import { type Act, artifactSpecification, describeState, type Fact } from './artifact.js';
import { findUnexplained, type Operation } from './linearizable.js';
import { AUDIT, type Entry, type Place, placeName, SHELL_MODEL } from './record.js';

export interface Violation {
  readonly kind: 'failed' | 'number' | 'content' | 'untold' | 'half' | 'vanished' | 'order' | 'overtaken' | 'unexplained' | 'left';
  readonly message: string;
}

export type Tell = (kind: Violation['kind'], message: string) => void;

export function isAudit(token: string): boolean {
  return token.startsWith(`${AUDIT}.`);
}

export type Writer = Entry<'put' | 'run'>;

export function writersOf(entries: readonly Entry[]): Map<string, Writer> {
  return new Map(entries.flatMap((entry) => (entry.op === 'put' || entry.op === 'run' ? [[entry.token, entry] as const] : [])));
}

/** The hash that its writer declared; undefined for what only the product knows, the `result` of a method. */
function declared(writer: Writer, { model, name }: Place): string | undefined | 'elsewhere' {
  if (writer.op === 'put') return writer.call.model === model && writer.call.name === name ? writer.call.sha : 'elsewhere';
  if (writer.call.model !== model) return 'elsewhere';
  return name === 'log' ? writer.call.sha : name === 'result' ? undefined : 'elsewhere';
}

/** Something that was told of a version. */
export interface Claim {
  readonly place: Place;
  readonly token: string;
  readonly version: number;
  readonly owner?: string | undefined;
  readonly generation?: number;
  readonly checksum?: string;
  /** The content as it was read. */
  readonly read?: { readonly by: string | null };
}

export function claimsOf(entry: Entry): Claim[] {
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

interface Known extends Fact {
  readonly version: number;
  readonly checksum?: string | undefined;
  /** Who told of it first. */
  readonly token: string;
}

/** All that was told of one artifact. */
export class Account {
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
    const generation = ({ act: one }: Operation<Act>): string =>
      'version' in one ? ` of generation ${this.facts.get(one.version ?? 0)?.generation ?? 'unknown'}` : '';
    const text = (one: Operation<Act>): string => `${one.id} ${JSON.stringify(one.act)}${generation(one)}${one.certain ? '' : ' (perhaps)'}`;
    const before = states.slice(0, 5).map((state) => `\n    ${describeState(state)}`);
    const beside = open.slice(0, 20).map((one) => `\n    ${text(one)}`);
    tell('unexplained', `${this.#name}: no order explains ${text(operation)}\n  the state before may have been${before.join('')}\n  beside${beside.join('')}`);
  }
}
