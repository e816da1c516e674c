/** A method runs as its definition stands when its turn comes, and what it produced is not thrown away when it cannot be committed. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ErrorCode } from '../src/errors.js';
import { createGated, type Gated, startGated } from './support/gated.js';
import { toldError } from './support/refused.js';
import { contentOf, createModel, type TestRepo, tempRepo, versionsOf } from './support/repo.js';
import { finished, type Running, run, runJson, start } from './support/swamp.js';

interface Waiting {
  readonly repo: TestRepo;
  /** The definition file. */
  readonly path: string;
  readonly holds: Gated;
  readonly waits: Running;
}

/** One run holds the run fence of `p`, and another one, which has read the definition, waits for it. */
async function oneWaits(t: TestContext, method = 'execute'): Promise<Waiting> {
  const repo = await tempRepo(t, { pending: 'allowed' });
  await createGated(repo, 'p');
  const path = join(repo.dir, 'models/command/shell/p.yaml');
  edit(path, (text) => `${text.trimEnd()}\n${DELETE}`);
  const holds = startGated(repo, 'p');
  await holds.begun();
  const waits = start(repo, ['model', 'run', 'p', method, '--json']);
  await waits.says(/Waiting for/);
  return { repo, path, holds, waits };
}

const DELETE = '  delete:\n    arguments:\n      run: touch torn\n';

function edit(path: string, change: (text: string) => string): void {
  writeFileSync(`${path}.new`, change(readFileSync(path, 'utf8')));
  renameSync(`${path}.new`, path);
}

test('a delete that waited for a method leaves no queue of the model behind, and reports the wait as JSON lines', async (t) => {
  const repo = await tempRepo(t);
  const id = await createGated(repo, 'p');
  const holds = startGated(repo, 'p');
  await holds.begun();
  const deletes = start(repo, ['model', 'delete', 'p', '--with-data', '--force', '--json']);
  await deletes.says(/Waiting for running writers/);
  assert.deepEqual(queuesOf(repo, id), [`${id}.run`]);
  holds.letGo();
  await finished(holds.running);
  const { stderr } = await finished(deletes);
  assert.deepEqual(queuesOf(repo, id), []);
  const notices = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    notices.map(({ level, category, lock, modelId, modelName }) => [level, category, lock, modelId, modelName]),
    [1, 2].map(() => ['info', 'swamp.lock', 'run', id, 'p']),
  );
  // One that a killed command left goes with the next sweep.
  mkdirSync(join(repo.layout.queues, `${id}.data`));
  await run(repo, ['datastore', 'sweep']);
  assert.deepEqual(queuesOf(repo, id), []);
});

function queuesOf(repo: TestRepo, id: string): string[] {
  return readdirSync(repo.layout.queues).filter((name) => name.startsWith(id));
}

for (const moved of [false, true]) {
  test(`a definition that was changed${moved ? ' and renamed' : ''} while a run waited runs as it is now`, async (t) => {
    const { repo, path, holds, waits } = await oneWaits(t);
    const name = moved ? 'q' : 'p';
    edit(path, (text) => text.replace(/run: .*/, 'run: echo new'));
    if (moved) renameSync(path, path.replace('p.yaml', 'q.yaml'));
    holds.letGo();
    await Promise.all([finished(holds.running), finished(waits)]);
    assert.equal(await contentOf(repo, name, 'log'), 'new\n');
  });
}

for (const [what, change, code, exit] of [
  ['whose method has gone', (path: string) => edit(path, (text) => text.replace(DELETE, '')), 'usage', 64],
  ['whose definition has gone', (path: string) => rmSync(path), 'model_not_found', 66],
  [
    'that has another id now',
    (path: string) => edit(path, (text) => text.replace(/id: .*/, 'id: 11111111-2222-4333-8444-555555555555')),
    'model_not_found',
    66,
  ],
] as const) {
  test(`a run of a model ${what} while it waited ends as ${code}, and runs nothing`, async (t) => {
    const { path, holds, waits } = await oneWaits(t, 'delete');
    const text = readFileSync(path);
    change(path);
    holds.letGo();
    toldError(await finished(waits, exit), code);
    await holds.running.exited;
    writeFileSync(path, text);
  });
}

/** What a method itself does to the store while it runs, and how its commit then ends. */
const DAMAGES: Readonly<Record<string, { readonly code: ErrorCode; readonly exit: number; readonly damage: (model: string) => string }>> = {
  'the record of an output is damaged': { code: 'corrupt', exit: 65, damage: (model) => `echo x >${model}/result/artifact.json` },
  'the record of the second output is damaged': { code: 'corrupt', exit: 65, damage: (model) => `echo x >${model}/log/artifact.json` },
  'a file stands in the place of the data': { code: 'io', exit: 74, damage: (model) => `mv ${model} aside; touch ${model}` },
};

for (const [what, { code, exit, damage }] of Object.entries(DAMAGES)) {
  test(`outputs that cannot be committed, because ${what}, are kept, and the error tells where`, async (t) => {
    const repo = await tempRepo(t, { check: false });
    const id = await createModel(repo, 'm', 'if test -e damage; then . ./damage; fi; echo precious');
    await run(repo, ['model', 'run', 'm']);
    writeFileSync(join(repo.dir, 'damage'), damage(repo.layout.model(id)));
    const error = toldError(await run(repo, ['model', 'run', 'm', '--json'], { expect: exit }), code);
    const kept = join(repo.dir, String(error.data['kept']));
    assert.match(error.message, /they are kept in/);
    const contents = readdirSync(kept, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('content'));
    assert.equal(contents.length, 2);
    assert.equal(contents.filter((path) => readFileSync(join(kept, path), 'utf8') === 'precious\n').length, 1);
    assert.equal((await runJson<{ kept: readonly unknown[] }>(repo, ['datastore', 'status'])).kept.length, 1);
    assert.deepEqual(existsSync(repo.layout.stagings) ? readdirSync(repo.layout.stagings) : [], []);
  });
}

test('a run whose staging was swept under its hands ends as lock_lost, and keeps what it remembers of its outputs', async (t) => {
  const repo = await tempRepo(t);
  const { stagings } = repo.layout;
  await createModel(repo, 'm', `until rm ${stagings}/*/log/content; do sleep 0.05; done; rm -r ${stagings}/*; echo precious`);
  const error = toldError(await run(repo, ['model', 'run', 'm', '--json'], { expect: 75 }), 'lock_lost');
  const kept = join(repo.dir, String(error.data['kept']));
  assert.match(readFileSync(join(kept, 'result/content'), 'utf8'), /precious/);
  await run(repo, ['datastore', 'sweep', '--kept']);
});

test('outputs of a run that succeeds are not kept', async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'm', 'echo x');
  await run(repo, ['model', 'run', 'm']);
  assert.deepEqual([await versionsOf(repo, 'm', 'log'), existsSync(repo.layout.modelKept(id))], [[1], false]);
});
