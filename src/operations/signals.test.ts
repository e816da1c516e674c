/** What takes long on a large store ends when its signal fires, however few calls of it wait for anything. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { libraryRepo, NEVER, newModel, putAll } from '../../integration/support/library-repo.js';
import { ARTIFACT_RECORD } from '../layout/layout.js';
import { segmentFor } from '../layout/names.js';
import type { Repo } from '../repo.js';
import { dataDelete } from './data-delete.js';
import { dataList } from './data-list.js';
import { dataQuery } from './data-query.js';
import { dataSearch } from './data-search.js';
import { dataVersions } from './data-versions.js';
import { datastoreStatus } from './datastore-status.js';
import { datastoreSweep } from './datastore-sweep.js';
import { modelDelete } from './model-delete.js';

/** More entries than a loop looks at without a turn of the event loop. */
const MANY = 600;

interface Cancel {
  readonly signal: AbortSignal;
}

const LOOPS: Readonly<Record<string, (repo: Repo, cancel: Cancel) => Promise<unknown>>> = {
  'datastore status': (repo, cancel) => datastoreStatus(repo, {}, cancel),
  'datastore sweep --dry-run': (repo, cancel) => datastoreSweep(repo, { dryRun: true, kept: true }, cancel),
  'model delete --dry-run': (repo, cancel) => modelDelete(repo, { model: 'm', withData: true, dryRun: true }, cancel),
  'data delete --all --dry-run': (repo, cancel) => dataDelete(repo, { model: 'm', all: true, dryRun: true }, cancel),
  'data list': (repo, cancel) => dataList(repo, { model: 'm' }, cancel),
  'data search': (repo, cancel) => dataSearch(repo, {}, cancel),
  'data query': (repo, cancel) => dataQuery(repo, { predicate: 'size > 0 && name.matches("a")' }, cancel),
  'data versions': (repo, cancel) => dataVersions(repo, { model: 'm', name: 'many' }, cancel),
};

/** A model of many artifacts, one of which has many versions that are all alike; and as much in the trash. */
async function large(repo: Repo): Promise<void> {
  const id = await newModel(repo, 'm');
  await putAll(repo, 'm', 'many', 'x');
  const { layout } = repo;
  const one = layout.version(id, 'many', 1);
  const texts = {
    record: readFileSync(join(layout.artifact(id, 'many'), ARTIFACT_RECORD), 'utf8'),
    metadata: readFileSync(join(one, 'metadata.json'), 'utf8'),
  };
  const version = (dir: string): void => {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'metadata.json'), texts.metadata);
    writeFileSync(join(dir, 'content'), 'x');
  };
  for (let i = 0; i < MANY; i++) {
    version(layout.version(id, 'many', i + 1));
    version(layout.version(id, `a${i}`, 1));
    writeFileSync(join(layout.artifact(id, `a${i}`), ARTIFACT_RECORD), texts.record.replace('"many"', `"a${i}"`));
    version(join(layout.trash(id, 1, 'abcdefabcdef'), segmentFor(`a${i}`)));
  }
}

test('the loops of a large store', async (t) => {
  const repo = await libraryRepo(t);
  await large(repo);
  for (const [name, loop] of Object.entries(LOOPS)) {
    await t.test(`${name} ends with the reason of a signal that fires while it looks`, async () => {
      const controller = new AbortController();
      const turns = { passed: 0 };
      let ended = false;
      const count = (): void => {
        turns.passed++;
        if (turns.passed === 3) controller.abort(new Error('enough'));
        if (!ended) setImmediate(count);
      };
      setImmediate(count);
      await assert.rejects(loop(repo, { signal: controller.signal }), /enough/);
      ended = true;
      await loop(repo, NEVER);
    });
  }
});
