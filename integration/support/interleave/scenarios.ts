/** The scenarios: writers and structural commands on one model, and an adversary that breaks a live lock. */
import type { Break, Scenario } from './laboratory.js';
import type { Task } from './tasks.js';

const M = 'm';

const create: Task = { kind: 'create', model: M };
const run: Task = { kind: 'run', model: M };
const deleteA: Task = { kind: 'delete', model: M, name: 'a' };
const deleteAll: Task = { kind: 'delete', model: M };
const renameA: Task = { kind: 'rename', model: M, from: 'a', to: 'z' };
const deleteModel: Task = { kind: 'deleteModel', model: M };
const renameModel: Task = { kind: 'renameModel', model: M, to: 'n' };

function put(name: string, text: string, expectVersion?: number): Task {
  return { kind: 'put', model: M, name, text, ...(expectVersion === undefined ? {} : { expectVersion }) };
}

function deleteVersion(version: number): Task {
  return { kind: 'delete', model: M, name: 'a', version };
}

/** A store with two versions of `a`, and a `b` that was deleted. */
const STORE: readonly Task[] = [create, put('a', 'a1'), put('a', 'a2'), put('b', 'b1'), { kind: 'delete', model: M, name: 'b' }];
/** A store with four versions of `a`. */
const FOUR: readonly Task[] = [create, put('a', 'a1'), put('a', 'a2'), put('a', 'a3'), put('a', 'a4')];
/** Versions 3 to 6 of `a`, above its floor, 3: fewer than any of their numbers, so the count of them shows no gap. */
const FEWER: readonly Task[] = [
  ...[create, put('a', 'a1'), put('a', 'a2'), put('a', 'a3'), deleteVersion(1), deleteVersion(2)],
  ...[put('a', 'a4'), put('a', 'a5'), put('a', 'a6')],
];
/** The latest version of `a`, 3, is its floor: an older one was deleted. There are no more versions than the next lower number. */
const AT_FLOOR: readonly Task[] = [create, put('a', 'a1'), put('a', 'a2'), put('a', 'a3'), deleteVersion(1)];
/** A model whose method has run once. */
const SHELL: readonly Task[] = [{ kind: 'create', model: M, run: 'true' }, run, put('a', 'a1')];
/** A method of another model that writes into this one, nested. */
const NESTED: readonly Task[] = [...STORE, { kind: 'create', model: 'p', run: 'put m nested n1' }, { kind: 'run', model: 'p' }];
/** Two methods that both delete, nested: that of `p` in the model `q`, that of `q` in `m`. */
const TWO_NESTED: readonly Task[] = [
  ...[create, put('a', 'a1')],
  ...[{ kind: 'create', model: 'q', run: 'delete m a' } as const, { kind: 'put', model: 'q', name: 'x', text: 'x1' } as const],
  ...[{ kind: 'create', model: 'p', run: 'delete q x' } as const, { kind: 'put', model: 'p', name: 'r', text: 'r1' } as const],
];

const gc: Task = { kind: 'gc', model: M, keep: 1 };
const gcAll: Task = { kind: 'gc', model: M, keep: 2, expires: 'a2' };

function ruled(text: string, rule: { readonly gc?: string; readonly lifetime?: string }): Task {
  return { kind: 'put', model: M, name: 'a', text, ...rule };
}

/** Three versions of `a`, of which one is kept; two that have expired. */
const KEPT: readonly Task[] = [create, put('a', 'a1'), put('a', 'a2'), ruled('a3', { gc: '1' })];
const EXPIRED: readonly Task[] = [create, put('a', 'a1'), ruled('a2', { lifetime: 'ephemeral' })];

const GLOBAL: Break = { lock: 'global', model: M };
const DATA: Break = { lock: 'data', model: M };
const RUN: Break = { lock: 'run', model: M };

