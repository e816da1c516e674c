/** `swamp data watch [M]`: a line for each event; with --exec a command runs for each before its line is printed. */
import { SwampError } from '../../errors.js';
import { runShell } from '../../models/shell.js';
import { dataWatch } from '../../operations/data-watch.js';
import type { WatchEvent } from '../../watch/look.js';
import { given, wholeNumber } from '../args.js';
import type { Context } from '../context.js';
import { print, relay } from '../output.js';
import { eventText } from '../render/event.js';

export async function run({ args, json, openRepo, signal, reporter, env }: Context): Promise<undefined> {
  const repo = openRepo();
  const input = given({ model: args.text('model'), prefix: args.text('prefix'), since: args.text('since'), untilIdle: wholeNumber(args, 'until-idle', 0) });
  const command = args.text('exec');
  const onReady = (): void => reporter.info(`Watching ${input.model === undefined ? 'every model' : `"${input.model}"`}.`, { topic: 'data' });
  for await (const event of dataWatch(repo, input, { signal, onReady })) {
    if (command !== undefined) await handle(command, event, { cwd: process.cwd(), env, signal });
    await print(json ? `${JSON.stringify(event)}\n` : `${eventText(event)}\n`);
  }
}

interface Surroundings {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Linux starts no command with a variable of 128 KiB; the cursor of thousands of models is that long, and stdin has it, too. */
const LONGEST_VARIABLE = 100_000;

/** Runs the command with the event on stdin and in its environment. What the command prints goes to stderr. */
async function handle(command: string, event: WatchEvent, { env, ...where }: Surroundings): Promise<void> {
  const stdin = `${JSON.stringify(event)}\n`;
  const variables = Object.entries(event)
    .map(([field, value]) => [variable(field), value === null ? '' : String(value)] as const)
    .filter(([, value]) => Buffer.byteLength(value) <= LONGEST_VARIABLE);
  const onOutput = (chunk: Buffer): void | Promise<void> => relay(chunk);
  const { exitCode, signal } = await runShell(command, {
    ...where,
    stdin: { text: stdin },
    env: { ...env, ...Object.fromEntries(variables) },
    onStdout: onOutput,
    onStderr: onOutput,
  });
  where.signal.throwIfAborted();
  if (exitCode === 0) return;
  const end = signal === null ? `exit code ${exitCode}` : `signal ${signal}`;
  throw new SwampError('method_failed', `The command ended with ${end}; the watch ends before this event.`, {
    hint: 'Correct it, and go on with --since and the cursor of the last line that was printed.',
    data: { exitCode, signal, event },
  });
}

/** `modelId` -> `SWAMP_EVENT_MODEL_ID`. */
function variable(field: string): string {
  return `SWAMP_EVENT_${field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
