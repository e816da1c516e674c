/** Runs a task with the program's own operations. */
import { asSwampError } from '../../../../src/errors.js';
import { dataDelete } from '../../../../src/operations/data-delete.js';
import { dataGc } from '../../../../src/operations/data-gc.js';
import { dataGet } from '../../../../src/operations/data-get.js';
import { dataList } from '../../../../src/operations/data-list.js';
import { dataPut } from '../../../../src/operations/data-put.js';
import { dataRename } from '../../../../src/operations/data-rename.js';
import { dataVersions } from '../../../../src/operations/data-versions.js';
import { datastoreCheck } from '../../../../src/operations/datastore-check.js';
import { datastoreSweep } from '../../../../src/operations/datastore-sweep.js';
import { modelCreate } from '../../../../src/operations/model-create.js';
import { modelDelete } from '../../../../src/operations/model-delete.js';
import { modelRename } from '../../../../src/operations/model-rename.js';
import { modelRun } from '../../../../src/operations/model-run.js';
import { repoInit } from '../../../../src/operations/repo-init.js';
import type { Repo } from '../../../../src/repo.js';
import { chunksOf, closeContent } from '../../../../src/store/content.js';
import { ROOT } from '../host.js';
import { type Task, type TaskResult, type Told, titleOf } from '../tasks.js';

/** A signal that never fires; one each, since a run that is given up leaves its listeners behind. */
function never(): { readonly signal: AbortSignal } {
  return { signal: new AbortController().signal };
}

export async function perform(repo: Repo | undefined, task: Task): Promise<TaskResult> {
  try {
    return { told: task.kind === 'init' ? await init() : await command({ ...opened(repo), command: titleOf(task) }, task) };
  } catch (error) {
    const { code, message, cause } = asSwampError(error);
    return { code, message: cause instanceof Error && code === 'internal' ? `${message} ${cause.stack ?? ''}` : message };
  }
}

function opened(repo: Repo | undefined): Repo {
  if (repo === undefined) throw new TypeError('no repository was opened');
  return repo;
}

async function init(): Promise<Told> {
  await repoInit(ROOT);
  return {};
}

async function command(repo: Repo, task: Exclude<Task, { kind: 'init' }>): Promise<Told> {
  switch (task.kind) {
    case 'create':
      return created(repo, task);
    case 'put':
      return dataPut(repo, { ...task, source: [task.text] }, never());
    case 'run':
      return { outputs: (await modelRun(repo, task, never())).dataArtifacts };
    case 'delete':
      return deleted(repo, task);
    case 'gc':
      return collected(repo, task);
    case 'rename':
      return { version: (await dataRename(repo, { model: task.model, oldName: task.from, newName: task.to }, never())).newVersion };
    case 'deleteModel':
      return modelDelete(repo, { model: task.model, withData: true }, never());
    case 'renameModel':
      await modelRename(repo, { model: task.model, newName: task.to }, never());
      return {};
    case 'get':
      return got(repo, task);
    case 'versions':
      return { versions: (await dataVersions(repo, task)).versions.map(({ version }) => version) };
    case 'list':
      return { names: (await dataList(repo, task)).groups.flatMap(({ items }) => items.map(({ name }) => name)).sort() };
    case 'sweep':
      await datastoreSweep(repo, {}, never());
      return {};
    case 'check':
      return checked(repo);
  }
}

async function created(repo: Repo, { model, run }: Extract<Task, { kind: 'create' }>): Promise<Told> {
  await modelCreate(repo, run === undefined ? { type: 'store', name: model } : { type: 'command/shell', name: model, run }, never());
  return {};
}

async function deleted(repo: Repo, task: Extract<Task, { kind: 'delete' }>): Promise<Told> {
  const { model, name, version } = task;
  const what = name === undefined ? { all: true } : version === undefined ? { name } : { name, version };
  const result = await dataDelete(repo, { model, ...what }, never());
  if ('alreadyDeleted' in result) return { versionsDeleted: result.versionsDeleted, alreadyDeleted: result.alreadyDeleted };
  const [failed] = result.failed;
  if (failed !== undefined) throw new TypeError(`${failed.dataName}: ${failed.error}`);
  return { versionsDeleted: result.totalVersionsDeleted };
}

async function collected(repo: Repo, { model }: Extract<Task, { kind: 'gc' }>): Promise<Told> {
  const { versionsDeleted, failed } = await dataGc(repo, { model }, never());
  const [first] = failed;
  if (first !== undefined) throw new TypeError(`${first.dataName}: ${first.error}`);
  return { versionsDeleted };
}

async function got(repo: Repo, task: Extract<Task, { kind: 'get' }>): Promise<Told> {
  const { record, content } = await dataGet(repo, { ...task, verify: true });
  let text = '';
  for await (const chunk of chunksOf(content, record.name)) text += String(chunk);
  closeContent(content);
  return { version: record.version, generation: record.generation, text };
}

async function checked(repo: Repo): Promise<Told> {
  const { findings, pending } = await datastoreCheck(repo, {}, never());
  return { findings: findings.map(({ kind, path }) => `${kind} ${path}`), pending: pending.map(({ kind, path }) => `${kind} ${path}`) };
}
