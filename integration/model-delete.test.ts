/** Deleting a model with all its families: two phases, one winner, a teardown that runs once (D1 to D11, O1 to O7). */
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { openRepo } from '../src/index.js';
import { FAMILIES } from '../src/layout/families.js';
import { Pauses } from './support/failpoints.js';
import { type Deleted, linesOf, oneWinner, withTeardown } from './support/one-winner.js';
import { contentOf, createModel, entryOf, put, type TestRepo, tempRepo, versionsOf } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';
import { finished, run, runJson, start } from './support/swamp.js';
import { onTerminal, startOnTerminal } from './support/terminal.js';
import { until } from './support/until.js';

const test = sampledTest(2);

const DELETE = ['model', 'delete'] as const;
/** A teardown that stands still until the test lets it go. */
const GATED = 'touch begun; while ! test -e go; do sleep 0.05; done; echo torn >> torn';

function recordOf(repo: TestRepo, id: string): { commit: string; teardown: { state: string } | null } {
  return JSON.parse(readFileSync(repo.layout.deletedModel(id), 'utf8'));
}

test('O1, O3: of 16 deletes at once one removes and one runs the teardown, and all succeed', (t) => oneWinner(t, { rounds: 2, processes: 16 }));

for (const family of sampled(FAMILIES, 2)) {
  test(`D6, D7, D8: the family ${family.name} of a deleted model is swept, and that of no other model`, async (t) => {
    const repo = await tempRepo(t);
    const ids = { A: await createModel(repo, 'A'), A2: await createModel(repo, 'A2'), 'A-b': await createModel(repo, 'A-b') };
    for (const [name, id] of Object.entries(ids)) {
      await put(repo, name, 'gone', name);
      await run(repo, ['data', 'delete', name, 'gone', '--force']);
      await put(repo, name, 'there', name);
      await run(repo, ['data', 'upload', 'begin', name, 'unfinished']);
      const directory = family.directory(repo.layout, id);
      if (!existsSync(directory)) mkdirSync(join(directory, '1-abcdefabcdef'), { recursive: true });
    }
    await run(repo, [...DELETE, 'A', '--with-data', '--force']);
    assert.equal(existsSync(family.directory(repo.layout, ids.A)), false);
    for (const name of ['A2', 'A-b'] as const) assert.ok(existsSync(family.directory(repo.layout, ids[name])), name);
    assert.deepEqual(readdirSync(repo.layout.trashes), []);
    assert.notEqual(entryOf(repo, { kind: 'data', modelId: ids.A }), undefined, 'the fences stay for ever');
    // The stand-ins for families that nothing writes yet are no store of ours.
    for (const id of [ids.A2, ids['A-b']]) await run(repo, [...DELETE, id, '--with-data', '--force']);
  });
}

test('D9: a model that holds data is refused without --with-data, and the refusal changes nothing but fence epochs', async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'full');
  await put(repo, 'full', 'a', 'kept');
  const result = await run(repo, [...DELETE, 'full', '--force', '--json'], { expect: 73 });
  assert.match(result.stderr, /container_not_empty/);
  assert.equal(await contentOf(repo, 'full', 'a'), 'kept');
  assert.ok(!existsSync(repo.layout.deletedModel(id)));
});

test('a dry run shows what the real run then does, and does nothing', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', '1');
  await put(repo, 'm', 'a', '2');
  const shown = await runJson<Deleted>(repo, [...DELETE, 'm', '--with-data', '--dry-run']);
  assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2]);
  const done = await runJson<Deleted>(repo, [...DELETE, 'm', '--with-data', '--force']);
  assert.equal(shown.versionsDeleted, 2);
  assert.equal(done.versionsDeleted, 2);
});

test('D7: a model whose id another definition has, too, is not deleted, and its data stays', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'prod');
  await put(repo, 'prod', 'customers', 'precious');
  const copy = join(repo.dir, 'models/store/staging.yaml');
  writeFileSync(copy, readFileSync(join(repo.dir, 'models/store/prod.yaml'), 'utf8').replace('name: prod', 'name: staging'));
  for (const more of [['--dry-run'], ['--force']]) {
    const { stderr } = await run(repo, [...DELETE, 'staging', '--with-data', ...more], { expect: 65 });
    assert.match(stderr, /prod\.yaml: has the id of "staging", too/);
  }
  assert.equal(await contentOf(repo, 'prod', 'customers'), 'precious');
  rmSync(copy);
});

