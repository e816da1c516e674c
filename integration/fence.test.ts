/**
 * P1, P9 and sections 3 and 5 of the architecture: a holder that was stopped, presumed dead or put out by force commits
 * nothing through the fence it lost. A put commits again, a method keeps its outputs aside, a delete starts over.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { brokenRepo } from './support/broken.js';
import type { Edit } from './support/edits.js';
import { errorOf } from './support/errors.js';
import { Pauses, traceOf } from './support/failpoints.js';
import { createGated, runGated, startGated } from './support/gated.js';
import { contentOf, copyRepo, createModel, put, type TestRepo, tempRepo, ticketsOf, versionsOf } from './support/repo.js';
import { sampled, sampledTest } from './support/scale.js';
import { finished, type Running, run, runJson, start } from './support/swamp.js';
import { until } from './support/until.js';

const test = sampledTest(2);

/** The smallest there is. */
const TTL_MS = 2_000;
const SHORT_TTL = { SWAMP_LOCK_TTL_MS: String(TTL_MS) };
const BETWEEN_MOVES = 'between its two moves';

type Takeover = 'after the ttl' | 'by force';

describe('a put that was overtaken while it held the data fence commits again, once (P1)', { concurrency: 2 }, () => {
  const cases: readonly (readonly [point: string, artifact: 'a' | 'new', takeover: Takeover])[] = [
    ['write.entered', 'a', 'after the ttl'],
    [BETWEEN_MOVES, 'new', 'after the ttl'],
    ['write.entered', 'new', 'by force'],
    ['put.before-commit', 'a', 'by force'],
    ['put.before-commit', 'new', 'by force'],
    [BETWEEN_MOVES, 'a', 'by force'],
    [BETWEEN_MOVES, 'new', 'by force'],
    ['write.committed', 'a', 'by force'],
    ['write.committed', 'new', 'by force'],
  ];
  for (const [point, artifact, takeover] of sampled(cases, 3)) {
    test(`stopped at ${point}, ${artifact === 'a' ? 'next' : 'first'} version, overtaken ${takeover}`, async (t) => {
      const repo = await tempRepo(t, { env: SHORT_TTL });
      await createModel(repo, 'm');
      await put(repo, 'm', 'a', 'seed');
      const stop = point === BETWEEN_MOVES ? await betweenMoves(repo, artifact) : point;
      const points = new Pauses(repo, [stop]);
      const sleeper = start(repo, ['data', 'put', 'm', artifact, '--json'], { stdin: 'slept', env: points.env });
      await points.at(stop, sleeper);
      await overtake(repo, takeover, sleeper);
      const other = await run(repo, ['data', 'put', 'm', artifact], { stdin: 'other' });
      if (takeover === 'after the ttl') assert.ok(other.ms >= TTL_MS, `took over after ${other.ms} ms`);
      points.go(stop);
      sleeper.kill('SIGCONT');
      const mine = JSON.parse((await finished(sleeper)).stdout) as { version: number };
      const contents: string[] = [];
      for (const version of await versionsOf(repo, 'm', artifact)) contents.push(await contentOf(repo, 'm', artifact, version));
      const written = point === 'write.committed' ? ['slept', 'other'] : ['other', 'slept'];
      assert.deepEqual(contents, artifact === 'a' ? ['seed', ...written] : written);
      assert.equal(contents[mine.version - 1], 'slept');
    });
  }
});

test('a put that was overtaken and whose staged content is gone ends as lock_lost and has written nothing', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'seed');
  const points = new Pauses(repo, ['write.entered']);
  const sleeper = start(repo, ['data', 'put', 'm', 'a', '--json'], { stdin: 'slept', env: points.env });
  await points.at('write.entered', sleeper);
  await overtake(repo, 'by force', sleeper);
  for (const name of readdirSync(repo.layout.stagings)) rmSync(join(repo.layout.stagings, name), { recursive: true });
  points.go('write.entered');
  assert.equal(errorOf(await finished(sleeper, 75)).code, 'lock_lost');
  assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1]);
});

