import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { INJURIES, LONG_NAME, type Places, readableBytes, TOLD, written } from '../../integration/support/injuries.js';
import { deadHolder, NEVER } from '../../integration/support/library-repo.js';
import { sampled } from '../../integration/support/scale.js';
import { SwampError } from '../errors.js';
import { exists } from '../fs/tree.js';
import { readFence } from '../locks/fence.js';
import { newSession } from '../locks/session.js';
import { displayPath, type Repo } from '../repo.js';
import { dataContent } from './data-content.js';
import { dataDelete } from './data-delete.js';
import { dataGetRecord } from './data-get.js';
import { dataPut } from './data-put.js';
import { type DatastoreCheckResult, datastoreCheck } from './datastore-check.js';
import { datastoreRepair, type RepairPlan } from './datastore-repair.js';

const check = (repo: Repo): Promise<DatastoreCheckResult> => datastoreCheck(repo, {}, NEVER);

// Each has a repository of its own and mostly waits for the disk.
describe('an injury', { concurrency: 4 }, () => {
  for (const [title, injure] of sampled(Object.entries(INJURIES), 3)) {
    test(`repair mends, or sets aside, and loses nothing: ${title}`, { timeout: 30_000 }, async (t) => {
      const places = await written(t);
      const { repo } = places;
      const given = await pairsOf(places);
      injure(places);
      const before = readableBytes(repo.root);
      const planned = await datastoreRepair(repo, { dryRun: true }, NEVER);
      const result = await datastoreRepair(repo, {}, NEVER);
      const after = await check(repo);
      assert.deepEqual(after, { ...result, repaired: [] }, 'another check tells something else');
      assert.deepEqual(after.pending, []);
      if (TOLD.has(title)) assert.deepEqual(result.repaired, []);
      else assert.deepEqual(after.findings, []);
      const told = ({ path, kind, action }: (typeof result.repaired)[number]): string => `${action} ${kind} ${path}`;
      for (const item of planned.repaired) {
        // A ticket that stands in the queue for nobody is dropped by the first command that waits behind it.
        const isDone = result.repaired.map(told).includes(told(item)) || (item.path.includes('/queues/') && !exists(join(repo.root, item.path)));
        assert.ok(isDone, `planned, and not done: ${told(item)}`);
      }
      for (const { to, action } of result.repaired) if (action === 'quarantined') assert.ok(exists(join(repo.root, to ?? '-')), to);
      const left = readableBytes(repo.root);
      for (const [hash, path] of before) assert.ok(left.has(hash), `what could be read in ${path} cannot be read any more`);
      if (!TOLD.has(title)) await stillWorks(places, given);
      assert.deepEqual((await check(repo)).findings, after.findings);
    });
  }
});

/** Generation and version of everything that was ever given out, by name. */
async function pairsOf({ repo, id }: Places): Promise<Map<string, Set<string>>> {
  const generation = (path: string): number => (JSON.parse(readFileSync(path, 'utf8')) as { generation: number }).generation;
  const [live, dead] = [
    (name: string) => generation(join(repo.layout.artifact(id, name), 'artifact.json')),
    (name: string) => generation(repo.layout.tombstone(id, name)),
  ];
  return new Map([
    ['a', new Set([`${live('a')} 1`, `${live('a')} 2`])],
    [LONG_NAME, new Set([`${live(LONG_NAME)} 1`])],
    ['gone', new Set([`${dead('gone')} 1`])],
    ['back', new Set([`${dead('back')} 1`, `${dead('back')} 2`, `${live('back')} 3`])],
  ]);
}

/** Reads what is there, writes, reads it again, deletes, writes again: no pair of generation and version comes twice (P4). */
async function stillWorks({ repo }: Places, given: ReadonlyMap<string, Set<string>>): Promise<void> {
  for (const [name, pairs] of given) {
    for (const round of ['1', '2']) {
      const put = await dataPut(repo, { model: 'm', name, source: [`new ${round}`] }, NEVER).catch((error: unknown) => {
        if (error instanceof SwampError && error.code === 'model_not_found') return undefined;
        throw error;
      });
      if (put === undefined) return;
      const pair = `${put.generation} ${put.version}`;
      assert.ok(!pairs.has(pair), `${name} was given ${pair} again`);
      pairs.add(pair);
      const got = await dataContent(repo, { model: 'm', name, verify: true }, NEVER);
      assert.equal(await got.text(), `new ${round}`);
      if (round === '1') await dataDelete(repo, { model: 'm', name }, NEVER);
    }
  }
}

test('repair of a store in order does nothing, and takes no lock', async (t) => {
  const { repo, entry } = await written(t);
  assert.deepEqual((await datastoreRepair(repo, {}, NEVER)).repaired, []);
  assert.ok(exists(entry));
  assert.ok(!exists(repo.layout.quarantines));
});

