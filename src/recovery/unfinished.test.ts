/** Walks the table of what is unfinished (P8): each kind is left once, and every command that reads the table knows it. */
import assert from 'node:assert/strict';
import { cpSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { heldByDead, type Places, UUID, writeDeleted, written } from '../../integration/support/injuries.js';
import { deadHolder, NEVER } from '../../integration/support/library-repo.js';
import { newSession } from '../locks/session.js';
import { datastoreCheck } from '../operations/datastore-check.js';
import { datastoreStatus } from '../operations/datastore-status.js';
import { datastoreSweep } from '../operations/datastore-sweep.js';
import { modelCreate } from '../operations/model-create.js';
import { displayPath, type Repo } from '../repo.js';
import type { PendingKind } from '../store/check/kinds.js';
import { recordMove } from '../store/moving.js';
import { timingFrom } from '../timing.js';
import { KINDS, PENDING } from './unfinished.js';

interface Case {
  /** The kinds of what it leaves. */
  readonly kinds: readonly PendingKind[];
  /** Leaves it; the path of each of them. */
  readonly leave: (places: Places) => readonly string[] | Promise<readonly string[]>;
  /** What a person does, as its row says. */
  readonly byHand?: (places: Places) => void;
}

const dead = (repo: Repo): string => deadHolder(newSession(repo).holder);
const definition = (repo: Repo): string => join(repo.root, 'models/store/m.yaml');
const saved = (repo: Repo): string => join(repo.root, 'm.yaml');

function directory(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}

/** A deleted model whose delete method does nothing; its record. */
async function deletedWithTeardown(repo: Repo, teardown: object): Promise<string> {
  const { id, path } = await modelCreate(repo, { type: 'command/shell', name: 'torn', run: 'true', deleteRun: 'true' }, NEVER);
  const text = readFileSync(join(repo.root, path), 'utf8');
  unlinkSync(join(repo.root, path));
  writeDeleted(repo, id, { name: 'torn', type: 'command/shell', definitionPath: path, definition: text, teardown });
  return repo.layout.deletedModel(id);
}

const CASES: Readonly<Record<string, Case>> = {
  'a restore was published, and not carried out': { kinds: ['restore'], leave: ({ repo }) => [directory(repo.layout.restoring)] },
  'the copy of a datastore was not finished': {
    kinds: ['move'],
    leave: async ({ repo }) => {
      const to = join(repo.root, 'elsewhere');
      const copy = directory(join(to, 'incoming', 'data'));
      const holder = deadHolder(newSession(repo).holder);
      await recordMove(repo.layout.moving, { from: repo.datastore, to, root: repo.root, repoId: repo.id, at: '', holder });
      return [join(copy, '..')];
    },
  },
  'a fence is held by a process that has ended': { kinds: ['dead_holder'], leave: (places) => [heldByDead(places)] },
  'a removal is in a free entry': { kinds: ['leftover'], leave: ({ entry }) => [directory(join(entry, 'trash'))] },
  'a dead holder left a staged version': {
    kinds: ['dead_holder', 'leftover'],
    leave: (places) => {
      const held = heldByDead(places);
      return [held, directory(join(held, `${held.slice(held.lastIndexOf('.') + 1)}.v`))];
    },
  },
  'an intent is in a free entry': {
    kinds: ['leftover'],
    leave: ({ entry, repo }) => {
      const intent = directory(join(entry, `${newSession(repo).holder}.intent`));
      writeFileSync(join(intent, 'intent.json'), '{"kind": "steps", "steps": [{"out": "gone", "to": {"artifact": "a"}}]}');
      return [intent];
    },
  },
  'what a repair set aside is in a free entry': {
    kinds: ['leftover'],
    leave: ({ entry }) => {
      writeFileSync(join(directory(join(entry, 'quarantine')), 'x'), '');
      return [join(entry, 'quarantine')];
    },
  },
  'a model was deleted, and its data is still there': {
    kinds: ['deleted_model', 'deleted_model', 'deleted_model'],
    leave: ({ repo, id, upload }) => {
      writeDeleted(repo, id, {});
      unlinkSync(definition(repo));
      return [repo.layout.model(id), repo.layout.tombstones(id), join(upload, '..')];
    },
  },
  'a model was deleted, and its definition is still there': {
    kinds: ['deleted_model'],
    leave: ({ repo, id, upload }) => {
      writeDeleted(repo, id, {});
      for (const path of [repo.layout.model(id), repo.layout.tombstones(id), join(upload, '..')]) rmSync(path, { recursive: true });
      return [definition(repo)];
    },
  },
  'the completion of an upload died': {
    kinds: ['upload'],
    leave: ({ repo, upload }) => {
      const aside = `${upload}.${dead(repo)}`;
      renameSync(upload, aside);
      return [aside];
    },
  },
  'a backup died, and what was removed meanwhile waits for it': {
    kinds: ['pin', 'trash'],
    leave: ({ repo }) => {
      const pin = join(directory(repo.layout.pins), dead(repo));
      writeFileSync(pin, '');
      return [pin, directory(repo.layout.trash(UUID, 1, 'abcdefabcdef'))];
    },
  },
  'something is in the trash': { kinds: ['trash'], leave: ({ repo }) => [directory(repo.layout.trash(UUID, 1, 'abcdefabcdef'))] },
  'a session ended and left its staging': { kinds: ['staging'], leave: ({ repo }) => [directory(repo.layout.staging(dead(repo)))] },
  'a session that cannot be judged left its staging more than a week ago': {
    kinds: ['staging'],
    leave: ({ repo }) => {
      const staging = directory(repo.layout.staging(newSession(repo).holder.replace(/^x?[0-9a-f]{12}/, '0123456789ab')));
      utimesSync(staging, OLD, OLD);
      return [staging];
    },
  },
  'a process that has ended is in the queue of a lock that nobody ever took': {
    kinds: ['dead_ticket'],
    leave: ({ repo }) => {
      const ticket = join(directory(repo.layout.queue({ kind: 'run', modelId: UUID })), `1700000000000-a-${dead(repo)}.json`);
      writeFileSync(ticket, '');
      return [ticket];
    },
  },
  'a definition was not published, more than a week ago': {
    kinds: ['temporary'],
    leave: ({ repo }) => {
      const temporary = join(repo.root, 'models/store/.n.abcdefabcdef.tmp');
      writeFileSync(temporary, 'x');
      utimesSync(temporary, OLD, OLD);
      return [temporary];
    },
  },
  'a method kept its outputs': { kinds: ['kept'], leave: ({ repo, id }) => [directory(repo.layout.keptOutputs(id, 3, 'abcdefabcdef'))] },
  'a teardown has not run': { kinds: ['teardown'], leave: async ({ repo }) => [await deletedWithTeardown(repo, { state: 'pending' })] },
  'a teardown failed': {
    kinds: ['teardown'],
    leave: async ({ repo }) => [await deletedWithTeardown(repo, { state: 'failed', reason: 'it exited with 1', output: '' })],
  },
  'the runner of a teardown has ended': {
    kinds: ['teardown'],
    leave: async ({ repo }) => {
      const runner = { state: 'running', runner: dead(repo), pid: 2147483646, startedAt: '2026-01-01T00:00:00Z', processStart: '1', host: 'here' };
      return [await deletedWithTeardown(repo, runner)];
    },
  },
  'a rename of a model died between its two names': {
    kinds: ['second_name'],
    leave: ({ repo }) => {
      const second = join(repo.root, 'models/store/n.yaml');
      linkSync(definition(repo), second);
      return [second];
    },
    byHand: ({ repo }) => unlinkSync(definition(repo)),
  },
  'a model with data lost its definition': {
    kinds: ['orphan_model'],
    leave: ({ repo, id }) => {
      renameSync(definition(repo), saved(repo));
      return [repo.layout.model(id)];
    },
    byHand: ({ repo }) => cpSync(saved(repo), definition(repo)),
  },
  'nothing but tombstones is left of a model without a definition': {
    kinds: ['orphan_model'],
    leave: ({ repo, id }) => {
      renameSync(definition(repo), saved(repo));
      rmSync(repo.layout.model(id), { recursive: true });
      return [repo.layout.tombstones(id)];
    },
    byHand: ({ repo }) => cpSync(saved(repo), definition(repo)),
  },
};

const OLD = new Date(Date.now() - 8 * 24 * 3600 * 1000);

interface Shown {
  readonly path: string;
  readonly kind: string;
  readonly message?: string;
}

const named = (items: readonly Shown[]): string[] => items.map(({ kind, path }) => `${kind} ${path}`).sort();
const said = (items: readonly Shown[]): string[] => items.map(({ path, message }) => `${path} ${message}`).sort();

/** What `datastore status` lists, teardowns aside; and those as if they were listed the same way. */
async function statusOf(repo: Repo): Promise<{ readonly items: Shown[]; readonly teardowns: Shown[] }> {
  const { sweeps, kept, manual, teardowns, unreadable } = await datastoreStatus(repo);
  assert.deepEqual(unreadable, []);
  return { items: [...sweeps, ...kept, ...manual], teardowns: shownTeardowns(repo, teardowns) };
}

function shownTeardowns(repo: Repo, teardowns: readonly { readonly id: string }[]): Shown[] {
  return teardowns.map(({ id }) => ({ kind: 'teardown', path: displayPath(repo, repo.layout.deletedModel(id)) }));
}

// Each has a repository of its own and mostly waits for the disk.
describe('P8:', { concurrency: 4 }, () => {
  for (const [title, { kinds, leave, byHand }] of Object.entries(CASES)) {
    test(`${title}: check, status and a dry run of sweep list it, and what finishes it does`, { timeout: 60_000 }, async (t) => {
      const places = await written(t);
      const repo: Repo = { ...places.repo, timing: { ...timingFrom({}), ttlMs: 200, heartbeatMs: 50, pollMs: 20 } };
      const paths = await leave({ ...places, repo });
      assert.equal(paths.length, kinds.length);
      const wanted = named(paths.map((path, i) => ({ kind: kinds[i] ?? '', path: displayPath(repo, path) })));

      const { findings, pending } = await datastoreCheck(repo, {}, NEVER);
      assert.deepEqual([findings, named(pending)], [[], wanted]);
      const status = await statusOf(repo);
      assert.deepEqual(named([...status.items, ...status.teardowns]), wanted);
      assert.deepEqual(said(status.items), said(pending.filter(({ kind }) => kind !== 'teardown')));
      const { removed, manual, teardowns } = await datastoreSweep({ ...repo, readOnly: true }, { dryRun: true, kept: true }, NEVER);
      assert.deepEqual(named([...removed, ...manual, ...shownTeardowns(repo, teardowns)]), wanted);

      const done = await datastoreSweep(repo, { kept: true }, NEVER);
      assert.deepEqual([done.removed, done.left, done.manual], [removed, [], manual]);
      byHand?.({ ...places, repo });
      const after = await datastoreCheck(repo, {}, NEVER);
      const rest = await statusOf(repo);
      assert.deepEqual([after.findings, after.pending, rest.items, rest.teardowns], [[], [], [], []]);
    });
  }
});

test('every kind is left by one of these, and a person finishes those alone of which the table says so', () => {
  const left = new Set(Object.values(CASES).flatMap(({ kinds }) => kinds));
  assert.deepEqual([...left].sort(), [...KINDS].sort());
  const byPerson = new Set(KINDS.filter((kind) => PENDING[kind].by === 'person'));
  assert.deepEqual(
    KINDS.filter((kind) => PENDING[kind].finish === undefined),
    [...byPerson],
  );
});

test('a teardown whose runner lives is at work: none of the three lists it', async (t) => {
  const { repo } = await written(t);
  const runner = { runner: newSession(repo).holder, pid: process.pid, startedAt: '', processStart: '', host: '' };
  await deletedWithTeardown(repo, { state: 'running', ...runner });
  assert.deepEqual((await datastoreCheck(repo, {}, NEVER)).pending, []);
  assert.deepEqual((await datastoreStatus(repo)).teardowns, []);
  assert.deepEqual((await datastoreSweep(repo, {}, NEVER)).teardowns, []);
});
