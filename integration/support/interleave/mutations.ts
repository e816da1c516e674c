/** The program with one part of the protocol taken out, and what a schedule then breaks. */
import type { Edit } from '../edits.js';

import type { Opening } from './world.js';

export interface Mutation {
  readonly title: string;
  readonly edits: readonly Edit[];
  /** Where it is looked for. */
  readonly scenario: string;
  /** How the runs of that scenario begin here, where the way to the damage is long. */
  readonly opening?: Opening;
  /** What the violation says. */
  readonly breaks: RegExp;
  /** So many schedules come before the one that finds it that only the long form looks for it. */
  readonly late?: true;
}

const TAKES_GLOBAL = /-> .*\/fences\/global\/[0-9]+\.[0-9a-f]{12}-/;
const PUBLISHES_ITS_SCOPE = /-> .*\/scope\.[0-9]+\.draining\.json$/;
const TAKES_DATA = /-> .*\/data\/[0-9]+\.[0-9a-f]{12}-[^/]*$/;
const REMOVES = /-> .*\/data\/[0-9]+\.[^/]*\/trash/;
const PUBLISHES_INTENT = /-> .*\.intent$/;
const QUEUES_FOR_A_RUN = /\/queues\/[^/]*\.run$/;
const GIVES_RUN_BACK = /-> .*\/run\/[0-9]+\.free-/;

const COMMIT = 'store/commit.ts';

