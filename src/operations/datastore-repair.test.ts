import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { INJURIES, LONG_NAME, type Places, written } from '../../integration/support/injuries.js';
import { NEVER } from '../../integration/support/library-repo.js';
import { SwampError } from '../errors.js';
import { exists } from '../fs/tree.js';
import type { Repo } from '../repo.js';
import { dataDelete } from './data-delete.js';
import { dataGet } from './data-get.js';
import { dataPut } from './data-put.js';
import { type DatastoreCheckResult, datastoreCheck } from './datastore-check.js';
import { datastoreRepair } from './datastore-repair.js';

/** What a person must do: a repair tells it again, and leaves it as it is. */
const TOLD: ReadonlySet<string> = new Set([
  'the datastore is behind a link',
  'the marker of the repository is missing',
  'the marker of the repository is that of another one',
  'a definition has problems',
  'two definitions have one id',
  'a definition is a link',
  'the definitions are behind a link',
  'the definition of a deleted model came back with changes',
]);

const check = (repo: Repo): Promise<DatastoreCheckResult> => datastoreCheck(repo, {}, NEVER);

for (const [title, injure] of Object.entries(INJURIES)) {
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

/** The content of every file of the repository, by its hash; what locks, queues and sessions keep for themselves aside. */
function readableBytes(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (dir: string): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile() && entry.name !== 'holder.json' && !entry.name.startsWith('scope.'))
        found.set(createHash('sha256').update(readFileSync(path)).digest('hex'), path);
    }
  };
  walk(root);
  return found;
}

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
      const got = dataGet(repo, { model: 'm', name, verify: true } as Parameters<typeof dataGet>[1]);
      assert.equal((await buffer((await got).openContent())).toString(), `new ${round}`);
      if (round === '1') await dataDelete(repo, { model: 'm', name }, NEVER);
    }
  }
}
