/**
 * A command line carried out in the test's own process, by the code that the program would run: understood, refused, answered and worded in the
 * same way, in a tenth of the time that a process takes. It is for commands that are not what a test is about, and for rows of a table that say
 * nothing of processes. The long form starts a process for each.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Args } from '../../src/cli/args.js';
import { contextFor, requireConsent } from '../../src/cli/context.js';
import { loadCommand } from '../../src/cli/load.js';
import { parse } from '../../src/cli/parse.js';
import { printed, worded } from '../../src/cli/program.js';
import { errorLine, errorText } from '../../src/cli/render/error.js';
import { LEVELS, LINES, type Logging, logging } from '../../src/cli/reporter.js';
import { asSwampError } from '../../src/errors.js';
import type { Facts, Reporter } from '../../src/repo.js';
import { LONG } from './scale.js';

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** They run commands of others, print by themselves, or mean the working directory. */
const PROCESSES = /^(repo init|model method run|model exec|model edit|model delete|datastore sweep|data watch|session|demo|completion)$/;
/** They read stdin, unless FILE is given. */
const READERS = /^data (put|upload part)$/;
/** Values that are paths, where they are not those of a repository. */
const PATHS = ['dir', 'other', 'file', 'folder', 'base', 'output'];

/** By directory: two at once are there to meet as processes. */
const atWork = new Set<string>();

export interface Around {
  readonly signal: AbortSignal;
  readonly stdin: string | undefined;
}

/** Undefined when this command line needs a process. */
export async function inProcess(dir: string, words: readonly string[], { signal, stdin = '' }: Around): Promise<Answer | undefined> {
  if (LONG || atWork.has(dir) || process.stdin.isTTY || words[0] === '--complete') return undefined;
  const parsed = parse(inRepo(dir, words));
  if (parsed.kind === 'refused' && (parsed.json || !parsed.group)) return failed(parsed.error, parsed.json);
  if (parsed.kind !== 'run' || !isPlain(parsed, stdin)) return undefined;
  const scratch = stdin === '' ? undefined : mkdtempSync(join(tmpdir(), 'swamp-stdin-'));
  atWork.add(dir);
  try {
    return await carryOut(scratch === undefined ? parsed : { ...parsed, args: withFile(parsed.args, scratch, stdin) }, signal);
  } finally {
    atWork.delete(dir);
    if (scratch !== undefined) rmSync(scratch, { recursive: true });
  }
}

type Invocation = Extract<ReturnType<typeof parse>, { kind: 'run' }>;

async function carryOut({ command, args }: Invocation, signal: AbortSignal): Promise<Answer> {
  const json = args.has('json');
  let said = (): string => '';
  try {
    const { reporter, text: logged } = logTo(logging(args, process.env));
    said = logged;
    requireConsent(command, args);
    const signals = { signal, passTo: () => undefined, endBy: (name: NodeJS.Signals) => 128 + constants.signals[name] };
    const outcome = await (await loadCommand(command.verb))(contextFor({ command, args, signals, reporter }));
    if (typeof outcome === 'number') return { code: outcome, stdout: '', stderr: said() };
    if (outcome === undefined) return { code: 0, stdout: '', stderr: said() };
    const { stdout, stderr: noted } = printed(outcome, command, { json, args });
    const { code, stderr } = outcome.error === undefined ? { code: 0, stderr: '' } : failed(outcome.error, json);
    return { code, stdout, stderr: said() + noted + stderr };
  } catch (thrown) {
    const { code, stderr } = failed(worded(thrown, command, args), json);
    return { code, stdout: '', stderr: said() + stderr };
  }
}

function failed(thrown: unknown, json: boolean): Answer {
  const error = asSwampError(thrown);
  return { code: error.exitCode, stdout: '', stderr: json ? errorLine(error) : errorText(error, false) };
}

/** The command line in the repository, wherever this process works. */
function inRepo(dir: string, words: readonly string[]): readonly string[] {
  return words.some((word) => word.startsWith('--repo-dir')) ? words : ['--repo-dir', dir, ...words];
}

/** Nothing of it is decided by the working directory, or goes to the streams of the process. */
function isPlain({ command: { verb, forms = [] }, args }: Invocation, stdin: string): boolean {
  if (forms.some((flag) => args.has(flag) || args.text(flag) !== undefined)) return false;
  if (PROCESSES.test(verb) || ['watch', 'verbose', 'command'].some((flag) => args.has(flag)) || args.text('log-format') !== undefined) return false;
  if (verb === 'data get' && !args.has('json') && !args.has('metadata')) return false;
  if (READERS.test(verb) && (args.text('file') === undefined) !== (stdin !== '')) return false;
  return PATHS.every((name) => isAbsolute(args.text(name) ?? '/'));
}

/** What would be on stdin is in a file. */
function withFile(args: Args, scratch: string, stdin: string): Args {
  const file = join(scratch, 'stdin');
  writeFileSync(file, stdin);
  return { ...args, text: (name) => (name === 'file' ? file : args.text(name)) };
}

/** What the program's log says on stderr. */
function logTo({ lowest, format }: Logging): { readonly reporter: Reporter; readonly text: () => string } {
  const lines: string[] = [];
  const report =
    (level: 'debug' | 'info' | 'warning') =>
    (message: string, { topic, ...facts }: Facts): void => {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(lowest)) return;
      lines.push(`${LINES[format]({ category: ['swamp', topic], level, message: [message], properties: facts, timestamp: Date.now() })}\n`);
    };
  return { reporter: { debug: report('debug'), info: report('info'), warn: report('warning') }, text: () => lines.join('') };
}
