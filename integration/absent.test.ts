/** "It is not there" is said of nothing that is always there: what moves away and back while a command looks for it is found. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync } from 'node:fs';
import { test } from 'node:test';
import { openRepo } from '../src/index.js';
import { Pauses } from './support/failpoints.js';
import { createModel, put, tempRepo, versionsOf } from './support/repo.js';
import { finished, run, runJson, start } from './support/swamp.js';

/** Where each command stands still while the artifact is renamed, and renamed back. */
const READERS: Readonly<Record<string, { readonly args: readonly string[]; readonly points: readonly string[] }>> = {
  'data get': { args: ['data', 'get', 'm', 'a'], points: ['data-get.model-found', 'read.forwarded'] },
  'data versions': { args: ['data', 'versions', 'm', 'a'], points: ['read.forwarded'] },
  'data search': { args: ['data', 'search'], points: ['data-list.names', 'read.forwarded'] },
  'data query': { args: ['data', 'query', 'true'], points: ['catalog.listed', 'read.forwarded'] },
  'data list': { args: ['data', 'list', 'm'], points: ['data-list.names', 'read.forwarded'] },
};

for (const [verb, { args, points }] of Object.entries(READERS)) {
  test(`an artifact that is renamed away and back while ${verb} looks for it is found`, async (t) => {
    const repo = await tempRepo(t);
    await createModel(repo, 'm');
    await put(repo, 'm', 'a', 'one');
    const { data } = openRepo(repo.dir);
    const move = (oldName: string, newName: string) => data.rename({ model: 'm', oldName, newName });
    // The first one makes directories of the datastore, which a reader takes for a restore that was published, and begins anew.
    await move('a', 'z');
    await move('z', 'a');
    const pauses = new Pauses(repo, points);
    const [first = '', second = first] = points;
    if (first === second) await move('a', 'z');
    const reading = start(repo, [...args, '--json'], { env: pauses.env });
    await pauses.at(first, reading);
    if (first !== second) {
      await move('a', 'z');
      pauses.go(first);
      await pauses.at(second, reading);
    }
    await move('z', 'a');
    pauses.go(second);
    assert.match((await finished(reading)).stdout, /"(name|dataName)":"a"/);
  });
}

test('an artifact that one holder of the lock moves twice while a reader looks for it is found', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'one');
  for (const [oldName, newName] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const)
    await openRepo(repo.dir).data.rename({ model: 'm', oldName, newName });
  const died = start(repo, ['data', 'rename', 'm', 'a', 'b'], { env: { SWAMP_FAILPOINTS: 'intent.published=kill' } });
  assert.equal((await died.exited).signal, 'SIGKILL');
  // It moves a to b, which the dead one had begun, and then b to a; the lock is its own the whole time.
  const holder = new Pauses(repo, ['write.entered', 'write.committed']);
  const moving = start(repo, ['data', 'rename', 'm', 'b', 'a'], { env: holder.env });
  await holder.at('write.entered', moving);
  const pauses = new Pauses(repo, ['read.forwarded']);
  const reading = start(repo, ['data', 'get', 'm', 'a'], { env: pauses.env });
  await pauses.at('read.forwarded', reading);
  holder.go('write.entered');
  await holder.at('write.committed', moving);
  pauses.go('read.forwarded');
  await finished(reading);
  holder.go('write.committed');
  await finished(moving);
  assert.deepEqual(await versionsOf(repo, 'm', 'a'), [1]);
});

test('what is not there is not there, also beside a holder that stands still, and beside a damaged global lock', async (t) => {
  const repo = await tempRepo(t);
  const id = await createModel(repo, 'm');
  await put(repo, 'm', 'a', 'one');
  const pauses = new Pauses(repo, ['write.entered']);
  const putting = start(repo, ['data', 'put', 'm', 'a'], { stdin: 'two', env: pauses.env });
  await pauses.at('write.entered', putting);
  for (const args of [
    ['data', 'get', 'm', 'none'],
    ['data', 'versions', 'm', 'none'],
  ])
    await run(repo, args, { expect: 66 });
  pauses.go('write.entered');
  await finished(putting);
  const fence = repo.layout.fence({ kind: 'global' });
  renameSync(fence, `${fence}-aside`);
  mkdirSync(fence);
  await run(repo, ['model', 'get', 'none'], { expect: 66 });
  assert.equal((await runJson<{ id: string }>(repo, ['model', 'get', id])).id, id);
  renameSync(`${fence}-aside`, fence);
});

test('a part that arrives while its upload is aside is taken when the completion fails and puts it back', async (t) => {
  const repo = await tempRepo(t);
  await createModel(repo, 'm');
  const { uploadId } = await runJson<{ uploadId: string }>(repo, ['data', 'upload', 'begin', 'm', 'big']);
  await run(repo, ['data', 'upload', 'part', uploadId, '1'], { stdin: 'one' });
  const aside = new Pauses(repo, ['upload.aside']);
  const arriving = new Pauses(repo, ['part.staged', 'part.missed']);
  const part = start(repo, ['data', 'upload', 'part', uploadId, '2'], { stdin: 'two', env: arriving.env });
  await arriving.at('part.staged', part);
  const completing = start(repo, ['data', 'upload', 'complete', uploadId, '--parts', '2'], { env: aside.env });
  await aside.at('upload.aside', completing);
  arriving.go('part.staged');
  await arriving.at('part.missed', part);
  aside.go('upload.aside');
  await finished(completing, 65);
  arriving.go('part.missed');
  await finished(part);
  await run(repo, ['data', 'upload', 'complete', uploadId, '--parts', '2']);
  await run(repo, ['data', 'delete', 'm', 'big', '--force']);
});
