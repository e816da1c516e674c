/** `data watch`: every commit, delete and rename once and in order, also what came between two watches, and whoever died half way. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { openRepo } from '../src/index.js';
import { cursorOf } from '../src/watch/cursor.js';
import { writeTree } from './support/backup-tree.js';
import { commandOf } from './support/campaign.js';
import { VERBS } from './support/campaign-verbs.js';
import { Pauses, traceOf } from './support/failpoints.js';
import { refused } from './support/refused.js';
import { copyRepo, createModel, put, type TestRepo, tempRepo, ticketsOf } from './support/repo.js';
import { isSampled, LONG } from './support/scale.js';
import { finished, type Running, run, start, startProgram } from './support/swamp.js';
import { until } from './support/until.js';
import { cursorNow, eventsOf, eventsSince, holdingsOf, replay, startWatch } from './support/watching.js';

test('each kind of change is one line, in the order of the commits, and each cursor leads to what came behind it', async (t) => {
  const repo = await tempRepo(t);
  const modelId = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'before');
  const watching = await startWatch(repo, ['m']);
  const { checksum } = await put(repo, 'm', 'a', 'second');
  await put(repo, 'm', 'b', 'x');
  await put(repo, 'm', 'a', 'third');
  await run(repo, ['data', 'rename', 'm', 'b', 'c']);
  await run(repo, ['data', 'delete', 'm', 'a', '--version', '1', '--force']);
  await run(repo, ['data', 'delete', 'm', 'c', '--force']);
  await put(repo, 'm', 'c', 'y');
  await run(repo, ['data', 'delete', 'm', '--all', '--force']);
  await run(repo, ['model', 'delete', 'm', '--force']);
  await finished(watching);
  const events = eventsOf(watching);
  assert.deepEqual(
    events.map(({ type, name, oldName, version }) => [type, name, oldName, version]),
    [
      ['put', 'a', undefined, 2],
      ['put', 'b', undefined, 1],
      ['put', 'a', undefined, 3],
      ['rename', 'c', 'b', 1],
      ['delete', 'a', undefined, 1],
      ['delete', 'c', undefined, null],
      ['put', 'c', undefined, 2],
      ['delete', 'a', undefined, null],
      ['delete', 'c', undefined, null],
      ['model_delete', null, undefined, null],
    ],
  );
  const [first] = events;
  assert.deepEqual(Object.keys(first ?? {}), ['type', 'modelId', 'modelName', 'name', 'version', 'generation', 'size', 'checksum', 'at', 'cursor']);
  assert.deepEqual([first?.modelId, first?.modelName, first?.generation, first?.size, first?.checksum], [modelId, 'm', 1, 6, checksum]);
  for (const [i, { cursor }] of events.entries()) assert.deepEqual(await eventsSince(repo, cursor, 'm'), events.slice(i + 1));
});

test('what is watched are all models, also later ones, a method that writes two artifacts is two lines, and a prefix leaves out the rest', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const [all, some] = await Promise.all([startWatch(repo), startWatch(repo, ['--prefix', 'p/'])]);
  await put(repo, 'm', 'a', 'x');
  await createModel(repo, 'shell', 'echo said');
  await run(repo, ['model', 'run', 'shell']);
  await put(repo, 'm', 'p/1', 'x');
  await run(repo, ['data', 'rename', 'm', 'p/1', 'q']);
  await createModel(repo, 'empty');
  await run(repo, ['model', 'delete', 'empty', '--force']);
  await until('all of it is told', () => eventsOf(all).length >= 6 && eventsOf(some).length >= 3, { detail: () => all.stdout() + all.stderr() });
  for (const watching of [all, some]) watching.kill('SIGINT');
  await Promise.all([finished(all, 130), finished(some, 130)]);
  const told = (watching: Running): unknown[] => eventsOf(watching).map(({ type, modelName, name }) => `${type} ${modelName}/${name}`);
  assert.deepEqual(
    told(all).filter((one) => !String(one).includes('shell')),
    ['put m/a', 'put m/p/1', 'rename m/q', 'model_delete empty/null'],
  );
  assert.deepEqual(
    told(all)
      .filter((one) => String(one).includes('shell'))
      .sort(),
    ['put shell/log', 'put shell/result'],
  );
  assert.deepEqual(told(some), ['put m/p/1', 'rename m/q', 'model_delete empty/null']);
});

test('a version that came and went while nothing watched is told, and from 0 on a watch begins with what there is', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'one');
  await put(repo, 'm', 'a', 'two');
  const cursor = await cursorNow(repo, 'm');
  assert.deepEqual(
    (await eventsSince(repo, '0', 'm')).map(({ type, name, version }) => [type, name, version]),
    [
      ['reset', null, null],
      ['put', 'a', 2],
    ],
  );
  await put(repo, 'm', 'gone', 'x');
  await run(repo, ['data', 'delete', 'm', 'gone', '--force']);
  const { stdout } = await run(repo, ['data', 'watch', 'm', '--since', cursor, '--until-idle', '0', '--json'], { process: true });
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; name: string });
  assert.deepEqual(
    events.map(({ type, name }) => [type, name]),
    [
      ['put', 'gone'],
      ['delete', 'gone'],
    ],
  );
});

test('a writer that had looked before the log was there is waited for: a watch that is ready misses nothing', async (t) => {
  const { repo, modelId, writer, letGo } = await unlogged(t);
  const watching = start(repo, ['data', 'watch', 'm', '--json']);
  await expectToWait(repo, modelId, watching);
  letGo();
  await finished(writer);
  await watching.says(/Watching /);
  await put(repo, 'm', 'a', 'told');
  await until('the next one is told', () => eventsOf(watching).length > 0);
  assert.deepEqual(
    eventsOf(watching).map(({ version }) => version),
    [3],
  );
  watching.kill('SIGTERM');
  await finished(watching, 143);
});

test('that writer is waited for by a second watch, too, when the first one died while it waited', async (t) => {
  const { repo, modelId, writer, letGo } = await unlogged(t);
  const began = new Pauses(repo, ['watch.log-open']);
  const dead = start(repo, ['data', 'watch', 'm', '--json'], { env: began.env });
  await began.at('watch.log-open', dead);
  dead.kill('SIGKILL');
  await dead.exited;
  const watching = start(repo, ['data', 'watch', 'm', '--json']);
  await expectToWait(repo, modelId, watching);
  letGo();
  await finished(writer);
  await watching.says(/Watching /);
  watching.kill('SIGTERM');
  await finished(watching, 143);
  await run(repo, ['datastore', 'sweep']);
});

/** A writer of a second version that found no log, and stands before its commit. */
async function unlogged(t: TestContext): Promise<{ readonly repo: TestRepo; readonly modelId: string; readonly writer: Running; readonly letGo: () => void }> {
  const repo = await tempRepo(t);
  const modelId = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'x');
  const pauses = new Pauses(repo, ['put.before-commit']);
  const writer = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'unlogged', env: pauses.env });
  await pauses.at('put.before-commit', writer);
  return { repo, modelId, writer, letGo: () => pauses.go('put.before-commit') };
}

