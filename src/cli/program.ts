/** One run of the program: understand the words, run the command, print its outcome, return the exit code. */
import { asSwampError, isErrno, isFull, SwampError } from '../errors.js';
import type { Args } from './args.js';
import type { Command } from './command.js';
import { type Context, contextFor, type Outcome, type Run, requireConsent } from './context.js';
import { flushed, leaveLine, print, StdoutFailed, tell, tellLine } from './output.js';
import { type ParsedCommand, parse } from './parse.js';
import { errorLine, errorText, stackText } from './render/error.js';
import { hasColour } from './render/text.js';
import { createReporter, logging } from './reporter.js';
import { onSignals, type Signals } from './signals.js';

/** 128 + SIGPIPE: what a shell reports of a program whose reader went away. */
const CLOSED_PIPE = 141;

/** The code of a command, by its verb and form. */
export type Load = (verb: string) => Promise<Run>;

interface Manner {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly noColour: boolean;
}

/** Resolves with the exit code when everything is printed. Never rejects. */
export async function program(argv: readonly string[], version: string, load: Load): Promise<number> {
  const parsed = parse(argv);
  if (parsed.kind === 'run') return run(parsed, load);
  const code = await answer(parsed, argv, version);
  await flushed();
  return code;
}

type Invocation = Extract<ParsedCommand, { kind: 'run' }>;

async function answer(parsed: Exclude<ParsedCommand, Invocation>, argv: readonly string[], version: string): Promise<number> {
  try {
    switch (parsed.kind) {
      case 'version':
        await print(`${version}\n`);
        return 0;
      case 'help':
        await print(await help(parsed.topic));
        return 0;
      case 'refused':
        return await refuse(parsed);
    }
  } catch (error) {
    return failed(error, { json: argv.includes('--json'), verbose: false, noColour: argv.includes('--no-color') });
  }
}

async function run(invocation: Invocation, load: Load): Promise<number> {
  const { args } = invocation;
  const manner = { json: args.has('json') || args.text('log-format') === 'json', verbose: args.has('verbose'), noColour: args.has('no-color') };
  const signals = onSignals();
  signals.signal.addEventListener('abort', leaveLine, { once: true });
  process.on('uncaughtException', (error) => void endWith(failed(error, manner)));
  const code = await carryOut(invocation, load, manner, signals);
  await signals.orGivenUp(flushed());
  return signals.end(code);
}

async function carryOut({ command, args }: Invocation, load: Load, manner: Manner, signals: Signals): Promise<number> {
  let reporter: ReturnType<typeof createReporter> | undefined;
  try {
    reporter = createReporter(logging(args, process.env));
    requireConsent(command, args);
    const context = contextFor({ command, args, signals, reporter });
    const outcome = await (await load(formOf(command, args)))(context);
    await reporter.flush();
    if (typeof outcome === 'number') return outcome;
    if (signals.exitCode !== undefined) return signals.exitCode;
    return outcome === undefined ? 0 : ((await signals.orGivenUp(printOutcome(outcome, command, context, manner))) ?? signals.exitCode ?? 0);
  } catch (error) {
    await reporter?.flush();
    return signals.exitCode ?? failed(worded(error, command, args), manner);
  }
}

/** The verb, with the flag that makes another program of it. */
function formOf({ verb, forms = [] }: Command, args: Args): string {
  const form = forms.find((flag) => args.has(flag) || args.text(flag) !== undefined);
  return form === undefined ? verb : `${verb} --${form}`;
}

/** On a full disk, what was being written is a file that a person never named: the command says more. The path is in the data. */
export function worded(thrown: unknown, { verb, positionals }: Command, args: Args): unknown {
  if (!isFull(thrown)) return thrown;
  const { code, hint = '', data, cause } = asSwampError(thrown);
  const words = positionals.flatMap(({ name }) => args.text(name) ?? []);
  return new SwampError(code, `The disk, or your quota on it, is full: "${[verb, ...words].join(' ')}" could not be finished.`, { hint, data, cause });
}

/** For an error that no command waits for any more. */
async function endWith(code: number): Promise<void> {
  await flushed();
  process.exit(code);
}

/** What an outcome says on stdout, and beside it on stderr. A confirmation that nobody asked for is left out. */
export function printed({ result, text, note }: Outcome, command: Command, { json, args }: Pick<Context, 'json' | 'args'>): { stdout: string; stderr: string } {
  const quiet = args.has('quiet') && !json;
  const unasked = command.confirms === true && quiet && !args.has('dry-run');
  return {
    stdout: unasked ? '' : json ? `${JSON.stringify(result)}\n` : text(),
    stderr: note === undefined || json || quiet ? '' : `${note}\n`,
  };
}

async function printOutcome(outcome: Outcome, command: Command, context: Context, manner: Manner): Promise<number> {
  const { stdout, stderr } = printed(outcome, command, context);
  try {
    if (stdout !== '') await print(stdout);
    if (stderr !== '') tellLine(stderr);
  } catch (error) {
    throw error instanceof StdoutFailed ? doneUnprinted(error, command, outcome) : error;
  }
  return outcome.error === undefined ? 0 : failed(outcome.error, manner);
}

/** What the command did stays done: to do it again because of its exit code would do it twice. */
function doneUnprinted({ code, message, data, cause }: StdoutFailed, { verb }: Command, { result }: Outcome): SwampError {
  const hint = 'Do not repeat what it did; only its result was not printed. With --json the result is in this error, under data.result.';
  return new SwampError(code, `"${verb}" is done, and its result is lost: ${message}`, { hint, data: { ...data, result }, cause });
}

async function refuse({ error, group, topic, json }: Extract<ParsedCommand, { kind: 'refused' }>): Promise<number> {
  if (group && !json) tell(await help(topic));
  return failed(error, { json, verbose: false, noColour: false });
}

async function help(topic: string): Promise<string> {
  const { helpText } = await import('./help.js');
  return helpText(topic);
}

/** Tells the error as the last thing on stderr; the exit code is that of its code. */
function failed(thrown: unknown, { json, verbose, noColour }: Manner): number {
  if (isErrno(thrown, 'EPIPE')) return CLOSED_PIPE;
  const error: SwampError = asSwampError(thrown);
  if (verbose) tellLine(stackText(error));
  tellLine(json ? errorLine(error) : errorText(error, hasColour(process.stderr, noColour, process.env)));
  return error.exitCode;
}
