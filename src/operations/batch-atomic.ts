/** `data put --batch --atomic`: all items of one model become visible together, or none does. */
import { asSwampError, SwampError } from '../errors.js';
import type { Lease } from '../locks/lease.js';
import type { Session } from '../locks/session.js';
import type { Model } from '../models/files.js';
import { withSession } from '../protocol/session.js';
import { write } from '../protocol/write.js';
import type { Repo } from '../repo.js';
import { collectWritten } from '../store/collect.js';
import { MOST_TOGETHER } from '../store/intent.js';
import { syncStaged } from '../store/stage.js';
import { commitTogether } from '../store/write.js';
import { answered, decide, output, type Staged, stageAll, written } from './batch-group.js';
import { type BatchResult, type DataBatchInput, type Given, judging, MOST_BYTES, readAhead, type Storable } from './batch-items.js';
import type { ReadAhead } from './read-ahead.js';

/** What became of each item, in their order. Throws as `dataBatch`. */
export async function* allOrNone(repo: Repo, input: DataBatchInput, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<BatchResult> {
  const items = readAhead(input, signal);
  try {
    const answers = await withSession(repo, async (session) => {
      const { staged, errors, lines } = await gather(session, items, input, signal);
      return errors.size > 0 ? refusedBy(errors, lines) : together(session, staged, signal);
    });
    yield* answers;
    const because = answers.find((answer) => 'error' in answer);
    // What follows an item too many.
    while (await items.some()) {
      const { line = 0 } = items.next() ?? {};
      items.take();
      if (because !== undefined && 'error' in because) yield refusedFor(line, because.line, because.error);
    }
  } finally {
    items.leave();
  }
}

interface Gathered {
  readonly staged: readonly Staged[];
  readonly errors: ReadonlyMap<number, unknown>;
  /** Of all items that were read. */
  readonly lines: readonly number[];
}

/** Reads all items and stages them; from the first that cannot be stored on it only looks for more of those. */
async function gather(session: Session, items: ReadAhead<Given>, input: DataBatchInput, signal: AbortSignal): Promise<Gathered> {
  const staged: Staged[] = [];
  const errors = new Map<number, unknown>();
  const judge = judging(session.repo, input, signal);
  const names = new Map<string, number>();
  const lines: number[] = [];
  let first: Model | undefined;
  while (lines.length <= MOST_TOGETHER && (await items.some())) {
    const group: Storable[] = [];
    for (let next = items.next(), bytes = 0; next !== undefined && lines.length <= MOST_TOGETHER && bytes < MOST_BYTES; next = items.next()) {
      const judged = await judge(next);
      const { line } = judged;
      bytes += items.take();
      lines.push(line);
      const problem = 'error' in judged ? judged.error : lines.length > MOST_TOGETHER ? tooMany() : notTogether(judged, first ?? judged.model, names);
      if (problem !== undefined) errors.set(line, problem);
      if ('error' in judged) continue;
      first ??= judged.model;
      names.set(judged.item.name, line);
      if (errors.size === 0) group.push(judged);
    }
    staged.push(...(await stageAll(session, group, input, signal, (failing, error) => errors.set(failing, error))));
  }
  return { staged, errors, lines };
}

function tooMany(): SwampError {
  return new SwampError('usage', `An atomic batch has ${MOST_TOGETHER} items at most.`, {
    hint: 'Leave out --atomic, or make several batches.',
    data: { most: MOST_TOGETHER },
  });
}

/** Two versions of one artifact never become visible together, and a lock is that of one model. */
function notTogether({ model, item: { name } }: Storable, first: Model, names: ReadonlyMap<string, number>): SwampError | undefined {
  if (model.id !== first.id)
    return new SwampError('usage', `An atomic batch is of one model: this item is of "${model.name}", the first one of "${first.name}".`, {
      hint: 'Make a batch for each model.',
      data: { model: model.name, first: first.name },
    });
  const before = names.get(name);
  if (before === undefined) return undefined;
  return new SwampError('usage', `${JSON.stringify(name)} is in this atomic batch already: line ${before}.`, {
    hint: 'Give each name once.',
    data: { name, line: before },
  });
}

/** The answers when nothing is stored: each item that failed by its own error, the others by the first of them. */
function refusedBy(errors: ReadonlyMap<number, unknown>, lines: readonly number[]): BatchResult[] {
  const because = lines.find((line) => errors.has(line)) ?? 0;
  const error = asSwampError(errors.get(because));
  return lines.map((line) => {
    const own = errors.get(line);
    return own === undefined ? refusedFor(line, because, error) : { line, error: asSwampError(own) };
  });
}

function refusedFor(line: number, because: number, { code }: SwampError): BatchResult {
  const error = new SwampError(code, `Not stored, because line ${because} was not, and the batch is atomic.`, {
    hint: `See the error of line ${because}.`,
    data: { because },
  });
  return { line, error };
}

/** All of them, or none. */
async function together(session: Session, staged: readonly Staged[], signal: AbortSignal): Promise<BatchResult[]> {
  const [first, ...more] = staged;
  if (first === undefined) return [];
  const { repo } = session;
  await syncStaged(
    session,
    staged.map((one) => one.staged),
    signal,
  );
  const commit = async (writer: Lease): Promise<{ readonly answers: BatchResult[] }> => {
    const { outcomes, next } = await decide(writer, [first, ...more]);
    const errors = new Map([...outcomes].flatMap(([line, one]) => ('error' in one ? [[line, one.error] as const] : [])));
    if (errors.size > 0)
      return {
        answers: refusedBy(
          errors,
          staged.map(({ line }) => line),
        ),
      };
    const done = await commitTogether(writer, next.map(output), (planned) => {
      for (const [
        i,
        {
          line,
          staged: { metadata },
        },
      ] of next.entries()) {
        const committed = planned[i];
        if (committed !== undefined) outcomes.set(line, { committed, metadata, changed: true });
      }
      return { answers: staged.map((one) => answered(repo, one, outcomes.get(one.line))) };
    });
    await collectWritten(writer, written(outcomes, staged), first.model);
    return done;
  };
  return (await write(repo, first.model.id, commit, { session, signal })).answers;
}