test('more renames in a row than anybody makes still lead to the data, and a delete of the first name says where it is', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await put(repo, 'm', 'n0', 'x');
  const { data } = openRepo(repo.dir);
  for (let i = 0; i < 20; i++) await data.rename({ model: 'm', oldName: `n${i}`, newName: `n${i + 1}` });
  assert.equal(await contentOf(repo, 'm', 'n0'), 'x');
  const { stderr } = await run(repo, ['data', 'delete', 'm', 'n0', '--force']);
  assert.match(stderr, /"n0" was renamed to "n1", which was not deleted/);
  await run(repo, ['data', 'delete', 'm', '--prefix', '', '--force'], { expect: 64 });
  assert.equal(await contentOf(repo, 'm', 'n20'), 'x');
});

test('D2, D10, D11: a deleted model is in no lookup, and a write that comes after fails as model_not_found and leaves nothing', async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'm');
  const points = new Pauses(repo, ['stage.complete']);
  const writer = start(repo, ['data', 'put', 'm', 'a', '--json'], { stdin: 'late', env: points.env });
  await points.at('stage.complete', writer);
  await run(repo, [...DELETE, 'm', '--force']);
  points.go('stage.complete');
  const result = await finished(writer, 66);
  assert.match(result.stderr, /model_not_found/);
  assert.ok(!existsSync(repo.layout.model(id)));
  await run(repo, ['model', 'get', 'm'], { expect: 66 });
  await run(repo, ['model', 'get', id], { expect: 66 });
  assert.equal((await runJson<{ total: number }>(repo, ['model', 'list'])).total, 0);
  await run(repo, [...DELETE, 'never-there', '--force'], { expect: 66 });
});

test('D3: a definition that changes between the read and the commit is a conflict that is tried again', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const points = new Pauses(repo, ['restructure.closed']);
  const deleter = start(repo, [...DELETE, 'm', '--force', '--json'], { env: points.env });
  await points.at('restructure.closed', deleter);
  appendFileSync(join(repo.dir, 'models/store/m.yaml'), '# changed\n');
  points.go('restructure.closed');
  assert.equal((JSON.parse((await finished(deleter)).stdout) as Deleted).alreadyDeleted, false);
  assert.ok(!existsSync(join(repo.dir, 'models/store/m.yaml')));
});

describe('D3, D7: what was shown is deleted, or nothing', { concurrency: 2 }, () => {
  /** `model delete m` on a terminal, answered with "yes" after `meanwhile`; it ends as a conflict. */
  async function agreedTo(repo: TestRepo, meanwhile: () => Promise<unknown>): Promise<void> {
    const asking = startOnTerminal(repo, [...DELETE, 'm', '--with-data']);
    await asking.says(/\[y\/N\]/);
    await meanwhile();
    asking.write('y\n');
    await finished(asking, 73);
    assert.equal(linesOf(repo), 0);
  }

  test('another model has taken the name while the question stood: both keep definition and data', onTerminal, async (t) => {
    const repo = await tempRepo(t);
    const shown = await withTeardown(repo, 'm');
    await put(repo, 'm', 'a', 'old');
    const { model } = openRepo(repo.dir);
    await agreedTo(repo, async () => {
      await model.rename({ model: 'm', newName: 'm2' });
      await createModel(repo, 'm', 'true');
      await put(repo, 'm', 'a', 'new');
    });
    assert.equal((await model.get({ model: 'm2' })).id, shown);
    assert.deepEqual([await contentOf(repo, 'm2', 'a'), await contentOf(repo, 'm', 'a')], ['old', 'new']);
  });

  for (const [what, edit] of [
    ['says something else', (text: string) => text.replace('torn >>', 'unseen >>')],
    ['is gone', (text: string) => text.slice(0, text.indexOf('  delete:'))],
  ] as const) {
    test(`the delete method ${what} when the question is answered: no command is run that was not shown`, onTerminal, async (t) => {
      const repo = await tempRepo(t);
      const id = await withTeardown(repo, 'm');
      const path = join(repo.dir, 'models/command/shell/m.yaml');
      await agreedTo(repo, async () => writeFileSync(path, edit(readFileSync(path, 'utf8'))));
      assert.equal((await openRepo(repo.dir).model.get({ model: 'm' })).id, id);
    });
  }
});