/** For the writer that holds the data fence; a wait is named when it has taken a moment. */
async function expectToWait(repo: TestRepo, modelId: string, watching: Running): Promise<void> {
  const waits = (): boolean => ticketsOf(repo, { kind: 'data', modelId }, 'd').length > 0;
  await until('it waits, or says that it is ready', () => waits() || watching.stderr() !== '');
  assert.equal(watching.stderr(), '');
}

describe('killed at a point that it passes on a watched model, a command is told once with all it did, or not at all:', { concurrency: 2 }, () => {
  // A completion that another one had published is finished when the watch begins: then there is nothing left to complete.
  const changing = VERBS.filter(
    ({ title, verb }) => !title.includes('had published') && /^(data (put|rename|delete|gc|upload complete)|model (method )?run|datastore sweep)/.test(verb),
  );
  for (const [n, verb] of changing.entries()) {
    test(verb.title, async (t) => {
      const origin = await tempRepo(t, { pending: 'allowed' });
      await verb.prepare(origin);
      const since = (await eventsSince(origin, '0')).at(-1)?.cursor ?? (await firstCursor(origin));
      const before = await holdingsOf(origin);
      const traced = copyRepo(origin);
      const { args, options } = commandOf(verb, traced);
      const points = await traceOf(traced, args, options);
      for (const [i, name] of points.entries()) {
        if (LONG ? i % 3 !== 0 : !isSampled(n + i, Math.min(40, points.length))) continue;
        const repo = copyRepo(origin);
        const command = commandOf(verb, repo);
        await start(repo, command.args, { ...command.options, env: { SWAMP_FAILPOINTS: `#${i + 1}=kill` } }).exited;
        await run(repo, ['datastore', 'sweep']);
        const told = await eventsSince(repo, since);
        assert.deepEqual(replay(before, told), await holdingsOf(repo), `killed at point ${i + 1} (${name})`);
        assert.deepEqual((await openRepo(repo.dir).datastore.check()).findings, [], `killed at point ${i + 1} (${name})`);
      }
    });
  }
});