describe('a method that lost its run fence ends as lock_lost, and its outputs are kept (P9)', { concurrency: 2 }, () => {
  for (const point of ['outputs.before-run-fence', 'outputs.before-intent']) {
    test(`put out by force at ${point}`, async (t) => {
      const repo = await gatedRepo(t, {});
      const points = new Pauses(repo, [point]);
      const gated = startGated(repo, 'p', ['--json'], { env: points.env });
      gated.letGo('echo precious');
      await points.at(point, gated.running);
      await overtake(repo, 'by force', gated.running);
      await run(repo, ['data', 'delete', 'p', 'result', '--force']);
      points.go(point);
      await expectKept(repo, gated.running);
      assert.deepEqual(await versionsOf(repo, 'p', 'result'), []);
    });
  }

  test('put out by force while its command runs, which is ended', async (t) => {
    const repo = await gatedRepo(t, SHORT_TTL);
    const gated = startGated(repo, 'p', ['--json']);
    gated.letGo('echo precious; sleep 60');
    await gated.running.says(/precious/);
    await overtake(repo, 'by force', gated.running);
    await expectKept(repo, gated.running);
  });

  test('stopped with its outputs in the run fence, and overtaken there after the ttl by a run that goes on', async (t) => {
    const repo = await gatedRepo(t, SHORT_TTL);
    const points = new Pauses(repo, ['outputs.before-intent']);
    const sleeper = startGated(repo, 'p', ['--json'], { env: points.env });
    sleeper.letGo('echo precious');
    await points.at('outputs.before-intent', sleeper.running);
    sleeper.running.kill('SIGSTOP');
    const other = startGated(repo, 'p');
    await other.begun();
    points.go('outputs.before-intent');
    sleeper.running.kill('SIGCONT');
    await expectKept(repo, sleeper.running);
    other.letGo();
    await finished(other.running);
    assert.deepEqual(await versionsOf(repo, 'p', 'result'), [1, 2]);
  });

  test('stopped while its command runs, and overtaken after the ttl by a delete', async (t) => {
    const repo = await gatedRepo(t, SHORT_TTL);
    const sleeper = startGated(repo, 'p', ['--json']);
    await sleeper.begun();
    sleeper.running.kill('SIGSTOP');
    const deleted = await run(repo, ['data', 'delete', 'p', 'result', '--force']);
    assert.ok(deleted.ms >= TTL_MS, `took over after ${deleted.ms} ms`);
    sleeper.letGo('echo precious; touch "$GATE/said"; sleep 60');
    await sleeper.has('said');
    sleeper.running.kill('SIGCONT');
    await expectKept(repo, sleeper.running);
    assert.deepEqual(await versionsOf(repo, 'p', 'result'), []);
  });
});

test('a method that lost its fences after its intent was published has succeeded: the next holder finishes it', async (t) => {
  const repo = await gatedRepo(t, {});
  const points = new Pauses(repo, ['intent.published']);
  const gated = startGated(repo, 'p', ['--json'], { env: points.env });
  gated.letGo('echo precious');
  await points.at('intent.published', gated.running);
  await overtake(repo, 'by force', gated.running);
  await put(repo, 'p', 'other', 'of the next holder');
  assert.equal(await contentOf(repo, 'p', 'log', 2), 'precious\n');
  assert.deepEqual(await versionsOf(repo, 'p', 'result'), [1, 2]);
  points.go('intent.published');
  await finished(gated.running);
  assert.deepEqual(await versionsOf(repo, 'p', 'result'), [1, 2]);
  assert.deepEqual(await versionsOf(repo, 'p', 'log'), [1, 2]);
});

for (const [what, args] of [
  ['outputs were', ['data', 'delete', 'p', '--all', '--force']],
  ['model was', ['model', 'delete', 'p', '--with-data', '--force']],
] as const) {
  test(`a method whose published ${what} deleted before it took its fence again has succeeded all the same`, async (t) => {
    const repo = await gatedRepo(t, {});
    const points = new Pauses(repo, ['intent.published']);
    const gated = startGated(repo, 'p', ['--json'], { env: points.env });
    gated.letGo('echo precious');
    await points.at('intent.published', gated.running);
    await overtake(repo, 'by force', gated.running);
    await run(repo, args);
    points.go('intent.published');
    const { dataArtifacts } = JSON.parse((await finished(gated.running)).stdout) as { dataArtifacts: { name: string; version: number }[] };
    assert.deepEqual(
      dataArtifacts.map(({ name, version }) => [name, version]),
      [
        ['result', 2],
        ['log', 2],
      ],
    );
  });
}

for (const point of ['intent.published', 'steps.take'] as const) {
  test(`a rename that lost its fence at ${point} knows what it has done, and takes nothing that others put there since`, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'mine');
    const points = new Pauses(repo, [point]);
    const renamer = start(repo, ['data', 'rename', 'm', 'a', 'b', '--json'], { env: points.env });
    await points.at(point, renamer);
    await overtake(repo, 'by force', renamer);
    await put(repo, 'm', 'a', 'theirs');
    await run(repo, ['data', 'delete', 'm', 'b', '--force']);
    points.go(point);
    assert.equal((JSON.parse((await finished(renamer)).stdout) as { newVersion: number }).newVersion, 1);
    assert.equal(await contentOf(repo, 'm', 'a'), 'theirs');
    assert.deepEqual(await versionsOf(repo, 'm', 'b'), []);
  });
}

