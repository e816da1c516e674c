/** What the commands do when they come one after the other: the specification that every schedule is held against. */
import type { ErrorCode } from '../../../src/errors.js';
import type { Specification } from '../linearizable.js';
import type { Task, TaskResult, Told } from './tasks.js';

/** A command and what it told; or, at the end, what stands on the disk. */
export type Act =
  | { readonly kind: 'task'; readonly task: Task; readonly result: TaskResult; readonly mayBeLost: boolean }
  | { readonly kind: 'audit'; readonly found: string };

interface Artifact {
  /** Undefined until somebody tells it. */
  readonly generation: number | undefined;
  readonly floor: number;
  readonly versions: Readonly<Record<number, string>>;
}

interface Tombstone {
  readonly floor: number;
  readonly renamedTo?: string;
}

interface Model {
  readonly deleted: boolean;
  /** It goes on under another name; who has found it under the old one goes on, too. */
  readonly renamed: boolean;
  readonly artifacts: Readonly<Record<string, Artifact>>;
  readonly tombstones: Readonly<Record<string, Tombstone>>;
}

/** By model name. */
export type State = Readonly<Record<string, Model>>;

export function emptyModel(): Model {
  return { deleted: false, renamed: false, artifacts: {}, tombstones: {} };
}

export function specificationFrom(initial: State): Specification<State, Act> {
  return { initial, isRead: () => false, key: (state) => JSON.stringify(state), apply };
}

/** The texts of all versions: what an audit finds. */
export function contentsOf(state: State): string {
  const lines = Object.entries(state).flatMap(([model, { artifacts }]) =>
    Object.entries(artifacts).flatMap(([name, { versions }]) => Object.entries(versions).map(([version, text]) => `${model} ${name} ${version} ${text}`)),
  );
  return lines.sort().join('\n');
}

function apply(state: State, act: Act): State | undefined {
  if (act.kind === 'audit') return act.found === contentsOf(state) ? state : undefined;
  const { task, result } = act;
  if (!('model' in task)) return undefined;
  const model = state[task.model] ?? emptyModel();
  if ('code' in result) return result.code === 'lock_lost' ? (act.mayBeLost ? state : undefined) : refused(model, task, result.code) ? state : undefined;
  const after = model.deleted ? whenDeleted(model, task, result.told) : done(model, task, result.told);
  return after === model ? state : after === undefined ? undefined : { ...state, [task.model]: after };
}

function refused(model: Model, task: Task, code: ErrorCode): boolean {
  if (code === 'model_not_found') return model.deleted || model.renamed;
  if (model.deleted) return false;
  if (code === 'conflict') {
    if (task.kind === 'put') return task.expectVersion !== undefined && task.expectVersion !== latestOf(model.artifacts[task.name]);
    return task.kind === 'rename' && model.artifacts[task.from] !== undefined && model.artifacts[task.to] !== undefined;
  }
  if (code !== 'data_not_found') return false;
  if (task.kind === 'rename') return model.artifacts[task.from] === undefined;
  if (task.kind === 'get' || task.kind === 'versions') return resolve(model, task.name) === undefined;
  return task.kind === 'delete' && task.name !== undefined && model.artifacts[task.name] === undefined && model.tombstones[task.name] === undefined;
}

/** A delete of a deleted model is told so. */
function whenDeleted(model: Model, task: Task, told: Told): Model | undefined {
  return task.kind === 'deleteModel' && told.alreadyDeleted === true ? model : undefined;
}

function done(model: Model, task: Task, told: Told): Model | undefined {
  switch (task.kind) {
    case 'put':
      return put(model, task, told);
    case 'run':
      return ran(model, told);
    case 'delete':
      return task.name === undefined ? deletedAll(model, told) : deleted(model, task.name, task.version, told);
    case 'gc':
      return collected(model, task, told);
    case 'rename':
      return renamed(model, task.from, task.to);
    case 'deleteModel':
      return told.alreadyDeleted === false && told.versionsDeleted === countOf(model) ? { ...model, deleted: true, artifacts: {} } : undefined;
    case 'renameModel':
      return model.renamed ? undefined : { ...model, renamed: true };
    case 'get':
      return got(model, task.name, told) ? model : undefined;
    case 'versions':
      return listed(model, task.name, told) ? model : undefined;
    case 'list':
      return JSON.stringify(told.names) === JSON.stringify(Object.keys(model.artifacts).sort()) ? model : undefined;
    default:
      return undefined;
  }
}

function latestOf(artifact: Artifact | undefined): number {
  return Math.max(0, ...Object.keys(artifact?.versions ?? {}).map(Number));
}

function countOf({ artifacts }: Model): number {
  return Object.values(artifacts).reduce((sum, { versions }) => sum + Object.keys(versions).length, 0);
}

function put(model: Model, { name, text, expectVersion }: Extract<Task, { kind: 'put' }>, told: Told): Model | undefined {
  const before = model.artifacts[name];
  if (expectVersion !== undefined && expectVersion !== latestOf(before)) return undefined;
  if (before?.generation !== undefined && before.generation !== told.generation) return undefined;
  return told.version === nextOf(model, name) ? written(model, name, text, told.generation) : undefined;
}