export const MUTATIONS: readonly Mutation[] = [
  {
    title: 'no first drain (S1): nothing is unsafe, but all others stand still while a method runs',
    edits: [{ file: 'protocol/restructure.ts', from: 'await drainSeen(contender, scope);', to: '' }],
    scenario: 'method and delete',
    breaks: /^S1: /,
  },
  {
    title: 'no second drain, and no last look (S3)',
    edits: [
      { file: 'protocol/restructure.ts', from: "if ((await drainAll(contender, scope)) === 'give way') return false;", to: '' },
      { file: 'protocol/restructure.ts', from: 'if ((await heldNow(contender, locks)).length === 0) return true;', to: 'return true;' },
    ],
    scenario: 'method and delete',
    opening: [{ actor: 1, until: TAKES_GLOBAL }],
    breaks: /^P2: /,
  },
  {
    title: 'no second drain (S3): the last look finds everybody, but does not wait',
    edits: [{ file: 'protocol/restructure.ts', from: "if ((await drainAll(contender, scope)) === 'give way') return false;", to: '' }],
    scenario: 'method and delete',
    opening: [{ actor: 1, until: TAKES_GLOBAL }],
    breaks: /goes on for ever/,
  },
  {
    title: 'no second look (W3)',
    edits: [{ file: 'protocol/enter.ts', from: 'if (inTheWay === undefined) return lease;', to: 'return lease;' }],
    scenario: 'method and delete',
    breaks: /^P2: /,
  },
  {
    title: 'no last look after closing (S3)',
    edits: [{ file: 'protocol/restructure.ts', from: 'if ((await heldNow(contender, locks)).length === 0) return true;', to: 'return true;' }],
    scenario: 'method with a child in the background, and delete',
    opening: [
      { actor: 1, until: TAKES_GLOBAL },
      { actor: 0, until: GIVES_RUN_BACK },
      { actor: 1, until: PUBLISHES_ITS_SCOPE },
    ],
    breaks: /^P2: /,
    late: true,
  },
  {
    title: 'who drains gives way to children of the method it waits for alone (N3)',
    edits: [{ file: 'protocol/wait-graph.ts', from: 'const waits = [...globalWaits, ...runWaits(repo)];', to: 'const waits = globalWaits;' }],
    scenario: 'two methods with structural children, and delete',
    opening: [
      { actor: 2, until: TAKES_GLOBAL },
      { actor: 1, until: TAKES_GLOBAL },
      { actor: 0, until: QUEUES_FOR_A_RUN },
      { actor: 2, until: PUBLISHES_ITS_SCOPE },
    ],
    breaks: /wait for ever/,
  },
  {
    title: 'who gives a lock back, or breaks it, takes any entry for the one it has read',
    edits: [
      {
        file: 'locks/fence.ts',
        from: 'return (await move(dir, held.name, name)) ? parseEntry(name) : undefined;',
        to: "if (!(await move(dir, held.name, name))) renameSync(join(dir, ownNames(dir)?.[0] ?? ''), join(dir, name)); return parseEntry(name);",
      },
    ],
    scenario: 'put and delete, a lock is broken',
    breaks: /^P[16]: /,
  },
  {
    title: 'a commit does not pass through the fence',
    edits: [
      { file: COMMIT, from: 'await step(fence, staged, inside);', to: '' },
      {
        file: COMMIT,
        from: 'await step(fence, inside, destination);',
        to: 'await rename(staged, destination);',
      },
    ],
    scenario: 'two puts',
    breaks: /^P1: /,
  },
  {
    title: 'outputs bypass the run fence',
    edits: [
      { file: 'store/write.ts', from: 'if (!exists(runPath)) throw new FenceLost(runPath);', to: '' },
      {
        file: 'store/write.ts',
        from: 'const inRun = join(runPath, itemName(fence.session, BUNDLE));',
        to: 'const inRun = join(fence.session.staging, BUNDLE);',
      },
      { file: 'store/write.ts', from: 'await step({ path: runPath, session: fence.session }, bundle, inRun);', to: '' },
    ],
    scenario: 'method and delete, a lock is broken',
    opening: [{ actor: 0, until: TAKES_DATA }, { breaks: 2 }],
    breaks: /^P9: /,
  },
  {
    title: 'a structural command that lost its global fence goes on (S4)',
    edits: [{ file: 'protocol/inside.ts', from: 'if (exists(global.path)) return lease;', to: 'return lease;' }],
    scenario: 'method and delete, a lock is broken',
    opening: [{ actor: 1, until: TAKES_DATA }, { breaks: 0 }],
    breaks: /^P[29]: /,
  },
  {
    title: 'a method starts while somebody holds the data fence',
    edits: [{ file: 'protocol/run.ts', from: 'await drainSeen(contender, { models: [modelId], runs: false });', to: '' }],
    scenario: 'method and delete, a lock is broken',
    opening: [{ actor: 1, until: REMOVES }, { breaks: 0 }],
    breaks: /^P9: /,
  },
  {
    title: 'the floor is not durable before the newest version goes',
    edits: [
      {
        file: 'store/remove.ts',
        from: 'await moveThrough(fence, slot, join(artifact.dir, ARTIFACT_RECORD)); await syncDir(artifact.dir);',
        to: 'await moveThrough(fence, slot, join(artifact.dir, ARTIFACT_RECORD));',
      },
    ],
    scenario: 'put, and delete of the newest version',
    breaks: /^P(4|10): /,
  },
  {
    title: 'the floor is not raised before the newest version goes',
    edits: [
      {
        file: 'store/remove.ts',
        from: 'if (version > record.floor) await replaceRecord(fence, artifact, { ...record, floor: latest });',
        to: 'void replaceRecord;',
      },
    ],
    scenario: 'put, and delete of the newest version',
    breaks: /^P(4|10): /,
  },
  {
    title: 'the floor is raised for the newest version alone',
    edits: [
      {
        file: 'store/remove.ts',
        from: 'if (version > record.floor) await replaceRecord(',
        to: 'if (version === latest && version > record.floor) await replaceRecord(',
      },
    ],
    scenario: 'put, and delete of an older version',
    breaks: /^P10: /,
  },
  {
    title: 'gc does not raise the floor before versions go',
    edits: [
      { file: 'store/remove.ts', from: 'if (highest > record.floor) await replaceRecord(fence, { dir }, { ...record, floor: highest });', to: 'void highest;' },
    ],
    scenario: 'put and gc of superseded versions',
    breaks: /^P10: /,
  },
  {
    title: 'gc does not look under the lock whether the artifact that expired was written again',
    edits: [{ file: 'operations/data-gc.ts', from: 'if (head.latest !== item.latest) return true;', to: '' }],
    scenario: 'put and gc of an expired artifact',
    breaks: /^no order of the commands explains/,
  },
  {
    title: 'a reader of the latest version does not look whether the floor went up',
    edits: [
      {
        file: 'store/read.ts',
        from: 'if (now?.generation !== record.generation || now.floor !== record.floor) return false;',
        to: 'if (now?.generation !== record.generation) return false;',
      },
      { file: 'store/latest.ts', from: 'if (has(end + far + 1)) return false;', to: 'if (far > FAR) return false;' },
    ],
    scenario: 'get, and delete of the newest and of an older version',
    breaks: /^no order of the commands explains/,
  },
  {
    title: 'a reader of the latest version, at the floor, does not look whether one came above it',
    edits: [{ file: 'store/read.ts', from: 'return latest > record.floor || !exists(join(dir, String(record.floor + 1)));', to: 'return true;' }],
    scenario: 'get, put, and delete of the version at the floor',
    breaks: /^no order of the commands explains/,
  },
  {
    title: 'the tombstone is not durable before the artifact goes',
    edits: [{ file: 'store/remove.ts', from: 'await syncDir(layout.tombstones(fence.modelId));', to: '' }],
    scenario: 'put and delete',
    breaks: /^P4: /,
  },
  {
    title: 'a put is acknowledged before its directory is synced',
    edits: [
      { file: 'store/write.ts', from: 'await syncCommit(fence, [place.birth === undefined ? place.dir : fence.repo.layout.model(fence.modelId)]);', to: '' },
    ],
    scenario: 'two puts',
    breaks: /(^P6: |is not durable)/,
  },
  {
    title: 'a commit is acknowledged before the directory of its data fence is synced',
    edits: [{ file: COMMIT, from: 'await syncDirs([fence.dir, ...dirs]);', to: 'await syncDirs(dirs);' }],
    scenario: 'two puts',
    breaks: /^P6: /,
  },
  {
    title: 'content is not synced before it is published',
    edits: [{ file: 'store/stage.ts', from: 'await file.sync();', to: '' }],
    scenario: 'two puts',
    breaks: /was not synced before it was published/,
  },
  {
    title: 'an intent that another one published is carried out without a sync',
    edits: [
      { file: 'store/roll-forward.ts', from: 'await syncCommit(fence, [fence.path]); if (!exists(join(dir, INTENT))', to: 'if (!exists(join(dir, INTENT))' },
      { file: 'store/roll-forward.ts', from: 'intent.published = outcome;', to: 'intent.published = outcome; await syncCommit(fence, [fence.path]);' },
    ],
    scenario: 'put and rename, a lock is broken',
    opening: [{ actor: 1, until: PUBLISHES_INTENT }],
    breaks: /the intent that is being carried out is not durable/,
  },
  {
    title: 'an artifact that was renamed is looked for once, and then its intent once',
    edits: [
      {
        file: 'store/read.ts',
        from: 'carried === undefined ? look(dir, false)',
        to: 'carried === undefined ? (moving === undefined ? undefined : look(dir, false))',
      },
      // Names that did not stand still would be looked at again.
      { file: 'store/read.ts', from: "if (found !== undefined || still.accepts('')) return found;", to: 'return found;' },
    ],
    scenario: 'versions and rename',
    breaks: /data_not_found/,
  },
  {
    title: 'an artifact that was renamed, and renamed back, is looked for once',
    edits: [{ file: 'store/read.ts', from: "if (found !== undefined || still.accepts('')) return found;", to: 'return found;' }],
    scenario: 'get, rename and rename back',
    breaks: /data_not_found/,
    late: true,
  },
  {
    title: 'a listing is believed although an artifact may have been on its way',
    edits: [
      {
        file: 'store/read.ts',
        from: 'if (still.accepts(JSON.stringify([listing.names, listing.strays, listing.failed.map(({ dir }) => dir)]))) return listing;',
        to: 'return listing;',
      },
    ],
    scenario: 'list and rename',
    opening: [{ actor: 1, until: PUBLISHES_INTENT }],
    breaks: /./,
  },
  {
    title: 'an artifact that went on under another name after it was listed is left out',
    edits: [{ file: 'operations/data-list.ts', from: 'if (renamed) continue;', to: 'void renamed;' }],
    scenario: 'list and rename',
    breaks: /./,
  },
  {
    title: 'an error under a lost data fence is taken for an answer',
    edits: [
      { file: 'protocol/inside.ts', from: 'if (exists(lease.path)) throw error;', to: 'if (!(error instanceof FenceLost) || exists(lease.path)) throw error;' },
    ],
    scenario: 'put and rename, a lock is broken',
    breaks: /corrupt/,
    late: true,
  },
];