/** Where nothing was stored yet, a watch of every model has begun, and its cursor names none. */
async function firstCursor(repo: TestRepo): Promise<string> {
  assert.deepEqual(await holdingsOf(repo), {});
  return cursorOf(new Map());
}

test('beside eight writers and two deleters, with kills of writers and of the watch itself, no event is missing and none comes twice', {
  timeout: 200_000,
}, async (t) => {
  const repo = await tempRepo(t, { pending: 'allowed' });
  await createModel(repo, 'm');
  const before = await holdingsOf(repo);
  let watching = await startWatch(repo, ['m'], { timeoutMs: 180_000 });
  const told = [];
  const names = 'a,b,c';
  const options = { stdin: 'open', timeoutMs: 180_000 } as const;
  const writers = Array.from({ length: 8 }, (_, i) => startProgram(repo, 'writer', ['m', names, `w${i}`], options));
  const deleters = Array.from({ length: 2 }, () => startProgram(repo, 'deleter', ['m', names, '0'], options));
  const rounds = LONG ? 12 : 3;
  for (let round = 0; round < rounds; round++) {
    const seen = eventsOf(watching).length;
    await until('more is told', () => eventsOf(watching).length > seen + 20, {
      timeoutMs: 60_000,
      detail: () => `${eventsOf(watching).length} ${watching.stderr()} ${watching.hasExited()}`,
    });
    writers[round % 4]?.kill('SIGKILL');
    watching.kill('SIGKILL');
    await watching.exited;
    const printed = eventsOf(watching);
    told.push(...printed);
    watching = await startWatch(repo, ['m', '--since', told.at(-1)?.cursor ?? ''], { timeoutMs: 180_000 });
  }
  for (const one of [...writers, ...deleters]) one.closeStdin();
  await Promise.all([...writers, ...deleters].map(({ exited }) => exited));
  const acknowledged = writers.flatMap(({ stdout }) =>
    stdout()
      .split('\n')
      .filter((line) => /^\{.*\}$/.test(line))
      .map((line) => JSON.parse(line) as Acknowledged),
  );
  const last = (await eventsSince(repo, told.at(-1)?.cursor ?? '', 'm')).length;
  await until('all is told', () => eventsOf(watching).length >= last);
  watching.kill('SIGTERM');
  await finished(watching, 143);
  told.push(...eventsOf(watching));
  assert.deepEqual(replay(before, told), await holdingsOf(repo));
  const puts = new Set(told.map(({ type, name, generation, version, checksum }) => `${type} ${name} ${generation} ${version} ${checksum}`));
  for (const { name, generation, version, checksum } of acknowledged)
    assert.ok(puts.has(`put ${name} ${generation} ${version} ${checksum}`), `${name} ${version} is missing`);
  const unacknowledged = told.filter(({ type }) => type === 'put').length - acknowledged.length;
  assert.ok(unacknowledged <= rounds, `${unacknowledged} puts are told that nobody made`);
  t.diagnostic(`${told.length} events, ${acknowledged.length} puts acknowledged`);
});

interface Acknowledged {
  readonly name: string;
  readonly generation: number;
  readonly version: number;
  readonly checksum: string;
}

