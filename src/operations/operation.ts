/**
 * Every operation on a repository is declared here: its verb, and whether it reads or writes. What follows from that is done in this one
 * place, so that no verb can forget it: refusing to write, finishing an interrupted restore first, reading one side of a restore.
 */
import { SwampError } from '../errors.js';
import { displayPath, type Repo, requireWritable, underName } from '../repo.js';
import { isRestoring, Moved, readWhole, requireHere, Unsettled } from '../store/restoring.js';

export interface Declaration<I = never, R = never> {
  /** As the command line calls it. */
  readonly verb: string;
  /**
   * `writes`: refused where the repository is read-only, before any read or lock (D10); with `dryRun` it is one that reads.
   * `reads`: takes no lock, and its answer is of one side of every restore (B16).
   */
  readonly access: 'reads' | 'writes';
  /** Looks at the store as it is: a restore that was interrupted is reported or repaired, not finished first. */
  readonly asItIs?: true;
  /** It looks itself whether the datastore was moved away. */
  readonly moves?: true;
  /** What it works on: locks name it to others behind the verb. */
  readonly about?: (input: I) => string;
  /** Gives back what an answer holds that does not count, because a restore came meanwhile. */
  readonly discard?: (found: R) => void;
}

interface Cancel {
  readonly signal?: AbortSignal;
}

/** What every operation is given behind its repository. A `dryRun` that is true promises that nothing is written. */
type Given = [input?: object | undefined, options?: Cancel | undefined];

/** What makes a function an operation: the library takes nothing else. */
export interface Declared {
  readonly declaration: Declaration;
}

/**
 * The operation that `body` carries out. One that reads may run more than once, and so may one that writes until it has written
 * something: it throws Unsettled no later. It throws `read_only`, `lock_timeout` for a restore to finish, and what `body` throws.
 */
export function operation<A extends Given, R>(
  declaration: Declaration<NonNullable<A[0]>, R>,
  body: (repo: Repo, ...given: A) => Promise<R>,
): ((repo: Repo, ...given: A) => Promise<R>) & Declared {
  const { verb, access, asItIs, moves, about, discard } = declaration;
  const run = async (plain: Repo, ...given: A): Promise<R> => {
    try {
      return await here(plain, ...given);
    } catch (error) {
      if (!(error instanceof Moved)) throw error;
      const { follow } = await import('../recovery/move.js');
      return run(await follow(plain, error), ...given);
    }
  };
  const here = async (plain: Repo, ...given: A): Promise<R> => {
    const [input = {}, options = {}] = given as Given;
    const reads = access === 'reads' || ('dryRun' in input && input.dryRun === true);
    if (!reads) requireWritable({ readOnly: plain.readOnly, command: verb });
    const repo = about === undefined ? plain : underName(plain, `${verb} ${about(input as NonNullable<A[0]>)}`);
    const work = (): Promise<R> => body(repo, ...given);
    if (asItIs === true) {
      if (moves !== true && isRestoring(repo)) requireHere(repo);
      return work();
    }
    return settled(reads ? () => readWhole(repo, work, discard) : () => onceSettled(repo, work), options);
  };
  return Object.assign(run, { declaration });
}

function onceSettled<R>(repo: Repo, work: () => Promise<R>): Promise<R> {
  if (isRestoring(repo)) throw new Unsettled(repo);
  return work();
}

/** Does `work`, which has done nothing yet when it throws Unsettled, again once the restore in question is carried out (B16). Throws what `work` throws, `read_only`, `lock_timeout`. */
export async function settled<R>(work: () => Promise<R>, { signal = new AbortController().signal }: Cancel): Promise<R> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Unsettled)) throw error;
      const { repo } = error;
      if (repo.readOnly) {
        requireHere(repo);
        if (isRestoring(repo)) throw unfinishedRestore(repo);
        continue;
      }
      // A command that only reads does not load what finishes a restore.
      const { settle } = await import('../protocol/restructure.js');
      await settle(repo, { signal });
    }
  }
}

function unfinishedRestore(repo: Repo): SwampError {
  return new SwampError(
    'read_only',
    'A restore is being carried out, or was interrupted: the repository is neither in the state before it nor in the one after it.',
    {
      hint: 'Any command without --read-only finishes it, for instance "swamp repo info"; then try again.',
      data: { path: displayPath(repo, repo.layout.restoring) },
    },
  );
}
