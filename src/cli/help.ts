/** Help texts, laid out by yargs from the table of commands. Loaded only when somebody asks. */
import yargs, { type Argv } from 'yargs';
import { CODES } from '../errors.js';
import type { Command } from './command.js';
import { type Flag, GLOBAL_FLAGS } from './options.js';
import { flagsOf } from './parse.js';
import { COMMANDS, GROUPS } from './table.js';

const WIDEST = 110;
const NARROWEST = 60;

/** The help of a command, of a group of commands, or (`topic` empty) of all. */
export async function helpText(topic: string): Promise<string> {
  const command = COMMANDS.find(({ verb }) => verb === topic);
  const page = command === undefined ? groupPage(topic) : commandPage(command);
  return `${await page.getHelp()}\n${command === undefined ? '' : exampleLines(command)}`;
}

/** yargs only lays out here: it parses nothing and runs nothing. */
function newPage(usage: string): Argv {
  const columns = process.stdout.columns ?? WIDEST;
  const page = yargs([]).scriptName('swamp').help(false).version(false).detectLocale(false);
  return page.wrap(Math.max(NARROWEST, Math.min(columns, WIDEST))).usage(usage);
}

function commandPage(command: Command): Argv {
  const also = command.also === undefined ? '' : `Also: ${command.also.map((verb) => `swamp ${verb}`).join(', ')}\n`;
  const page = newPage(`swamp ${withPositionals(command)} [flags]\n\n${command.summary}.\n${also}${positionalLines(command)}`);
  const own = flagsOf(command).filter((flag) => !GLOBAL_FLAGS.includes(flag));
  const global = GLOBAL_FLAGS.filter(({ name }) => !own.some((flag) => flag.name === name));
  addFlags(page, own, 'Flags:');
  addFlags(page, global, 'Flags of every command:');
  return page;
}

function groupPage(topic: string): Argv {
  const title = topic === '' ? 'A local, versioned datastore for scripts' : GROUPS[topic];
  const start = topic === '' ? '' : `${topic} `;
  const page = newPage(`swamp ${start}COMMAND [flags]\n\n${title}.`);
  for (const command of COMMANDS) {
    if (command.verb.startsWith(start)) page.command(withPositionals(command), command.summary);
  }
  addFlags(page, GLOBAL_FLAGS, 'Flags of every command:');
  return page.epilogue(topic === '' ? `Exit codes:\n${exitCodes()}\n\nMore: swamp COMMAND --help` : 'More: swamp COMMAND --help');
}

/** Each on a line of its own, never wrapped: it is there to be copied. */
function exampleLines({ examples }: Command): string {
  return examples.length === 0 ? '' : `\nExamples:\n${examples.map(([line, what]) => `  # ${what}\n  swamp ${line}\n`).join('')}`;
}

function withPositionals({ verb, positionals }: Command): string {
  return [verb, ...positionals.map(({ name, optional }) => (optional === true ? `[${name.toUpperCase()}]` : name.toUpperCase()))].join(' ');
}

function positionalLines({ positionals }: Command): string {
  const widest = Math.max(0, ...positionals.map(({ name }) => name.length));
  return positionals.map(({ name, description }) => `\n  ${name.toUpperCase().padEnd(widest + 2)}${description}`).join('');
}

function addFlags(page: Argv, flags: readonly Flag[], group: string): void {
  for (const { name, alias, value, description, env } of flags) {
    const shown = env === undefined ? description : `${description} [${env}]`;
    page.option(value === undefined ? name : `${name} ${value}`, { group, description: shown, ...(alias === undefined ? {} : { alias }) });
  }
}

function exitCodes(): string {
  const byExit = new Map<number | string, string>([[0, 'done']]);
  for (const [code, { exit }] of Object.entries(CODES)) byExit.set(exit, `${byExit.get(exit) ?? ''} ${code}`.trim());
  byExit.set('128+n', 'ended by signal n');
  return [...byExit].map(([exit, codes]) => `  ${String(exit).padEnd(7)}${codes}`).join('\n');
}
