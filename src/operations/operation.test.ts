/** Every operation is declared, and what its declaration says of it holds. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { foreignIn } from '../../integration/support/foreign.js';
import { libraryRepo, NEVER, newModel, putAll } from '../../integration/support/library-repo.js';
import { COMMANDS } from '../cli/table.js';
import { openRepoAt, type Repo } from '../repo.js';
import { closeContent } from '../store/content.js';
import { backupCreate } from './backup-create.js';
import { dataGetOf, type OpenData } from './data-get.js';
import type { Declared } from './operation.js';
import { uploadBegin } from './upload-begin.js';

type Any = ((repo: Repo, input: object, options: object) => Promise<unknown>) & Declared;

/** What each may do, by its verb: a new one needs a line here. With `dryRun` one that writes is one that reads. */
const ACCESS: Readonly<Record<string, 'reads' | 'writes'>> = {
  'repo info': 'reads',
  'repo import': 'writes',
  'model create': 'writes',
  'model list': 'reads',
  'model get': 'reads',
  'model validate': 'reads',
  'model rename': 'writes',
  'model delete': 'writes',
  'model method run': 'writes',
  'model exec': 'writes',
  'model edit': 'writes',
  'model set': 'writes',
  'data put': 'writes',
  'data get': 'reads',
  'data list': 'reads',
  'data search': 'reads',
  'data query': 'reads',
  'data query --sql': 'reads',
  'data versions': 'reads',
  'data watch': 'reads',
  'data rename': 'writes',
  'data delete': 'writes',
  'data gc': 'writes',
  'data prune': 'writes',
  'data upload begin': 'writes',
  'data upload part': 'writes',
  'data upload complete': 'writes',
  'data upload abort': 'writes',
  'data upload list': 'reads',
  'datastore status': 'reads',
  'datastore check': 'reads',
  'datastore check --repair': 'writes',
  'datastore sweep': 'writes',
  'datastore compact': 'writes',
  'datastore setup': 'writes',
  'datastore lock status': 'reads',
  'datastore lock release': 'writes',
  'backup create': 'writes',
  'backup restore': 'writes',
};

/** These look at the store as it is, a restore under way or not. */
const AS_IT_IS = [
  'datastore status',
  'datastore check',
  'datastore check --repair',
  'datastore sweep',
  'datastore setup',
  'datastore lock status',
  'datastore lock release',
];

/** Commands without an operation on a repository; `model search` is `model list`. */
const OTHERS = /^(repo init|model search|backup (verify|diff|list|pack|unpack|prune)|session|demo|completion)$/;

/** These have one. */
const DRY_RUNS: ReadonlySet<string> = new Set(COMMANDS.filter(({ flags }) => flags.some(({ name }) => name === 'dry-run')).map(({ verb }) => verb));

const declared = new Map<string, Any[]>();

before(async () => {
  const names = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.js') && !name.endsWith('.test.js'));
  for (const name of names) {
    for (const one of Object.values((await import(`./${name}`)) as Record<string, unknown>)) {
      if (typeof one !== 'function' || !('declaration' in one)) continue;
      const { verb, about } = (one as Any).declaration;
      const key = verb === 'datastore check' && about !== undefined ? `${verb} --repair` : verb;
      declared.set(key, [...(declared.get(key) ?? []), one as Any]);
    }
  }
});

test('every command on a repository is a declared operation, which reads or writes', () => {
  const verbs = COMMANDS.map(({ verb }) => verb).filter((verb) => !OTHERS.test(verb));
  assert.deepEqual([...declared.keys()].sort(), [...new Set([...verbs, 'datastore check --repair', 'data query --sql'])].sort());
  const found = [...declared].flatMap(([verb, all]) => all.map(({ declaration }) => [verb, declaration.access] as const));
  assert.deepEqual(Object.fromEntries(found), ACCESS);
  const asItIs = [...declared].filter(([, all]) => all.some(({ declaration }) => declaration.asItIs === true)).map(([verb]) => verb);
  assert.deepEqual(asItIs.sort(), [...AS_IT_IS].sort());
});

describe('on a read-only repository', () => {
  for (const [verb, access] of Object.entries(ACCESS)) {
    if (access === 'reads') continue;
    test(`"${verb}" is refused before it reads or locks anything (D10)`, async (t) => {
      const repo = await libraryRepo(t);
      const before = readdirSync(repo.root, { recursive: true });
      const readOnly = openRepoAt(repo.root, { env: {}, readOnly: true });
      mkdirSync(repo.layout.restoring, { recursive: true });
      for (const operation of declared.get(verb) ?? [])
        await assert.rejects(operation(readOnly, { model: 'none' }, NEVER), { code: 'read_only', message: /would write/ });
      rmdirSync(repo.layout.restoring);
      for (const dir of [repo.layout.root, repo.datastore]) rmdirSync(dir);
      assert.deepEqual(readdirSync(repo.root, { recursive: true }), before);
    });
  }
});

/** What takes no lock, and lets each of these come to its end on one model `m` with one artifact `a`. */
const INPUT = { model: 'm', name: 'a', withData: true, mode: 'merge', predicate: 'true', sql: 'select 1' };

describe('what is read while a restore comes and goes is read again (B16):', () => {
  for (const [verb, access] of Object.entries(ACCESS)) {
    const dryRun = access === 'writes';
    if (AS_IT_IS.includes(verb) || (dryRun && !DRY_RUNS.has(verb))) continue;
    test(`${verb}${dryRun ? ' --dry-run' : ''}`, async (t) => {
      const repo = await libraryRepo(t);
      await newModel(repo, 'm');
      await putAll(repo, 'm', 'a', 'one');
      await uploadBegin(repo, { model: 'm', name: 'b' }, NEVER);
      const dir = join(repo.root, 'backup');
      if (verb === 'backup restore') await backupCreate(repo, { dir }, NEVER);
      if (verb === 'repo import') foreignIn(dir);
      // It is given a model that was looked up already.
      for (const operation of (declared.get(verb) ?? []).filter((one) => one !== (dataGetOf as unknown))) {
        const looks = async (restore: () => void): Promise<number> => {
          const names = new Names(restore);
          const found = await operation(Object.freeze({ ...repo, names }), { ...INPUT, dir, dryRun }, NEVER);
          if (isOpen(found)) closeContent(found.content);
          return names.looks;
        };
        // The first query makes a directory beside restoring/, which every reader takes for a restore.
        if (verb.startsWith('data query')) await looks(() => undefined);
        const once = await looks(() => undefined);
        const twice = await looks(() => {
          mkdirSync(repo.layout.restoring);
          rmdirSync(repo.layout.restoring);
        });
        assert.deepEqual([once > 0, twice], [true, 2 * once]);
      }
    });
  }
});

function isOpen(found: unknown): found is OpenData {
  return typeof found === 'object' && found !== null && 'content' in found;
}

/** Is told of each look at a definition; at the first one a restore is published and carried out. */
class Names extends Map<string, string> {
  looks = 0;

  constructor(readonly restore: () => void) {
    super();
  }

  override set(id: string, name: string): this {
    if (this.looks++ === 0) this.restore();
    return super.set(id, name);
  }
}