test('a rename of a model that lost its fence after it was published knows what it has done', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const points = new Pauses(repo, ['model-rename.linked']);
  const renamer = start(repo, ['model', 'rename', 'm', 'n', '--json'], { env: points.env });
  await points.at('model-rename.linked', renamer);
  await overtake(repo, 'by force', renamer);
  await run(repo, ['data', 'put', 'm', 'a'], { stdin: 'x', expect: [0, 66] });
  await run(repo, ['model', 'delete', 'n', '--with-data', '--force']);
  points.go('model-rename.linked');
  assert.equal((JSON.parse((await finished(renamer)).stdout) as { newName: string }).newName, 'n');
});

test('a delete counts and buries what the intent of a dead holder brings: its listing is made anew (P4)', async (t) => {
  const repo = await gatedRepo(t, {});
  const points = new Pauses(repo, ['intent.published']);
  const gated = startGated(repo, 'p', [], { env: points.env });
  gated.letGo();
  await points.at('intent.published', gated.running);
  gated.running.kill('SIGKILL');
  await gated.running.exited;
  await overtake(repo, 'by force', gated.running);
  const { versionsDeleted } = await runJson<{ versionsDeleted: number }>(repo, ['data', 'delete', 'p', 'result', '--force']);
  assert.equal(versionsDeleted, 2);
  assert.equal((await put(repo, 'p', 'result', 'next')).version, 3);
  await run(repo, ['datastore', 'sweep']);
});

describe('a delete that was put out by force', { concurrency: 2 }, () => {
  test('deletes nothing under the fence it lost, and starts over with both drains (P1, P2)', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    const { generation } = await put(repo, 'm', 'a', 'seed');
    const points = new Pauses(repo, ['delete.before-commit', 'restructure.closed#2']);
    const deleter = start(repo, ['data', 'delete', 'm', 'a', '--force', '--json'], { env: points.env });
    await points.at('delete.before-commit', deleter);
    await overtake(repo, 'by force', deleter);
    assert.equal((await put(repo, 'm', 'a', 'other')).version, 2);
    points.go('delete.before-commit');
    await points.at('restructure.closed', deleter);
    assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1, 2]);
    points.go('restructure.closed');
    assert.equal((JSON.parse((await finished(deleter)).stdout) as { versionsDeleted: number }).versionsDeleted, 2);
    const next = await put(repo, 'm', 'a', 'new');
    assert.equal(next.version, 3, 'P4: a version number is never used twice');
    assert.ok(next.generation > generation);
  });

  const overtakes = async (repo: TestRepo): Promise<'holds' | 'overtook a method'> => {
    await createGated(repo, 'p');
    await runGated(repo, 'p');
    const points = new Pauses(repo, ['delete.before-commit']);
    const deleter = start(repo, ['data', 'delete', 'p', 'result', '--force'], { env: points.env });
    await points.at('delete.before-commit', deleter);
    await overtake(repo, 'by force', deleter);
    const gated = startGated(repo, 'p');
    await gated.begun();
    points.go('delete.before-commit');
    await until('the delete waits for the method, or has ended', () => deleter.hasExited() || /Waiting for running writers/.test(deleter.stderr()));
    const left = await versionsOf(repo, 'p', 'result');
    gated.letGo();
    await finished(gated.running);
    await finished(deleter);
    if (left.length > 0) assert.deepEqual(await versionsOf(repo, 'p', 'result'), []);
    return left.length > 0 ? 'holds' : 'overtook a method';
  };

  test('drains again: a method that has begun meanwhile is not overtaken (P9)', async (t) => {
    assert.equal(await overtakes(await tempRepo(t)), 'holds');
  });

  test('overtakes it when it does not look at the global fence again', async (t) => {
    assert.equal(await overtakes(await brokenRepo(t, STILL_OURS)), 'overtook a method');
  });

  test('finds the artifact deleted by the one that overtook it, and says so', async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'seed');
    const points = new Pauses(repo, ['delete.before-commit']);
    const deleter = start(repo, ['data', 'delete', 'm', 'a', '--force', '--json'], { env: points.env });
    await points.at('delete.before-commit', deleter);
    await overtake(repo, 'by force', deleter);
    const winner = await runJson<{ alreadyDeleted: boolean }>(repo, ['data', 'delete', 'm', 'a', '--force']);
    points.go('delete.before-commit');
    const loser = JSON.parse((await finished(deleter)).stdout) as { alreadyDeleted: boolean };
    assert.deepEqual([winner.alreadyDeleted, loser.alreadyDeleted], [false, true]);
  });
});

