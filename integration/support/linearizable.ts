/**
 * Decides whether a history of one object is linearizable: whether each operation can be given one moment between its call
 * and its return, such that one after the other they do what the object's specification says.
 *
 * The search of Wing and Gong, breadth first: it goes through the calls and returns in the order of time, and keeps every
 * configuration that explains all returns so far, each once: the object's state, and which of the operations that are
 * still open have had their moment. No configuration left means that there is no explanation.
 */

export interface Specification<State, Act> {
  readonly initial: State;
  /** The state afterwards, the same object when nothing changes; undefined: this cannot happen in `state`. */
  readonly apply: (state: State, act: Act) => State | undefined;
  /** True for an act that changes no state, so that it may have its moment as soon as it fits one. */
  readonly isRead: (act: Act) => boolean;
  /** Equal for equal states, and for no others. */
  readonly key: (state: State) => string;
  /**
   * Among acts that need not have happened, those with the same text do the same: only the one that ends first is tried.
   * Undefined: like no other.
   */
  readonly alike?: (act: Act) => string | undefined;
}

export interface Operation<Act> {
  readonly id: string;
  readonly act: Act;
  readonly from: number;
  /** When it returned; of one that is not `certain`, the latest time at which it may have taken effect. */
  readonly to: number;
  /** False: it may have had its moment between `from` and `to`, or never. */
  readonly certain: boolean;
}

/** The first return that nothing explains. */
export interface Unexplained<State, Act> {
  readonly operation: Operation<Act>;
  /** Every state the object may have been in just before. */
  readonly states: readonly State[];
  /** What else was going on. */
  readonly open: readonly Operation<Act>[];
}

interface Configuration<State> {
  readonly state: State;
  /** Which of the open operations have had their moment. */
  readonly done: ReadonlySet<number>;
}

/** More than this many at once is no history of a few processes. */
const MOST = 50_000;

/** Undefined when the history is linearizable. Throws when that cannot be decided. */
export function findUnexplained<State, Act>(
  specification: Specification<State, Act>,
  operations: readonly Operation<Act>[],
): Unexplained<State, Act> | undefined {
  const search = new Search(specification);
  for (const { operation, number, returns } of eventsOf(operations)) {
    if (!returns) search.call(number, operation);
    else if (!search.end(number, operation)) return search.unexplained(operation);
  }
  return undefined;
}

interface Event<Act> {
  readonly at: number;
  readonly returns: boolean;
  readonly number: number;
  readonly operation: Operation<Act>;
}

/** At the same time calls come first: two that touch are concurrent. */
function eventsOf<Act>(operations: readonly Operation<Act>[]): Event<Act>[] {
  const events = operations.flatMap((operation, number) => [
    { at: operation.from, returns: false, number, operation },
    { at: operation.to, returns: true, number, operation },
  ]);
  return events.sort((a, b) => a.at - b.at || Number(a.returns) - Number(b.returns) || a.number - b.number);
}

class Search<State, Act> {
  readonly #specification: Specification<State, Act>;
  readonly #open = new Map<number, Operation<Act>>();
  readonly #reads = new Map<number, Operation<Act>>();
  #now: Configuration<State>[];

  constructor(specification: Specification<State, Act>) {
    this.#specification = specification;
    this.#now = [{ state: specification.initial, done: new Set() }];
  }

  call(number: number, operation: Operation<Act>): void {
    this.#open.set(number, operation);
    if (!this.#specification.isRead(operation.act)) return;
    this.#reads.set(number, operation);
    this.#now = this.#now.map((one) => this.#withReads(one));
  }

  /** Keeps what explains the return, or the end of what may have happened; false when nothing does. */
  end(number: number, operation: Operation<Act>): boolean {
    const next = new Map<string, Configuration<State>>();
    const keep = ({ state, done }: Configuration<State>): void => {
      const rest = new Set(done);
      rest.delete(number);
      const one = { state, done: rest };
      next.set(this.#key(one), one);
    };
    for (const one of this.#now) {
      if (one.done.has(number)) keep(one);
      else {
        if (!operation.certain) keep(one);
        for (const reached of this.#reach(one, number)) keep(reached);
      }
    }
    if (next.size > MOST) throw new Error(`more than ${MOST} explanations at ${operation.id}: undecided`);
    if (next.size === 0) return false;
    this.#open.delete(number);
    this.#reads.delete(number);
    this.#now = [...next.values()];
    return true;
  }

  unexplained(operation: Operation<Act>): Unexplained<State, Act> {
    const states = new Map(this.#now.map(({ state }) => [this.#specification.key(state), state]));
    return { operation, states: [...states.values()], open: [...this.#open.values()].filter((one) => one !== operation) };
  }

  /** Every configuration in which `target` has just had its moment, others of the open ones before it where that helps. */
  #reach(start: Configuration<State>, target: number): Configuration<State>[] {
    const reached: Configuration<State>[] = [];
    const seen = new Set<string>();
    const stack = [start];
    for (let one = stack.pop(); one !== undefined; one = stack.pop()) {
      const after = this.#step(one, target);
      if (after !== undefined) reached.push(after);
      for (const number of this.#candidates(one, target)) {
        const then = this.#step(one, number);
        if (then === undefined) continue;
        const key = this.#key(then);
        if (seen.has(key)) continue;
        seen.add(key);
        if (then.done.has(target)) reached.push(then);
        else stack.push(then);
      }
    }
    return reached;
  }

  /** The open operations, other than `target`, that may have their moment next and make a difference to what comes later. */
  *#candidates({ state, done }: Configuration<State>, target: number): Generator<number> {
    const tried = new Map<string, number>();
    const own = this.#like(this.#open.get(target));
    for (const [number, operation] of this.#open) {
      if (number === target || done.has(number) || this.#reads.has(number)) continue;
      // What need not have happened, and changes nothing, need not be looked at.
      if (!operation.certain && this.#specification.apply(state, operation.act) === state) continue;
      const like = this.#like(operation);
      if (like === undefined) yield number;
      // What could stand before the target, and does the same and ends later, can as well stand after it.
      else if (like !== own && !this.#endsLater(number, tried.get(like))) tried.set(like, number);
    }
    yield* tried.values();
  }

  #like(operation: Operation<Act> | undefined): string | undefined {
    return operation === undefined || operation.certain ? undefined : this.#specification.alike?.(operation.act);
  }

  #endsLater(number: number, other: number | undefined): boolean {
    return other !== undefined && (this.#open.get(number)?.to ?? 0) >= (this.#open.get(other)?.to ?? 0);
  }

  #step(one: Configuration<State>, number: number): Configuration<State> | undefined {
    const operation = this.#open.get(number);
    const state = operation === undefined ? undefined : this.#specification.apply(one.state, operation.act);
    return state === undefined ? undefined : this.#withReads({ state, done: new Set(one.done).add(number) });
  }

  /** A read that fits has its moment now: whatever explains the rest without it explains the rest with it. */
  #withReads({ state, done }: Configuration<State>): Configuration<State> {
    const all = new Set(done);
    for (const [number, { act }] of this.#reads) if (!all.has(number) && this.#specification.apply(state, act) !== undefined) all.add(number);
    return { state, done: all };
  }

  #key({ state, done }: Configuration<State>): string {
    return `${this.#specification.key(state)}|${[...done].sort((a, b) => a - b).join(' ')}`;
  }
}