test('O6: a late retry never tears down a newer model of the same name', async (t) => {
  const repo = await tempRepo(t);
  const old = await withTeardown(repo, 'same');
  await run(repo, [...DELETE, 'same', '--force']);
  const young = await withTeardown(repo, 'same', 'echo young >> torn');
  const again = await runJson<Deleted>(repo, [...DELETE, old, '--force']);
  assert.equal(again.alreadyDeleted, true);
  assert.equal(linesOf(repo), 1);
  assert.equal((await runJson<{ id: string }>(repo, ['model', 'get', 'same'])).id, young);
});

test('a definition that comes back with the id of a deleted model is told, and needs a new id', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const path = join(repo.dir, 'models/store/m.yaml');
  cpSync(path, `${path}.saved`);
  await run(repo, [...DELETE, 'm', '--force']);
  cpSync(`${path}.saved`, path);
  const result = await run(repo, ['data', 'put', 'm', 'a'], { expect: 66, stdin: 'x' });
  assert.match(result.stderr, /new id/);
  const { findings } = await runJson<{ findings: { kind: string }[] }>(repo, ['datastore', 'check'], { expect: 65 });
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['model_invalid'],
  );
  await run(repo, ['datastore', 'sweep']);
  await run(repo, [...DELETE, 'm', '--force']);
  assert.ok(existsSync(path), 'what came back is not ours to remove');
  writeFileSync(path, readFileSync(path, 'utf8').replace(/id: .*/, 'id: 11111111-2222-4333-8444-555555555555'));
  await put(repo, 'm', 'a', 'x');
});

for (const point of sampled(['model-delete.before-commit', 'model-delete.committed', 'model-delete.definition-gone', 'teardown.recorded'] as const, 2)) {
  test(`O4, O5: a winner that dies at ${point} leaves what the next delete finishes, with one teardown`, async (t) => {
    const repo = await tempRepo(t);
    const id = await withTeardown(repo, 'm');
    await put(repo, 'm', 'a', 'x');
    const killed = await run(repo, [...DELETE, 'm', '--with-data', '--force'], { env: { SWAMP_FAILPOINTS: `${point}=kill` }, expect: 'any' });
    assert.equal(killed.signal, 'SIGKILL');
    await until('the teardown that was begun has ended', () => !existsSync(repo.layout.deletedModel(id)) || linesOf(repo) <= 1);
    const next = await runJson<Deleted>(repo, [...DELETE, id, '--with-data', '--force']);
    assert.equal(next.alreadyDeleted, point !== 'model-delete.before-commit');
    assert.equal(next.teardown, 'done');
    assert.equal(linesOf(repo), 1);
    assert.ok(!existsSync(repo.layout.model(id)));
    assert.ok(!existsSync(join(repo.dir, 'models/command/shell/m.yaml')));
    await run(repo, ['datastore', 'sweep']);
  });
}

test('O5: sweep finishes a deletion whose winner died, and runs its teardown', async (t) => {
  const repo = await tempRepo(t);
  const id = await withTeardown(repo, 'm');
  await run(repo, [...DELETE, 'm', '--force'], { env: { SWAMP_FAILPOINTS: 'model-delete.committed=kill' }, expect: 'any' });
  const swept = await runJson<{ teardowns: { id: string; state: string }[] }>(repo, ['datastore', 'sweep']);
  assert.deepEqual(
    swept.teardowns.map(({ id: which, state }) => ({ id: which, state })),
    [{ id, state: 'done' }],
  );
  assert.equal(linesOf(repo), 1);
});

test('O7: a failing teardown is teardown_failed with its output, stays pending, and can be tried again', async (t) => {
  const repo = await tempRepo(t);
  const id = await withTeardown(repo, 'm', 'echo cannot >&2; test -e allowed && echo torn >> torn');
  const failed = await run(repo, [...DELETE, 'm', '--force', '--json'], { expect: 1 });
  assert.match(failed.stderr, /teardown_failed/);
  assert.match(failed.stderr, /cannot/);
  assert.equal(recordOf(repo, id).teardown?.state, 'failed');
  const status = await runJson<{ teardowns: { id: string; state: string }[] }>(repo, ['datastore', 'status']);
  assert.equal(status.teardowns[0]?.state, 'failed');
  writeFileSync(join(repo.dir, 'allowed'), '');
  const again = await runJson<Deleted>(repo, [...DELETE, id, '--force']);
  assert.equal(again.teardown, 'done');
  assert.equal(linesOf(repo), 1);
});