function nextOf(model: Model, name: string): number {
  const artifact = model.artifacts[name];
  return Math.max(artifact?.floor ?? model.tombstones[name]?.floor ?? 0, latestOf(artifact)) + 1;
}

function written(model: Model, name: string, text: string, generation: number | undefined): Model {
  const before = model.artifacts[name] ?? { generation: undefined, floor: model.tombstones[name]?.floor ?? 0, versions: {} };
  const versions = { ...before.versions, [nextOf(model, name)]: text };
  return withArtifact(model, name, { ...before, generation: before.generation ?? generation, versions });
}

function withArtifact(model: Model, name: string, artifact: Artifact): Model {
  return { ...model, artifacts: sorted({ ...model.artifacts, [name]: artifact }) };
}

function withoutArtifact(model: Model, name: string, tombstone: Tombstone): Model {
  const { [name]: _, ...artifacts } = model.artifacts;
  return { ...model, artifacts, tombstones: sorted({ ...model.tombstones, [name]: tombstone }) };
}

/** Both outputs, one moment. What they hold is not told: an audit takes it as it is. */
function ran(model: Model, told: Told): Model | undefined {
  let after = model;
  for (const { name, version } of told.outputs ?? []) {
    if (version !== nextOf(after, name)) return undefined;
    after = written(after, name, OUTPUT, undefined);
  }
  return told.outputs?.length === 2 ? after : undefined;
}

/** Stands for the content of an output. */
export const OUTPUT = '(output)';

function deleted(model: Model, name: string, version: number | undefined, told: Told): Model | undefined {
  const artifact = model.artifacts[name];
  if (artifact === undefined) return model.tombstones[name] !== undefined && told.alreadyDeleted === true ? model : undefined;
  const latest = latestOf(artifact);
  if (version !== undefined && artifact.versions[version] === undefined)
    return told.alreadyDeleted === true && version <= Math.max(latest, artifact.floor) ? model : undefined;
  const count = Object.keys(artifact.versions).length;
  const whole = version === undefined || count === 1;
  if (told.alreadyDeleted !== false || told.versionsDeleted !== (whole ? count : 1)) return undefined;
  if (whole) return withoutArtifact(model, name, { floor: Math.max(artifact.floor, latest) });
  const { [version]: _, ...versions } = artifact.versions;
  return withArtifact(model, name, { ...artifact, floor: version > artifact.floor ? latest : artifact.floor, versions });
}

function deletedAll(model: Model, told: Told): Model | undefined {
  if (told.versionsDeleted !== countOf(model)) return undefined;
  let after = model;
  for (const [name, artifact] of Object.entries(model.artifacts)) after = withoutArtifact(after, name, { floor: Math.max(artifact.floor, latestOf(artifact)) });
  return after;
}

/** From below, at most what the rule does not keep now; what came since it looked may be left, and so is what another command took. An artifact goes whole while its latest version has expired. */
function collected(model: Model, { keep, expires }: Extract<Task, { kind: 'gc' }>, told: Told): Model | undefined {
  let left = told.versionsDeleted ?? 0;
  let after = model;
  for (const [name, artifact] of Object.entries(model.artifacts)) {
    const versions = Object.entries(artifact.versions);
    const latest = latestOf(artifact);
    const kept = artifact.versions[latest] === expires ? 0 : keep;
    const gone = versions.slice(0, Math.min(left, Math.max(0, versions.length - kept)));
    if (gone.length === 0) continue;
    left -= gone.length;
    if (gone.length === versions.length) after = withoutArtifact(after, name, { floor: Math.max(artifact.floor, latest) });
    else {
      const floor = Math.max(artifact.floor, ...gone.map(([version]) => Number(version)));
      after = withArtifact(after, name, { ...artifact, floor, versions: Object.fromEntries(versions.slice(gone.length)) });
    }
  }
  return left === 0 ? after : undefined;
}

/** A renamed artifact keeps its versions, and gets a new generation (P4). */
function renamed(model: Model, from: string, to: string): Model | undefined {
  const artifact = model.artifacts[from];
  if (artifact === undefined || model.artifacts[to] !== undefined) return undefined;
  const floor = Math.max(artifact.floor, latestOf(artifact));
  const moved = { ...artifact, generation: undefined, floor: Math.max(floor, model.tombstones[to]?.floor ?? 0) };
  return withArtifact(withoutArtifact(model, from, { floor, renamedTo: to }), to, moved);
}

function resolve(model: Model, name: string): Artifact | undefined {
  let current: string | undefined = name;
  for (let hop = 0; hop < 16 && current !== undefined; hop++) {
    const artifact: Artifact | undefined = model.artifacts[current];
    if (artifact !== undefined) return artifact;
    current = model.tombstones[current]?.renamedTo;
  }
  return undefined;
}

function got(model: Model, name: string, { version, text }: Told): boolean {
  const artifact = resolve(model, name);
  if (artifact === undefined || version !== latestOf(artifact)) return false;
  const written = artifact.versions[version];
  return written === OUTPUT || written === text;
}

function listed(model: Model, name: string, told: Told): boolean {
  const versions = Object.keys(resolve(model, name)?.versions ?? {}).map(Number);
  return versions.length > 0 && versions.sort((a, b) => b - a).join() === told.versions?.join();
}

/** Equal states have equal texts. */
function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