describe('where the history that a cursor needs is gone, a reset and a listing say so:', () => {
  const after = async (t: Parameters<typeof tempRepo>[0], act: (repo: TestRepo, modelId: string, since: string) => Promise<void>): Promise<unknown[]> => {
    const repo = await tempRepo(t);
    const modelId = await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'one');
    const cursor = await cursorNow(repo, 'm');
    await act(repo, modelId, cursor);
    return (await eventsSince(repo, cursor, 'm')).map(({ type, name, version }) => [type, name, version].join(' '));
  };

  test('after a restore', async (t) => {
    const told = await after(t, async (repo) => {
      const { dir } = writeTree(join(repo.base, 'backup'), [{ name: 'm', artifacts: { restored: ['x'] } }]);
      await run(repo, ['backup', 'restore', dir, '--mode', 'merge']);
    });
    assert.deepEqual(told.slice(0, 1), ['reset  ']);
    assert.deepEqual(new Set(told.slice(1)), new Set(['put a 1', 'put restored 1']));
  });

  test('after a repair that set something aside', async (t) => {
    const told = await after(t, async (repo, modelId) => {
      await put(repo, 'm', 'a', 'two');
      writeFileSync(join(repo.layout.version(modelId, 'a', 2), 'content'), 'changed');
      await run(repo, ['datastore', 'check', '--repair', '--force']);
    });
    assert.deepEqual(told, ['reset  ', 'put a 1']);
  });

  test('after a log that is damaged was set aside', async (t) => {
    const told = await after(t, async (repo, modelId, since) => {
      await put(repo, 'm', 'a', 'two');
      const [bucket = ''] = readdirSync(repo.layout.changeLog(modelId)).filter((name) => name !== 'log.json');
      const [record = ''] = readdirSync(join(repo.layout.changeLog(modelId), bucket));
      writeFileSync(join(repo.layout.changeLog(modelId), bucket, record), 'garbage');
      await refused(repo, ['data', 'watch', 'm', '--since', since, '--until-idle', '0'], 'corrupt', { process: true });
      await run(repo, ['datastore', 'check', '--repair', '--force']);
    });
    assert.deepEqual(told, ['reset  ', 'put a 2']);
  });
});

test('a cursor too long for the environment keeps no command from being run: stdin has it', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await cursorNow(repo, 'm');
  const logs = Array.from({ length: 50 }, () => join(repo.dir, '.swamp/v3/changes', randomUUID()));
  for (const dir of logs) {
    mkdirSync(dir);
    writeFileSync(join(dir, 'log.json'), JSON.stringify({ log: '0'.repeat(3_000), since: 0 }));
  }
  const watching = await startWatch(repo, ['--exec', 'wc -c; echo "[$SWAMP_EVENT_CURSOR]" "$SWAMP_EVENT_NAME"']);
  await put(repo, 'm', 'a', 'x');
  await until('it is told', () => eventsOf(watching).length > 0 || watching.hasExited(), { detail: watching.stderr });
  assert.match(watching.stderr(), /\n1[0-9]{5}\n\[\] a\n/);
  watching.kill('SIGTERM');
  await finished(watching, 143);
  for (const dir of logs) rmSync(dir, { recursive: true });
});

test('data gc trims what is older than a week, for which an old cursor gets a reset, and ends a log that nothing has watched for a month', async (t) => {
  const repo = await tempRepo(t);
  const modelId = await createModel(repo, 'm');
  const log = repo.layout.changeLog(modelId);
  const old = await cursorNow(repo, 'm');
  await put(repo, 'm', 'a', 'one');
  const fence = repo.layout.fence({ kind: 'data', modelId });
  const [entry = ''] = readdirSync(fence);
  renameSync(join(fence, entry), join(fence, entry.replace(/^[0-9]+/, '1500')));
  await put(repo, 'm', 'a', 'two');
  const now = (await eventsSince(repo, old, 'm')).at(-1)?.cursor ?? '';
  const collect = (): Promise<unknown> => run(repo, ['data', 'gc', 'm', '--force']);
  await collect();
  assert.deepEqual(readdirSync(log).sort(), ['0', '1', 'log.json']);
  const [first = ''] = readdirSync(join(log, '0'));
  aged(join(log, '0', first), 8);
  await collect();
  assert.deepEqual(readdirSync(log).sort(), ['1', 'log.json']);
  assert.deepEqual(await eventsSince(repo, now, 'm'), []);
  assert.deepEqual(
    (await eventsSince(repo, old, 'm')).map(({ type, version }) => [type, version]),
    [
      ['reset', null],
      ['put', 2],
    ],
  );
  aged(join(log, 'log.json'), 31);
  await collect();
  assert.deepEqual(readdirSync(repo.layout.changes), []);
  await put(repo, 'm', 'a', 'three');
  assert.deepEqual(readdirSync(repo.layout.changes), []);
});

/** As if it had been written so many days ago. */
function aged(path: string, days: number): void {
  const at = new Date(Date.now() - days * 86_400_000);
  utimesSync(path, at, at);
}