test('O3: a loser does not wait for the teardown of a living winner', async (t) => {
  const repo = await tempRepo(t);
  const id = await withTeardown(repo, 'm', GATED);
  const winner = start(repo, [...DELETE, 'm', '--force', '--json']);
  await until('the teardown runs', () => existsSync(join(repo.dir, 'begun')));
  const loser = await runJson<Deleted>(repo, [...DELETE, id, '--force']);
  assert.deepEqual([loser.alreadyDeleted, loser.teardown], [true, 'running']);
  assert.equal(winner.hasExited(), false);
  writeFileSync(join(repo.dir, 'go'), '');
  assert.equal((JSON.parse((await finished(winner)).stdout) as Deleted).teardown, 'done');
  assert.equal(linesOf(repo), 1);
});

for (const point of ['restructure.after-first-drain', 'restructure.second-drain'] as const) {
  test(`O3: a loser that is at ${point} when the model goes does not stand still, with all others, until the teardown is over`, async (t) => {
    const repo = await tempRepo(t);
    await withTeardown(repo, 'm', GATED);
    const points = new Pauses(repo, [point]);
    const loser = start(repo, [...DELETE, 'm', '--force', '--json'], { env: points.env });
    await points.at(point, loser);
    // Put out of the global lock, where it has it already: the winner is not to wait for it.
    await run(repo, ['datastore', 'lock', 'release', '--force']);
    const winner = start(repo, [...DELETE, 'm', '--force', '--json']);
    await until('the teardown runs', () => existsSync(join(repo.dir, 'begun')));
    points.go(point);
    const lost = JSON.parse((await finished(loser)).stdout) as Deleted;
    assert.deepEqual([lost.alreadyDeleted, lost.teardown], [true, 'running']);
    assert.equal(winner.hasExited(), false);
    writeFileSync(join(repo.dir, 'go'), '');
    await finished(winner);
    assert.equal(linesOf(repo), 1);
  });
}

test('O5: a teardown whose starter was killed is not run again while it provably lives, also where a person asks for it', async (t) => {
  const repo = await tempRepo(t);
  const id = await withTeardown(repo, 'm', GATED);
  const winner = start(repo, [...DELETE, 'm', '--force']);
  await until('the teardown runs', () => existsSync(join(repo.dir, 'begun')));
  winner.kill('SIGKILL');
  await winner.exited;
  const { stderr } = await run(repo, ['datastore', 'sweep', '--retry-teardown', id]);
  assert.match(stderr, /still runs/);
  assert.equal(linesOf(repo), 0);
  writeFileSync(join(repo.dir, 'go'), '');
  await until('it is over', () => existsSync(repo.layout.teardownExit(id)));
  await run(repo, ['datastore', 'sweep']);
  assert.equal(recordOf(repo, id).teardown?.state, 'done');
  assert.equal(linesOf(repo), 1, 'O8: it had come to its end');
});

for (const [what, ending, times] of [
  ['ended well', '', 1],
  ['failed', '; test -e allowed', 2],
] as const) {
  test(`O8: a teardown that outlives its starter and ${what} is ${times === 1 ? 'not run a second time' : 'run again'}`, async (t) => {
    const repo = await tempRepo(t);
    const id = await withTeardown(repo, 'm', `${GATED}${ending}`);
    const winner = start(repo, [...DELETE, 'm', '--force']);
    await until('the teardown runs', () => existsSync(join(repo.dir, 'begun')));
    winner.kill('SIGKILL');
    await winner.exited;
    writeFileSync(join(repo.dir, 'go'), '');
    await until('it is over', () => existsSync(repo.layout.teardownExit(id)) && readFileSync(repo.layout.teardownExit(id), 'utf8').endsWith('\n'));
    writeFileSync(join(repo.dir, 'allowed'), '');
    const next = await runJson<Deleted>(repo, [...DELETE, id, '--force']);
    assert.deepEqual([next.alreadyDeleted, next.teardown], [true, 'done']);
    assert.equal(linesOf(repo), times);
    await run(repo, ['datastore', 'sweep']);
  });
}

