/**
 * `data put --batch`: a stream of items, each of which becomes a version, and a stream of what became of each, in their order. What has
 * come is stored together: items share the lock and the syncs, and each keeps its promise. Memory is bounded, however long the stream is.
 */
import { setMaxListeners } from 'node:events';
import { statSync } from 'node:fs';
import { asSwampError } from '../errors.js';
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import { withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import type { Repo } from '../repo.js';
import { collectWritten } from '../store/collect.js';
import { syncStaged } from '../store/stage.js';
import { commitVersions } from '../store/write.js';
import { allOrNone } from './batch-atomic.js';
import { answered, decide, type ItemOutcome, output, type Staged, stageAll, written } from './batch-group.js';
import { type BatchResult, type DataBatchInput, type Judged, judging, MOST_BYTES, MOST_ITEMS, readAhead, type Storable } from './batch-items.js';
import { operation } from './operation.js';

interface Cancelled {
  readonly signal: AbortSignal;
}

/**
 * Resolves with what became of each item, in their order; an answer is given when the item is durable. Items fail one by one, each with the
 * errors of `dataPut`. Throws `read_only`, the reason of the signal, and what the source of the items throws.
 */
export const dataBatch = operation({ verb: 'data put', access: 'writes', about: ({ model }) => `${model ?? ''} --batch`.trim() }, begin);

async function begin(repo: Repo, input: DataBatchInput, options: Cancelled): Promise<AsyncGenerator<BatchResult>> {
  // Each of the items that are staged at once listens to it; Node takes eleven for a leak, and says so on stderr.
  setMaxListeners(0, options.signal);
  return input.atomic === true ? allOrNone(repo, input, options) : oneByOne(repo, input, options);
}

async function* oneByOne(repo: Repo, input: DataBatchInput, { signal }: Cancelled): AsyncGenerator<BatchResult> {
  const items = readAhead(input, signal);
  try {
    while (await items.some()) {
      const judge = judging(repo, input, signal);
      const group: Judged[] = [];
      const taken = new Set<string>();
      for (let next = items.next(), bytes = 0; next !== undefined && group.length < MOST_ITEMS && bytes < MOST_BYTES; next = items.next()) {
        const judged = await judge(next);
        const key = 'error' in judged ? undefined : keyOf(judged);
        // Versions of one artifact are committed one after the other, each durable before the next.
        if (key !== undefined && taken.has(key)) break;
        if (key !== undefined) taken.add(key);
        group.push(judged);
        bytes += items.take();
      }
      yield* await storeGroup(repo, group, input, signal);
      signal.throwIfAborted();
    }
  } finally {
    items.leave();
  }
}

function keyOf({ model, item }: Storable): string {
  return `${model.id}/${item.name}`;
}

/** Stages the items of a group, of different names, and commits them model by model. */
async function storeGroup(repo: Repo, group: readonly Judged[], input: DataBatchInput, signal: AbortSignal): Promise<BatchResult[]> {
  const wanted = group.flatMap((one) => ('error' in one ? [] : one));
  const outcomes = new Map<number, ItemOutcome>();
  if (wanted.length > 0)
    await withSession(repo, async (session) => {
      const staged = await stageAll(session, wanted, input, signal, (line, error) => outcomes.set(line, { error }));
      await syncStaged(
        session,
        staged.map((one) => one.staged),
        signal,
      );
      for (const ofModel of byModel(staged)) {
        for (const [line, outcome] of await commitGroup(session, ofModel, signal)) outcomes.set(line, outcome);
      }
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      // What kept the group from being stored, a full disk or a lock, kept each of it that has no answer.
      for (const { line } of wanted) if (!outcomes.has(line)) outcomes.set(line, { error });
    });
  const answers: BatchResult[] = [];
  for (const one of group) {
    const answer = 'error' in one ? { line: one.line, error: asSwampError(one.error) } : answered(repo, one, outcomes.get(one.line));
    // What others of the group took of a full disk is given back by now.
    const again = group.length > 1 && 'error' in answer && answer.error.code === 'no_space' && canBeRead(one);
    answers.push(...(again ? await storeGroup(repo, [one], input, signal) : [answer]));
  }
  return answers;
}

/** True when its content can be read once more: a pipe gives its bytes once. */
function canBeRead(one: Judged): boolean {
  if ('error' in one) return false;
  const { source } = one;
  return typeof source === 'string' || !('file' in source) || statSync(source.file, { throwIfNoEntry: false })?.isFile() === true;
}

function byModel(staged: readonly Staged[]): (readonly [Staged, ...Staged[]])[] {
  const groups = new Map<string, [Staged, ...Staged[]]>();
  for (const one of staged) {
    const group = groups.get(one.model.id);
    if (group === undefined) groups.set(one.model.id, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}

/** Commits items of one model, each for itself: what it became. Throws what keeps all of them from being committed. */
function commitGroup(session: Session, [first, ...more]: readonly [Staged, ...Staged[]], signal: AbortSignal): Promise<Map<number, ItemOutcome>> {
  const commit = async (writer: Lease): Promise<Map<number, ItemOutcome>> => {
    const { outcomes, next } = await decide(writer, [first, ...more]);
    const tried = await commitVersions(writer, next.map(output));
    for (const [i, { line, staged }] of next.entries()) {
      const one = tried[i];
      if (one !== undefined) outcomes.set(line, 'failed' in one ? { error: one.failed } : { ...one, metadata: staged.metadata, changed: true });
    }
    await collectWritten(writer, written(outcomes, [first, ...more]), first.model);
    return outcomes;
  };
  return write(session.repo, first.model.id, commit, { session, signal });
}
