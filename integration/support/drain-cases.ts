/** The orders of events with the step that each exists for, and what a program without that step makes of it. */
import {
  firstDrainWaitsForWhomItSaw,
  lastLookFindsAWriterBehindTheDrain,
  nestedStructuralCountsItsAncestorsAsDrained,
  nestedWriterPassesWhoDrainsItsAncestor,
  nestedWriterWaitsForAClosedFence,
  runningItselfIsADeadlock,
  secondDrainWaitsForAWriterInBetween,
  secondLookSendsTheWriterBack,
  type Verdict,
  whoDrainsGivesWayOverOtherRuns,
  whoDrainsTheAncestorGivesWay,
} from './drain-scenarios.js';
import type { Edit } from './edits.js';
import type { TestRepo } from './repo.js';

const SECOND_DRAIN: Edit = { file: 'protocol/restructure.ts', from: "if ((await drainAll(contender, scope)) === 'give way') return false;", to: '' };
const LAST_LOOK: Edit = { file: 'protocol/restructure.ts', from: 'if ((await heldNow(contender, locks)).length === 0) return true;', to: 'return true;' };
const SECOND_LOOK: Edit = { file: 'protocol/enter.ts', from: 'if (inTheWay === undefined) return lease;', to: 'return lease;' };
const WHOM_IT_SAW: Edit = { file: 'protocol/drain.ts', from: '.filter((seen) => names.has(seen.entry.name))', to: '.filter((seen) => names.size > 0 && seen)' };
const CLOSED_STOPS: Edit = {
  file: 'protocol/global.ts',
  from: "state === 'draining' && liveAncestors(contender).length > 0",
  to: '(state as string) !== "" && liveAncestors(contender).length > 0',
};
const NESTED_PASSES: Edit = {
  file: 'protocol/global.ts',
  from: "state === 'draining' && liveAncestors(contender).length > 0",
  to: '(state as string) === "" && liveAncestors(contender).length > 0',
};

const GIVES_WAY: Edit = { file: 'protocol/drain.ts', from: "? 'give way' : held", to: '? held : held' };
const TRANSITIVE: Edit = { file: 'protocol/wait-graph.ts', from: 'const waits = [...globalWaits, ...runWaits(repo)];', to: 'const waits = globalWaits;' };
const ANCESTORS_DRAINED: Edit = {
  file: 'protocol/drain.ts',
  from: "if (lock.kind === 'run' && ancestors.includes(ancestorKey(lock.modelId, seen.entry.name))) continue;",
  to: '',
};
const CYCLES: Edit = { file: 'protocol/wait-graph.ts', from: 'if (ancestors.length === 0) return;', to: 'return;' };

export interface Case {
  readonly title: string;
  readonly scenario: (repo: TestRepo) => Promise<Verdict>;
  readonly without: string;
  readonly edits: readonly Edit[];
  readonly verdict: Verdict;
  /** The section of design/protocol.md that argues the step, and the label of the step in it. */
  readonly argued?: readonly [section: string, label: string];
  /** Proven in the long form: N1 to N4, each of which makes somebody wait for ever when it is taken out. */
  readonly late?: true;
}

export const CASES: readonly Case[] = [
  {
    title: 'the first drain waits for the holders it saw, not for those that come after (L6, S1)',
    scenario: firstDrainWaitsForWhomItSaw,
    without: 'a first drain that waits until nobody holds anything',
    edits: [WHOM_IT_SAW],
    argued: ['The bound of the first drain', 'S1'],
    verdict: 'a later holder held up the first drain',
  },
  {
    title: 'a structural command does not close over a writer that came between its drains (L1, L3, S3)',
    scenario: secondDrainWaitsForAWriterInBetween,
    without: 'no second drain',
    edits: [SECOND_DRAIN, LAST_LOOK],
    argued: ['The second drain', 'S3'],
    verdict: 'closed over a writer',
  },
  {
    title: 'a writer that finds the global fence held at its second look goes back without writing (L2, L3, W3)',
    scenario: secondLookSendsTheWriterBack,
    without: 'no second look',
    edits: [SECOND_LOOK],
    argued: ['The second look', 'W3'],
    verdict: 'wrote behind a closed fence',
  },
  {
    title: 'a fence that a nested writer took behind the drain is found by the last look (S3, P2)',
    scenario: lastLookFindsAWriterBehindTheDrain,
    without: 'no last look',
    edits: [LAST_LOOK],
    argued: ['The closed state and the last look', 'S3'],
    verdict: 'closed over a writer',
  },
  {
    title: 'a nested writer waits for a closed global fence like everybody else (N1, P2)',
    scenario: nestedWriterWaitsForAClosedFence,
    without: 'nested writers that pass a closed fence',
    edits: [CLOSED_STOPS],
    verdict: 'wrote behind a closed fence',
  },
  {
    title: 'a nested writer passes a structural command that waits for its parent (N1, L10)',
    scenario: nestedWriterPassesWhoDrainsItsAncestor,
    without: 'nested writers that wait like others',
    edits: [NESTED_PASSES],
    verdict: 'waited for whom it keeps waiting',
    late: true,
  },
  {
    title: 'a structural command that waits for the parent of a nested one gives way to it (N3, L10)',
    scenario: whoDrainsTheAncestorGivesWay,
    without: 'structural commands that do not give way',
    edits: [GIVES_WAY],
    verdict: 'waited for whom it keeps waiting',
    late: true,
  },
  {
    title: 'a structural command gives way also when the one it waits for waits for the parent of another nested one (N3, L10)',
    scenario: whoDrainsGivesWayOverOtherRuns,
    without: 'structural commands that give way to children of the method they wait for alone',
    edits: [TRANSITIVE],
    verdict: 'waited for whom it keeps waiting',
  },
  {
    title: 'a nested structural command does not wait for its own parent (N2, L10)',
    scenario: nestedStructuralCountsItsAncestorsAsDrained,
    without: 'ancestors that are drained like others',
    edits: [ANCESTORS_DRAINED],
    verdict: 'waited for whom it keeps waiting',
    late: true,
  },
  {
    title: 'a method that runs itself fails as deadlock before any deadline (N4, L10)',
    scenario: runningItselfIsADeadlock,
    without: 'no search for cycles',
    edits: [CYCLES],
    verdict: 'waited for whom it keeps waiting',
    late: true,
  },
];