test('O1, O2: a delete that read "pending" before another one ran the teardown looks again under the run lock, and does not run it', async (t) => {
  const repo = await tempRepo(t);
  const id = await withTeardown(repo, 'm');
  await run(repo, [...DELETE, 'm', '--force'], { env: { SWAMP_FAILPOINTS: 'model-delete.committed=kill' }, expect: 'any' });
  const points = new Pauses(repo, ['teardown.before-lock']);
  const late = start(repo, [...DELETE, id, '--force', '--json'], { env: points.env });
  await points.at('teardown.before-lock', late);
  assert.equal((await runJson<Deleted>(repo, [...DELETE, id, '--force'])).teardown, 'done');
  points.go('teardown.before-lock');
  assert.equal((JSON.parse((await finished(late)).stdout) as Deleted).teardown, 'done');
  assert.equal(linesOf(repo), 1);
});

test('O1, O2: a delete that found the model before another one committed looks for a record under the data lock, and is no second winner', async (t) => {
  const repo = await tempRepo(t);
  const id = await withTeardown(repo, 'm');
  await put(repo, 'm', 'a', 'x');
  const points = new Pauses(repo, ['restructure.after-first-drain']);
  const late = start(repo, [...DELETE, 'm', '--with-data', '--force', '--json'], { env: points.env });
  await points.at('restructure.after-first-drain', late);
  // The winner dies right after its commit: the definition that the other one has read is there still.
  await run(repo, [...DELETE, 'm', '--with-data', '--force'], { env: { SWAMP_FAILPOINTS: 'model-delete.committed=kill' }, expect: 'any' });
  const { commit } = recordOf(repo, id);
  points.go('restructure.after-first-drain');
  const lost = JSON.parse((await finished(late)).stdout) as Deleted;
  assert.deepEqual([lost.alreadyDeleted, lost.versionsDeleted, lost.teardown], [true, 0, 'done']);
  assert.equal(recordOf(repo, id).commit, commit, 'the record of the winner stays');
  assert.equal(linesOf(repo), 1);
});

test('O7: a teardown whose working directory is gone is teardown_failed, and can be tried again', async (t) => {
  const repo = await tempRepo(t);
  const id = await withTeardown(repo, 'm');
  const path = join(repo.dir, 'models/command/shell/m.yaml');
  writeFileSync(path, readFileSync(path, 'utf8').replace('run: echo torn', 'workingDir: infra\n      run: echo torn'));
  const { stderr } = await run(repo, [...DELETE, 'm', '--force', '--json'], { expect: 1 });
  assert.match(stderr, /teardown_failed.*working directory .*infra is not there/);
  mkdirSync(join(repo.dir, 'infra'));
  assert.equal((await runJson<Deleted>(repo, [...DELETE, id, '--force'])).teardown, 'done');
});

test('data rename carries all versions, leads readers of the old name on, and never gives out a number twice (P4)', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await put(repo, 'm', 'old', 'one');
  const second = await put(repo, 'm', 'old', 'two');
  await run(repo, ['data', 'rename', 'm', 'old', 'new']);
  assert.equal(await contentOf(repo, 'm', 'old'), 'two');
  assert.equal(await contentOf(repo, 'm', 'new', 1), 'one');
  const third = await put(repo, 'm', 'new', 'three');
  assert.equal(third.version, 3);
  assert.ok(third.generation > second.generation);
  const fresh = await put(repo, 'm', 'old', 'again');
  assert.equal(fresh.version, 3);
  assert.equal(await contentOf(repo, 'm', 'old'), 'again');
  await run(repo, ['data', 'rename', 'm', 'old', 'new'], { expect: 73 });
  await run(repo, ['data', 'rename', 'm', 'nothing', 'else'], { expect: 66 });
});

for (const point of sampled(['intent.before-publish', 'intent.published', 'steps.out', 'steps.take'] as const, 2)) {
  test(`a renamer that dies at ${point} never hides the artifact, and the next holder finishes`, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    await put(repo, 'm', 'old', 'whole');
    const killed = await run(repo, ['data', 'rename', 'm', 'old', 'new'], { env: { SWAMP_FAILPOINTS: `${point}=kill` }, expect: 'any' });
    assert.equal(killed.signal, 'SIGKILL');
    assert.equal(await contentOf(repo, 'm', 'old'), 'whole', 'read by the old name, with no lock taken since');
    await put(repo, 'm', 'other', 'takes the fence');
    assert.equal(await contentOf(repo, 'm', point === 'intent.before-publish' ? 'old' : 'new'), 'whole');
    assert.equal(await contentOf(repo, 'm', 'old'), 'whole');
    await run(repo, ['datastore', 'sweep']);
  });
}