describe('a rename that was put out by force', { concurrency: 2 }, () => {
  for (const point of sampled(['intent.before-publish', 'intent.published', 'steps.out', 'steps.take'], 2)) {
    test(`at ${point} has succeeded or starts over; the artifact has one name`, async (t) => {
      const repo = await tempRepo(t);
      await createModel(repo, 'm');
      await put(repo, 'm', 'a', 'seed');
      const points = new Pauses(repo, [point]);
      const renamer = start(repo, ['data', 'rename', 'm', 'a', 'b'], { env: points.env });
      await points.at(point, renamer);
      await overtake(repo, 'by force', renamer);
      await put(repo, 'm', 'other', 'of the next holder');
      points.go(point);
      await finished(renamer);
      assert.equal(await contentOf(repo, 'm', 'b'), 'seed');
      assert.equal(await contentOf(repo, 'm', 'a'), 'seed', 'the old name forwards');
      assert.equal((await put(repo, 'm', 'b', 'next')).version, 2);
    });
  }
});

const STILL_OURS: Edit = { file: 'protocol/inside.ts', from: 'if (exists(global.path)) return lease;', to: 'return lease;' };

const BYPASS: readonly Edit[] = [
  { file: 'store/write.ts', from: 'if (!exists(runPath)) throw new FenceLost(runPath);', to: '' },
  { file: 'store/write.ts', from: 'const inRun = join(runPath, itemName(fence.session, BUNDLE));', to: 'const inRun = join(fence.session.staging, BUNDLE);' },
  { file: 'store/write.ts', from: 'await step({ path: runPath, session: fence.session }, bundle, inRun);', to: '' },
];

describe('a delete that overtook a method is not undone by it (P9)', { concurrency: 2 }, () => {
  const scenario = async (repo: TestRepo): Promise<'holds' | 'came back'> => {
    await createGated(repo, 'p');
    await runGated(repo, 'p');
    const points = new Pauses(repo, ['outputs.before-run-fence']);
    const gated = startGated(repo, 'p', [], { env: points.env });
    gated.letGo();
    await points.at('outputs.before-run-fence', gated.running);
    await overtake(repo, 'by force', gated.running);
    await run(repo, ['data', 'delete', 'p', '--all', '--force']);
    points.go('outputs.before-run-fence');
    await gated.running.exited;
    return (await versionsOf(repo, 'p', 'result')).length === 0 ? 'holds' : 'came back';
  };

  test('outputs pass through the run fence', async (t) => assert.equal(await scenario(await tempRepo(t, { pending: 'allowed' })), 'holds'));
  test('outputs that bypass it come back', async (t) => assert.equal(await scenario(await brokenRepo(t, ...BYPASS)), 'came back'));
});

const BY_EXACT_NAME: Edit = {
  file: 'locks/fence.ts',
  from: 'return (await move(dir, held.name, name)) ? parseEntry(name) : undefined;',
  to: `if (!(await move(dir, held.name, name))) renameSync(join(dir, ownNames(dir)?.[0] ?? ''), join(dir, name));
    return parseEntry(name);`,
};

describe('of two waiters that judge one holder dead, one breaks its lock (section 3)', { concurrency: 2 }, () => {
  const scenario = async (repo: TestRepo): Promise<'holds' | 'two inside'> => {
    const modelId = await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'seed');
    const doomed = new Pauses(repo, ['write.entered']);
    const dead = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'dead', env: doomed.env });
    await doomed.at('write.entered', dead);
    dead.kill('SIGKILL');
    await dead.exited;
    const slow = new Pauses(repo, ['fs.rename#1'], ['write.entered']);
    const slowBreaker = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'slow', env: slow.env });
    await slow.at('fs.rename', slowBreaker);
    const quick = new Pauses(repo, ['write.entered']);
    const winner = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'quick', env: quick.env });
    await quick.at('write.entered', winner);
    slow.go('fs.rename');
    await until('the other waits, or is inside too', () => slow.reached('write.entered') || ticketsOf(repo, { kind: 'data', modelId }, 'a').length === 1);
    const both = slow.reached('write.entered');
    quick.go('write.entered');
    await finished(winner);
    await finished(slowBreaker);
    return both ? 'two inside' : 'holds';
  };

  test('the break names the very entry that was judged', async (t) => assert.equal(await scenario(await tempRepo(t, { pending: 'allowed' })), 'holds'));
  test('a break of whatever stands there lets two in', async (t) => assert.equal(await scenario(await brokenRepo(t, BY_EXACT_NAME)), 'two inside'));
});

