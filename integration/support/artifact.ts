/** What one artifact does when its operations come one after the other: the specification that histories are held against. */
import type { Specification } from './linearizable.js';

/** An operation together with what it answered. */
export type Act =
  /** Without a version: its answer never came, and nobody ever saw what it wrote. */
  | { readonly do: 'put'; readonly version?: number; readonly expected?: number }
  /** A compare-and-swap that was refused. */
  | { readonly do: 'conflict'; readonly expected: number; readonly actual: number }
  /** The latest version, as get and list tell it; 0: there is none. */
  | { readonly do: 'latest'; readonly version: number }
  /** One version, and whether it was the latest. */
  | { readonly do: 'look'; readonly version: number; readonly latest: boolean }
  /** One version that was not there. */
  | { readonly do: 'miss'; readonly version: number }
  /** All versions, ascending; none: there is no artifact. */
  | { readonly do: 'versions'; readonly versions: readonly number[] }
  /** The delete that took them; without a count its answer never came. */
  | { readonly do: 'remove'; readonly count?: number }
  /** A delete that was told: already deleted. */
  | { readonly do: 'gone' }
  /** A delete that was told: never existed. */
  | { readonly do: 'never' }
  | { readonly do: 'drop'; readonly version: number }
  | { readonly do: 'dropped'; readonly version: number }
  /** The delete of a version whose number was never given out. */
  | { readonly do: 'unborn'; readonly version: number }
  /** A delete of whatever is there, nothing included. */
  | { readonly do: 'clear' };

/** What is known of a version from all that was told of it: its number is given out once (P4). */
export interface Fact {
  /** Data-fence epoch at which its artifact came into being. */
  readonly generation?: number | undefined;
  /** Token of the call that wrote it. */
  readonly owner?: string | undefined;
}

export interface State {
  /** The highest number given out. */
  readonly floor: number;
  /** The floor at which the artifact that is there came into being; undefined: there is none. */
  readonly born: number | undefined;
  /** Numbers above `born` that are deleted, ascending. */
  readonly dropped: readonly number[];
  /** Of the artifact that is there, when `exact`; else it is only known to be above this. */
  readonly generation: number;
  readonly exact: boolean;
}

const READS: ReadonlySet<Act['do']> = new Set(['conflict', 'latest', 'look', 'miss', 'versions', 'gone', 'never', 'dropped', 'unborn']);

export function artifactSpecification(facts: ReadonlyMap<number, Fact>): Specification<State, Act> {
  return {
    initial: { floor: 0, born: undefined, dropped: [], generation: 0, exact: true },
    isRead: (act) => READS.has(act.do),
    key: ({ floor, born, dropped, generation, exact }) => `${floor} ${born ?? '-'} ${dropped.join(',')} ${generation}${exact ? '' : '+'}`,
    alike: (act) => (act.do === 'put' && act.version === undefined ? `put ${act.expected ?? ''}` : undefined),
    apply: (state, act) => {
      if (READS.has(act.do)) return isTrue(state, act) ? state : undefined;
      if (act.do === 'put') return put(state, act, facts);
      if (act.do === 'drop') return drop(state, act.version);
      if (act.do === 'clear') return state.born === undefined ? state : removed(state);
      if (act.do === 'remove') return state.born === undefined || (act.count ?? count(state)) !== count(state) ? undefined : removed(state);
      return undefined;
    },
  };
}

/** What a person reads of a state. */
export function describeState(state: State): string {
  const what = state.born === undefined ? 'absent' : `versions ${versionsOf(state).join(' ')}`;
  return `${what}, counted up to ${state.floor}, generation ${state.exact ? '' : 'above '}${state.generation}`;
}

function isTrue(state: State, act: Act): boolean {
  switch (act.do) {
    case 'conflict':
      return latest(state) === act.actual && act.actual !== act.expected;
    case 'latest':
      return latest(state) === act.version;
    case 'look':
      return has(state, act.version) && (latest(state) === act.version) === act.latest;
    case 'miss':
      return !has(state, act.version);
    case 'versions':
      return versionsOf(state).join() === act.versions.join();
    case 'gone':
      return state.born === undefined && state.floor > 0;
    case 'never':
      return state.floor === 0;
    case 'dropped':
      return act.version <= state.floor && !has(state, act.version);
    case 'unborn':
      return act.version > state.floor && state.floor > 0;
    default:
      return false;
  }
}

/** The next number, and no other; the generation of the artifact that is there, or a greater one (P4, D8). */
function put(state: State, { version, expected }: Act & { readonly do: 'put' }, facts: ReadonlyMap<number, Fact>): State | undefined {
  if (expected !== undefined && expected !== latest(state)) return undefined;
  const next = state.floor + 1;
  const fact = facts.get(next);
  if (version === undefined ? fact?.owner !== undefined : version !== next) return undefined;
  const generation = fact?.generation;
  if (state.born !== undefined && state.exact) {
    return generation !== undefined && generation !== state.generation ? undefined : { ...state, floor: next };
  }
  if (generation !== undefined && generation <= state.generation) return undefined;
  const known = generation === undefined ? { exact: false } : { exact: true, generation };
  if (state.born !== undefined) return { ...state, ...known, floor: next };
  return { floor: next, born: state.floor, dropped: [], generation: state.generation, ...known };
}

/** The last version takes the artifact along. */
function drop(state: State, version: number): State | undefined {
  if (!has(state, version)) return undefined;
  return count(state) === 1 ? removed(state) : { ...state, dropped: [...state.dropped, version].sort((a, b) => a - b) };
}

function removed({ floor, generation }: State): State {
  return { floor, born: undefined, dropped: [], generation, exact: true };
}

function has({ floor, born, dropped }: State, version: number): boolean {
  return born !== undefined && version > born && version <= floor && !dropped.includes(version);
}

function count({ floor, born, dropped }: State): number {
  return born === undefined ? 0 : floor - born - dropped.length;
}

function latest(state: State): number {
  if (state.born === undefined) return 0;
  for (let version = state.floor; ; version--) if (!state.dropped.includes(version)) return version;
}

function versionsOf(state: State): number[] {
  if (state.born === undefined) return [];
  const versions: number[] = [];
  for (let version = state.born + 1; version <= state.floor; version++) if (has(state, version)) versions.push(version);
  return versions;
}
