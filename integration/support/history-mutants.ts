/** The program with one thing broken, which a history must find: at once, or when it goes on for longer. */

import type { Edit } from './edits.js';
import type { HistoryOptions } from './history.js';

export interface Mutant {
  readonly title: string;
  readonly edits: readonly Edit[];
  readonly aim?: NonNullable<HistoryOptions['aim']>;
}

export const FOUND_SOON: readonly Mutant[] = [
  {
    title: 'the expected version is not looked at',
    edits: [{ file: 'operations/data-put.ts', from: 'if (before === undefined) expectVersion(() => latestVersion(writer, input.name), input);', to: '' }],
  },
  {
    title: 'a commit does not pass through the fence (P1)',
    edits: [
      { file: 'store/commit.ts', from: 'await step(fence, staged, inside);', to: '' },
      {
        file: 'store/commit.ts',
        from: 'await step(fence, inside, destination);',
        to: 'await rename(staged, destination);',
      },
    ],
    aim: { what: 'stop', point: 'put.before-commit' },
  },
  {
    title: 'an intent that a dead holder left is not carried out',
    edits: [
      {
        file: 'store/recover.ts',
        from: 'await rollForward(fence, join(fence.path, name));',
        to: 'await moveToTrash(fence, join(fence.path, name)); void rollForward;',
      },
    ],
    aim: { what: 'kill', point: 'steps.out' },
  },
];

export const FOUND_LATER: readonly Mutant[] = [
  {
    title: 'the floor goes with the artifact (P4)',
    edits: [{ file: 'store/remove.ts', from: 'floor: Math.max(record.floor, artifact.versions.at(-1) ?? 0), deletedAt', to: 'floor: 0, deletedAt' }],
  },
  {
    title: 'a delete does not drain the methods of its model (P9)',
    edits: [
      {
        file: 'protocol/restructure.ts',
        from: '{ models: [modelId], runs: true }',
        to: '{ models: [modelId], runs: false }',
      },
    ],
  },
  {
    title: 'whoever gives a lock back or breaks it takes any entry for the one it has read (P6)',
    edits: [
      {
        file: 'locks/fence.ts',
        from: 'return (await move(dir, held.name, name)) ? parseEntry(name) : undefined;',
        to: "if (!(await move(dir, held.name, name))) renameSync(join(dir, readDir(dir)?.[0] ?? ''), join(dir, name)); return parseEntry(name);",
      },
    ],
  },
  {
    title: 'versions are listed while the artifact is deleted',
    edits: [
      {
        file: 'operations/data-versions.ts',
        from: 'if (versions.length < artifact.versions.length && !allStand(artifact)) continue;',
        to: 'if (versions.length === 0) continue; void allStand;',
      },
    ],
    aim: { what: 'stop', point: 'versions.listed' },
  },
  {
    title: 'a method forgets that its outputs are published',
    edits: [{ file: 'protocol/inside.ts', from: 'if (intent.published !== undefined) return intent.published as T;', to: '' }],
    aim: { what: 'stop', point: 'intent.published' },
  },
];