test('a version that was altered goes whole, the others stay, its number is not given out again, and its place tells what it was', async (t) => {
  const { repo, id, content, metadata, record, version } = await written(t);
  writeFileSync(content, 'twO');
  const was = { content: readFileSync(content, 'utf8'), metadata: readFileSync(metadata, 'utf8') };
  const { repaired } = await datastoreRepair(repo, {}, NEVER);
  const path = (absolute: string): string => displayPath(repo, absolute);
  assert.deepEqual(
    repaired.map(({ to: _, ...item }) => item),
    [
      { path: path(record), kind: 'checksum_mismatch', action: 'rebuilt' },
      { path: path(version), kind: 'checksum_mismatch', action: 'quarantined' },
    ],
  );
  const to = join(repo.root, repaired[1]?.to ?? '');
  assert.match(repaired[1]?.to ?? '', new RegExp(`^\\.swamp/v3/quarantine/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}/data/${id}/a/2$`));
  assert.deepEqual({ content: readFileSync(join(to, 'content'), 'utf8'), metadata: readFileSync(join(to, 'metadata.json'), 'utf8') }, was);
  assert.equal((await dataGetRecord(repo, { model: 'm', name: 'a' })).version, 1);
  const { version: next, generation } = await dataPut(repo, { model: 'm', name: 'a', source: ['three'] }, NEVER);
  assert.deepEqual([next, generation], [3, 1]);
});

test('a damaged record says nothing: what is written after its repair has a generation that was never given out (P4)', async (t) => {
  const { repo, record, tombstone } = await written(t);
  writeFileSync(record, '{\n  "name": "a",\n  "generation": 40,\n  "floor": 40,');
  writeFileSync(tombstone, '{\n  "name": "gone",\n  "generation": 50,\n  "floor": 50');
  const hints = (await check(repo)).findings.map(({ hint }) => hint);
  assert.ok(hints.length === 2 && hints.every((hint) => /not be known any more/.test(hint)), hints.join('\n'));
  assert.deepEqual((await datastoreRepair(repo, {}, NEVER)).findings, []);
  const [a, gone] = [
    await dataPut(repo, { model: 'm', name: 'a', source: [''] }, NEVER),
    await dataPut(repo, { model: 'm', name: 'gone', source: [''] }, NEVER),
  ];
  assert.deepEqual([a.version, gone.version], [3, 1]);
  assert.ok(a.generation > 1 && gone.generation > a.generation, `${a.generation} ${gone.generation}`);
});

test('a lock is mended far above every epoch that a name still says (P6)', async (t) => {
  const { repo, id, data } = await written(t);
  const soon = Date.now() + 1e9;
  mkdirSync(join(repo.layout.trashes, `${id}-${soon + 60}-000000000000`));
  mkdirSync(join(data, `${soon}.free-000000000000`));
  await datastoreRepair(repo, {}, NEVER);
  assert.ok((readFence(data)?.epoch ?? 0) >= soon + 60 + 1e6);
});

test('a lock that is damaged again and again never goes back, although nothing says how far it had jumped (P6)', async (t) => {
  const { repo, data } = await written(t);
  const epoch = (): number => readFence(data)?.epoch ?? 0;
  for (let round = 0, before = epoch(); round < 3; round++) {
    for (const name of readdirSync(data)) renameSync(join(data, name), join(repo.root, `${round}.${name}`));
    await datastoreRepair(repo, {}, NEVER);
    assert.ok(epoch() > before, `${epoch()} after ${before}`);
    for (const text of ['1', '2', '3']) await dataPut(repo, { model: 'm', name: 'a', source: [text] }, NEVER);
    before = epoch();
  }
});

test('what a published intent promised in an entry that goes is kept with the one that stays', async (t) => {
  const places = await written(t);
  const { repo, data, entry, version } = places;
  const low = join(data, '3.free-000000000000');
  const intent = join(low, `${deadHolder(newSession(repo).holder)}.intent`);
  cpSync(version, join(intent, 'log'), { recursive: true });
  writeFileSync(join(intent, 'intent.json'), '{"kind": "steps", "steps": [{"out": "log", "to": {"artifact": "a", "version": 3}}]}');
  assert.ok(exists(entry));
  const { findings, pending } = await datastoreRepair(repo, {}, NEVER);
  assert.deepEqual({ findings, pending }, { findings: [], pending: [] });
  assert.equal((await dataGetRecord(repo, { model: 'm', name: 'a' })).version, 3);
});

for (const [title, timing, holder] of [
  ['who lives', { lockTimeoutMs: 300 }, (repo: Repo) => newSession(repo).holder],
  ['who cannot be judged', { lockTimeoutMs: 300 }, () => 'somebody'],
] as const) {
  test(`a damaged lock is not mended while an entry of it names a holder ${title}`, async (t) => {
    const { repo: plain, data } = await written(t);
    const repo = { ...plain, timing: { ...plain.timing, ...timing } };
    mkdirSync(join(data, `50.${holder(repo)}`));
    const before = readdirSync(data).sort();
    await assert.rejects(datastoreRepair(repo, {}, NEVER), (error) => {
      assert.ok(error instanceof SwampError);
      assert.equal(error.code, 'lock_timeout');
      assert.equal(error.data['holder'], `50.${holder === undefined ? '' : before.find((name) => name.startsWith('50.'))?.slice(3)}`);
      assert.match(error.message, /the data lock of (model .*|"m".*) damaged .* held by/);
      return true;
    });
    assert.deepEqual(readdirSync(data).sort(), before);
    assert.ok(!exists(repo.layout.quarantines));
  });
}

