/** Help texts, laid out by yargs from the table of commands. Loaded only when somebody asks. */
import yargs, { type Argv, type Options } from 'yargs';
import { CODES } from '../errors.js';
import { type Flag, GLOBAL_FLAGS } from './options.js';
import { flagsOf } from './parse.js';
import { COMMANDS, type Command, GROUPS } from './table.js';

/** The help of a command, of a group of commands, or (`topic` empty) of all. */
export async function helpText(topic: string): Promise<string> {
  const command = COMMANDS.find(({ verb }) => verb === topic);
  const page = command === undefined ? groupPage(topic) : commandPage(command);
  return `${await page.getHelp()}\n`;
}

function newPage(name: string): Argv {
  const columns = process.stdout.columns ?? 100;
  return yargs([])
    .scriptName(name)
    .help(false)
    .version(false)
    .detectLocale(false)
    .exitProcess(false)
    .wrap(Math.max(60, Math.min(columns, 110)))
    .parserConfiguration({ 'boolean-negation': false, 'camel-case-expansion': false });
}

function commandPage(command: Command): Argv {
  const words = command.positionals.map(({ name, optional }) => (optional === true ? `[${name.toUpperCase()}]` : name.toUpperCase()));
  const also = command.also === undefined ? '' : `\nAlso: ${command.also.map((verb) => `swamp ${verb}`).join(', ')}`;
  const page = newPage('swamp').usage(`swamp ${[command.verb, ...words].join(' ')} [flags]\n\n${command.summary}.${also}`);
  const own = flagsOf(command).filter((flag) => !GLOBAL_FLAGS.includes(flag));
  withFlags(page, own, 'Flags:');
  withFlags(
    page,
    GLOBAL_FLAGS.filter(({ name }) => !own.some((flag) => flag.name === name)),
    'Everywhere:',
  );
  for (const [line, what] of command.examples) page.example(`swamp ${line}`, what);
  return page.epilogue(positionalLines(command));
}

function positionalLines({ positionals }: Command): string {
  const widest = Math.max(0, ...positionals.map(({ name }) => name.length));
  return positionals.map(({ name, description }) => `${name.toUpperCase().padEnd(widest + 2)}${description}`).join('\n');
}

function groupPage(topic: string): Argv {
  const title = topic === '' ? 'A local, versioned datastore for scripts.' : `${GROUPS[topic] ?? ''}.`;
  const page = newPage('swamp').usage(`swamp ${topic === '' ? '' : `${topic} `}COMMAND [flags]\n\n${title}`);
  for (const { verb, summary, positionals } of COMMANDS) {
    if (topic !== '' && !verb.startsWith(`${topic} `)) continue;
    const words = positionals.map(({ name, optional }) => (optional === true ? `[${name.toUpperCase()}]` : name.toUpperCase()));
    page.command([verb, ...words].join(' '), summary);
  }
  withFlags(page, GLOBAL_FLAGS, 'Everywhere:');
  return page.epilogue(`Exit codes: ${exitCodes()}; 128+n when ended by signal n.\nMore: swamp COMMAND --help`);
}

/** `64 usage name_invalid, 65 corrupt ...` */
function exitCodes(): string {
  const byExit = new Map<number, string[]>();
  for (const [code, { exit }] of Object.entries(CODES)) byExit.set(exit, [...(byExit.get(exit) ?? []), code]);
  return [...byExit].map(([exit, codes]) => `${exit} ${codes.join(' ')}`).join(', ');
}

function withFlags(page: Argv, flags: readonly Flag[], group: string): void {
  for (const flag of flags) page.option(flag.name, optionOf(flag, group));
}

function optionOf({ alias, type, description, value, env }: Flag, group: string): Options {
  const shown = `${value === undefined ? '' : `${value}. `}${description}${env === undefined ? '' : ` [${env}]`}`;
  return { group, description: shown, type: type === 'switch' ? 'boolean' : 'string', ...(alias === undefined ? {} : { alias }) };
}