export const SCENARIOS: readonly Scenario[] = [
  { title: 'two puts', setup: STORE, tasks: [put('a', 'x'), put('a', 'y')] },
  { title: 'two first puts', setup: [create], tasks: [put('a', 'x'), put('a', 'y')] },
  { title: 'two puts that expect the same version', setup: STORE, tasks: [put('a', 'x', 2), put('a', 'y', 2)] },
  { title: 'put and delete', setup: STORE, tasks: [put('a', 'x'), deleteA] },
  { title: 'put after a delete, and delete', setup: STORE, tasks: [put('b', 'x'), { kind: 'delete', model: M, name: 'b' }] },
  { title: 'put, and delete of the newest version', setup: STORE, tasks: [put('a', 'x'), { kind: 'delete', model: M, name: 'a', version: 2 }] },
  { title: 'put, and delete of an older version', setup: FOUR, tasks: [put('a', 'x'), deleteVersion(2)] },
  { title: 'get, and delete of an older version', setup: FOUR, tasks: [{ kind: 'get', model: M, name: 'a' }, deleteVersion(3)] },
  { title: 'put and gc of superseded versions', setup: KEPT, tasks: [ruled('x', { gc: '1' }), gc] },
  { title: 'put and gc of an expired artifact', setup: EXPIRED, tasks: [put('a', 'x'), gcAll] },
  { title: 'get and gc', setup: KEPT, tasks: [{ kind: 'get', model: M, name: 'a' }, gc] },
  { title: 'delete and gc', setup: KEPT, tasks: [deleteA, gc] },
  { title: 'put and gc, a lock is broken', setup: KEPT, tasks: [ruled('x', { gc: '1' }), gc], breaks: [GLOBAL, DATA] },
  { title: 'put and delete --all', setup: STORE, tasks: [put('c', 'x'), deleteAll] },
  { title: 'put and rename', setup: STORE, tasks: [put('a', 'x'), renameA] },
  { title: 'put and model delete', setup: STORE, tasks: [put('a', 'x'), deleteModel] },
  { title: 'put and model rename', setup: STORE, tasks: [put('a', 'x'), renameModel] },
  { title: 'method and delete', setup: SHELL, tasks: [run, { kind: 'delete', model: M, name: 'result' }] },
  { title: 'two methods', setup: SHELL, tasks: [run, run] },
  { title: 'two deletes', setup: STORE, tasks: [deleteA, deleteA] },
  { title: 'delete and rename', setup: STORE, tasks: [deleteA, renameA] },
  { title: 'get and rename', setup: STORE, tasks: [{ kind: 'get', model: M, name: 'z' }, renameA] },
  {
    title: 'get, rename and rename back',
    setup: STORE,
    tasks: [{ kind: 'get', model: M, name: 'a' }, renameA, { kind: 'rename', model: M, from: 'z', to: 'a' }],
  },
  {
    title: 'list, rename and rename back',
    setup: STORE,
    tasks: [{ kind: 'list', model: M }, renameA, { kind: 'rename', model: M, from: 'z', to: 'a' }],
  },
  { title: 'get and delete', setup: STORE, tasks: [{ kind: 'get', model: M, name: 'a' }, deleteA] },
  { title: 'versions and rename', setup: STORE, tasks: [{ kind: 'versions', model: M, name: 'a' }, renameA] },
  { title: 'versions of the new name, and rename', setup: STORE, tasks: [{ kind: 'versions', model: M, name: 'z' }, renameA] },
  { title: 'list and rename', setup: STORE, tasks: [{ kind: 'list', model: M }, renameA] },
  {
    title: 'get, put and rename, a lock is broken',
    setup: STORE,
    tasks: [{ kind: 'get', model: M, name: 'a' }, put('a', 'x'), renameA],
    breaks: [GLOBAL, DATA],
  },
  { title: 'nested put and delete', setup: NESTED, tasks: [{ kind: 'run', model: 'p' }, deleteAll] },
  {
    title: 'method with a child in the background, and delete',
    setup: SHELL,
    tasks: [run, { kind: 'delete', model: M, name: 'a' }, { kind: 'put', model: M, name: 'a', text: 'x', childOf: 0 }],
  },
  {
    title: 'two methods with structural children, and delete',
    setup: TWO_NESTED,
    tasks: [
      { kind: 'run', model: 'p' },
      { kind: 'run', model: 'q' },
      { kind: 'delete', model: 'p', name: 'r' },
    ],
  },
  {
    title: 'get, and delete of the newest and of an older version',
    setup: FEWER,
    tasks: [{ kind: 'get', model: M, name: 'a' }, deleteVersion(6), deleteVersion(5)],
  },
  {
    title: 'get, put, and delete of the version at the floor',
    setup: AT_FLOOR,
    tasks: [{ kind: 'get', model: M, name: 'a' }, put('a', 'x'), deleteVersion(3)],
  },
  { title: 'put, method and delete', setup: SHELL, tasks: [put('a', 'x'), run, deleteAll] },
  { title: 'put, put, delete and rename', setup: STORE, tasks: [put('a', 'x'), put('a', 'y'), deleteA, renameA] },
  { title: 'put, method, delete and rename', setup: SHELL, tasks: [put('a', 'x'), run, { kind: 'delete', model: M, name: 'result' }, renameA] },
  { title: 'put and delete, a lock is broken', setup: STORE, tasks: [put('a', 'x'), deleteA], breaks: [GLOBAL, DATA] },
  { title: 'put that expects a version, and put, a lock is broken', setup: STORE, tasks: [put('a', 'x', 2), put('a', 'y')], breaks: [DATA] },
  {
    title: 'put and delete of the newest version, a lock is broken',
    setup: STORE,
    tasks: [put('a', 'x'), { kind: 'delete', model: M, name: 'a', version: 2 }],
    breaks: [GLOBAL, DATA],
  },
  { title: 'put and rename, a lock is broken', setup: STORE, tasks: [put('a', 'x'), renameA], breaks: [GLOBAL, DATA] },
  { title: 'put and model delete, a lock is broken', setup: STORE, tasks: [put('a', 'x'), deleteModel], breaks: [GLOBAL, DATA] },
  { title: 'put and model rename, a lock is broken', setup: STORE, tasks: [put('a', 'x'), renameModel], breaks: [GLOBAL, DATA] },
  { title: 'method and delete, a lock is broken', setup: SHELL, tasks: [run, { kind: 'delete', model: M, name: 'result' }], breaks: [GLOBAL, DATA, RUN] },
  { title: 'two methods, a lock is broken', setup: SHELL, tasks: [run, run], breaks: [DATA, RUN] },
  { title: 'put, method and delete, a lock is broken', setup: SHELL, tasks: [put('a', 'x'), run, deleteAll], breaks: [GLOBAL, DATA, RUN] },
  {
    title: 'put, method, delete and rename, a lock is broken',
    setup: SHELL,
    tasks: [put('a', 'x'), run, { kind: 'delete', model: M, name: 'result' }, renameA],
    breaks: [GLOBAL, DATA, RUN],
  },
];

export function scenarioOf(title: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.title === title);
  if (scenario === undefined) throw new Error(`there is no scenario "${title}"`);
  return scenario;
}

/** Two commands, and nobody who breaks locks. */
export const PAIRS = SCENARIOS.filter(({ tasks, breaks }) => tasks.length === 2 && breaks === undefined);
/** Of the pairs those with the fewest schedules in which each kind of command still occurs. */
export const QUICK_PAIRS: readonly Scenario[] = [
  'two puts that expect the same version',
  'put, and delete of the newest version',
  'put and gc of an expired artifact',
  'put and rename',
  'put and model rename',
  'put and model delete',
  'two methods',
  'get and delete',
  'versions and rename',
  'list and rename',
].map(scenarioOf);
/** Two commands, and one who breaks locks. */
export const BROKEN_PAIRS = SCENARIOS.filter(({ tasks, breaks }) => tasks.length === 2 && breaks !== undefined);
/** Three or four commands. */
export const CROWDS = SCENARIOS.filter(({ tasks }) => tasks.length > 2);