test('a damaged lock is mended when its holder lets go, and when the heartbeat of one who cannot be judged has stood still for the ttl', async (t) => {
  const { repo: plain, data } = await written(t);
  const told = new EventEmitter();
  const waits = once(told, 'info');
  const info = (message: string): void => void (message.startsWith('Waiting') && told.emit('info'));
  const repo = { ...plain, timing: { ...plain.timing, ttlMs: 1_500, noticeMs: 100 }, reporter: { ...plain.reporter, info } };
  mkdirSync(join(data, '50.somebody'));
  const { holder } = newSession(repo);
  mkdirSync(join(data, `51.${holder}`));
  const mending = datastoreRepair(repo, {}, NEVER);
  await waits;
  renameSync(join(data, `51.${holder}`), join(data, '51.free-000000000000'));
  assert.deepEqual((await mending).findings, []);
  const entry = readFence(data);
  assert.ok(entry?.state === 'free' && entry.epoch > 51);
});

test('repair asks once, and does nothing when the answer is no', async (t) => {
  const { repo, content } = await written(t);
  writeFileSync(content, 'twO');
  const asked: RepairPlan[] = [];
  const no = async (plan: RepairPlan): Promise<boolean> => asked.push(plan) === 0;
  const { cancelled, repaired, findings } = await datastoreRepair(repo, {}, { ...NEVER, confirm: no });
  assert.deepEqual([cancelled, repaired, findings.length], [true, [], 1]);
  assert.deepEqual(
    asked.map(({ items }) => items.map(({ action }) => action)),
    [['rebuilt', 'quarantined']],
  );
  assert.ok(exists(content));
});

test('a repository that is opened read-only is not repaired; a dry run of it is allowed and changes nothing', async (t) => {
  const { repo: plain, content, entry } = await written(t);
  const repo = { ...plain, readOnly: true };
  writeFileSync(content, 'twO');
  await assert.rejects(datastoreRepair(repo, {}, NEVER), { code: 'read_only' });
  const { dryRun, repaired, findings } = await datastoreRepair(repo, { dryRun: true }, NEVER);
  assert.deepEqual([dryRun, repaired.length, findings.length], [true, 2, 1]);
  assert.ok(exists(entry) && !exists(repo.layout.quarantines));
});

test('what came in the place of damage since it was found stays', async (t) => {
  const { repo, id, artifact } = await written(t);
  const [elsewhere, stray] = [join(repo.root, 'elsewhere'), join(repo.layout.root, 'locks')];
  renameSync(repo.layout.model(id), elsewhere);
  symlinkSync(elsewhere, repo.layout.model(id));
  writeFileSync(stray, 'x');
  const confirm = async (): Promise<boolean> => {
    unlinkSync(repo.layout.model(id));
    renameSync(elsewhere, repo.layout.model(id));
    unlinkSync(stray);
    mkdirSync(stray);
    return true;
  };
  const { findings, repaired } = await datastoreRepair(repo, {}, { ...NEVER, confirm });
  assert.deepEqual(repaired, []);
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['unknown_entry'],
  );
  assert.ok(exists(artifact));
});

/** Injuries that keep everybody from taking a lock, or lead to one by a link. */
const OF_LOCKS = Object.keys(INJURIES).filter(
  (title) => /fence|queue|sessions|trash|details|scope|intent/.test(title) && !/ahead|deleted model|model was/.test(title),
);

describe('an injured lock', { concurrency: 4 }, () => {
  for (const title of sampled(OF_LOCKS, 3)) {
    test(`several repairs at once, beside a writer, mend as one does: ${title}`, { timeout: 60_000 }, async (t) => {
      const places = await written(t);
      const { repo } = places;
      INJURIES[title]?.(places);
      let done = false;
      const versions: number[] = [];
      const writing = (async () => {
        while (!done) {
          const put = await dataPut(repo, { model: 'm', name: 'new', source: ['x'] }, NEVER).catch((error: unknown) => {
            // Until the lock is mended it may be told so; nothing else may come of it.
            if (!(error instanceof Error)) throw error;
          });
          if (put !== undefined) versions.push(put.version);
          await setTimeout(1);
        }
      })();
      const repairing = Promise.all([1, 2, 3].map(() => datastoreRepair(repo, {}, NEVER)));
      const results = await repairing.finally(() => {
        done = true;
        return writing;
      });
      // A fence that the writer makes anew while it is missing begins too low: that is told, and mended, by the next look.
      for (const { findings } of results)
        assert.deepEqual(
          findings.filter(({ kind }) => kind !== 'generation_ahead'),
          [],
        );
      const { findings } = await datastoreRepair(repo, {}, NEVER);
      assert.deepEqual(findings, []);
      assert.deepEqual((await check(repo)).findings, []);
      assert.deepEqual(
        versions,
        [...new Set(versions)].sort((a, b) => a - b),
      );
    });
  }
});
