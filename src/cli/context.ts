/** What a command is given to work with, and what it gives back. */
import { SwampError } from '../errors.js';
import { findRepoDir, isReadOnly, openRepoAt, type Repo, type RepoOptions, type Reporter, workingDir } from '../repo.js';
import { timingFrom } from '../timing.js';
import type { Args } from './args.js';
import type { Command } from './command.js';
import { isTerminal } from './output.js';
import { hasColour } from './render/text.js';
import type { Signals } from './signals.js';

export interface Context {
  readonly args: Args;
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** What signals this process from now on goes to a command that it runs, and ends nothing here; undefined: no longer. */
  readonly passSignals: Signals['passTo'];
  /** For a command that it ran, and that a signal ended. */
  readonly endBy: Signals['endBy'];
  readonly reporter: Reporter;
  readonly env: NodeJS.ProcessEnv;
  readonly readOnly: boolean;
  /** No progress is shown. */
  readonly silent: boolean;
  /** What text on stdout may be like. */
  readonly page: { readonly columns?: number | undefined; readonly colour: boolean };
  /** What a repository is opened with, wherever it is. Throws `usage`. */
  repoOptions(): RepoOptions;
  /** Opens the repository that the flags, the environment or the working directory name. */
  openRepo(): Repo;
  /** Asks the person, on the terminal, below the lines `above`; never called while a lock is held. Undefined when --force or --yes gives the answer. */
  readonly confirm: ((question: string, above?: string) => Promise<boolean>) | undefined;
}

/** What a command prints. */
export interface Outcome {
  /** The one document of --json. */
  readonly result: object;
  /** The same for people. */
  text(): string;
  /** A line for people on stderr, beside the result: that there is nothing, or more. */
  readonly note?: string;
  /** Findings that make the command fail although it prints its result. */
  readonly error?: SwampError;
}

/** Undefined when the command has printed by itself; a number: so did a command that it ran, and this is its exit code. */
export type Run = (context: Context) => Promise<Outcome | number | undefined>;

export interface Surroundings {
  readonly command: Command;
  readonly args: Args;
  readonly signals: Pick<Signals, 'signal' | 'passTo' | 'endBy'>;
  readonly reporter: Reporter;
}

export function contextFor({ command, args, signals, reporter }: Surroundings): Context {
  const { signal, passTo: passSignals, endBy } = signals;
  const { env } = process;
  const readOnly = args.has('read-only') || isReadOnly(env);
  // Every relative path of every command is one in this directory.
  const cwd = workingDir();
  const repoOptions = (): RepoOptions => {
    const timing = timingFrom(env, args.has('no-wait') ? '0' : args.text('lock-timeout'), isTerminal('stderr') ? 'terminal' : 'log');
    return { timing, readOnly, reporter, command: command.verb, env };
  };
  return {
    args,
    json: args.has('json'),
    signal,
    passSignals,
    endBy,
    reporter,
    env,
    readOnly,
    silent: args.has('json') || args.has('quiet'),
    get page() {
      const isTTY = isTerminal('stdout');
      return { columns: isTTY ? process.stdout.columns : undefined, colour: hasColour({ isTTY }, args.has('no-color'), env) };
    },
    repoOptions,
    openRepo: () => {
      const options = repoOptions();
      const named = args.text('repo-dir');
      const found = named === undefined && env['SWAMP_REPO_DIR'] === undefined && !args.has('trust');
      return openRepoAt(findRepoDir(named, env, cwd), { ...options, found });
    },
    confirm: isForced(args) ? undefined : async (question, above) => (await import('./ask.js')).ask(question, signal, above),
  };
}

/** As the option of an operation that asks before it goes on: the question is made of its plan. */
export function asking<P>({ confirm }: Pick<Context, 'confirm'>, question: (plan: P) => string): { readonly confirm?: (plan: P) => Promise<boolean> } {
  return confirm === undefined ? {} : { confirm: (plan) => confirm(question(plan)) };
}

/** Refuses a destructive command where no person can be asked. Throws `usage`. */
export function requireConsent(command: Command, args: Args): void {
  const { destructive } = command;
  if (destructive === undefined || args.has('dry-run') || isForced(args)) return;
  if (destructive !== true && !(destructive.value === undefined ? args.has(destructive.flag) : args.text(destructive.flag) === destructive.value)) return;
  if (isTerminal('stdin') && isTerminal('stderr')) return;
  const what =
    destructive === true
      ? `"${command.verb}" deletes`
      : `"${command.verb} --${[destructive.flag, destructive.value ?? []].flat().join(' ')}" takes things out of their place`;
  throw new SwampError('usage', `${what}, and there is no terminal to ask on.`, { hint: 'Add --force to go on without a question.' });
}

function isForced(args: Args): boolean {
  return args.has('force') || args.has('yes');
}