test('of two creations of one name, one of which was put out of the global lock before its link, one stays', async (t) => {
  const repo = await tempRepo(t);
  const args = ['model', 'create', 'store', 'web', '--json'];
  const points = await traceOf(copyRepo(repo), args);
  // The last one gives the definition its name.
  const point = `#${points.lastIndexOf('fs.link') + 1}`;
  const pauses = new Pauses(repo, [point]);
  const late = start(repo, args, { env: pauses.env });
  await pauses.at(point, late);
  await run(repo, ['datastore', 'lock', 'release', '--force']);
  const id = await createModel(repo, 'web', 'true');
  pauses.go(point);
  assert.equal(errorOf(await finished(late, 73)).code, 'model_exists');
  const { models } = await runJson<{ models: { id: string }[] }>(repo, ['model', 'list']);
  assert.deepEqual(
    models.map((model) => model.id),
    [id],
  );
});

test('of two creations of one name that see each other, one stays', async (t) => {
  const repo = await tempRepo(t);
  const args = ['model', 'create', 'store', 'web', '--json'];
  const points = await traceOf(copyRepo(repo), args);
  const link = points.lastIndexOf('fs.link') + 1;
  // What it does next once it has seen the other one.
  const [naming, seen] = [`#${link}`, `#${points.indexOf('fs.syncdir', link) + 2}`];
  const pauses = new Pauses(repo, [naming, seen]);
  const late = start(repo, args, { env: pauses.env });
  await pauses.at(naming, late);
  await run(repo, ['datastore', 'lock', 'release', '--force']);
  // Before it: the scope of the other one, and the probe for hard links.
  const named = new Pauses(repo, ['fs.unlink#3']);
  const holder = start(repo, ['model', 'create', 'command/shell', 'web', '--run', 'true', '--json'], { env: named.env });
  await named.at('fs.unlink', holder);
  assert.ok(existsSync(join(repo.dir, 'models/command/shell/web.yaml')));
  pauses.go(naming);
  await pauses.at(seen, late);
  named.go('fs.unlink');
  const answers = [await finished(holder, [0, 73])];
  pauses.go(seen);
  answers.push(await finished(late, [0, 73]));
  const created = answers.flatMap(({ code, stdout }) => (code === 0 ? [(JSON.parse(stdout) as { id: string }).id] : []));
  assert.equal(created.length, 1);
  const { models } = await runJson<{ models: { id: string }[] }>(repo, ['model', 'list']);
  assert.deepEqual(
    models.map(({ id }) => id),
    created,
  );
});

async function gatedRepo(t: Parameters<typeof tempRepo>[0], env: Readonly<Record<string, string>>): Promise<TestRepo> {
  const repo = await tempRepo(t, { env });
  await createGated(repo, 'p');
  await runGated(repo, 'p');
  return repo;
}

/** Others may take what the process holds: it is stopped, so that they judge it stale; or its locks are released under it. */
async function overtake(repo: TestRepo, takeover: Takeover, holder: Running): Promise<void> {
  if (takeover === 'after the ttl') holder.kill('SIGSTOP');
  else await run(repo, ['datastore', 'lock', 'release', '--force']);
}

/** The process ends as lock_lost; its outputs are in the place it names, and `datastore status` lists them; a sweep with --kept removes them. */
async function expectKept(repo: TestRepo, running: Running): Promise<void> {
  const { code, data } = errorOf(await finished(running, 75));
  assert.equal(code, 'lock_lost');
  const kept = join(repo.dir, String(data['kept']));
  const contents = readdirSync(kept, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('content'));
  assert.ok(
    contents.some((path) => readFileSync(join(kept, path), 'utf8').includes('precious')),
    `${kept} holds ${contents.join(' ')}`,
  );
  const status = await runJson<{ kept: readonly unknown[] }>(repo, ['datastore', 'status']);
  assert.equal(status.kept.length, 1);
  await run(repo, ['datastore', 'sweep', '--kept']);
  assert.equal(existsSync(kept), false);
}

/** The rename that brings a staged version from the fence entry to its place, as the point of a process that does the same. */
async function betweenMoves(repo: TestRepo, artifact: string): Promise<string> {
  const trace = await traceOf(repo, ['data', 'put', 'm', 'rehearsal'], { stdin: 'x', times: artifact === 'a' ? 2 : 1 });
  const commit = trace.indexOf('put.before-commit');
  return `fs.rename#${trace.slice(0, commit).filter((name) => name === 'fs.rename').length + 2}`;
}
