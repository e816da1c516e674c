/** Help texts, laid out by yargs from the table of commands. Loaded only when help is asked for. */
import yargs, { type Argv } from 'yargs';
import { CODES } from '../errors.js';
import type { Command } from './command.js';
import { type Flag, GLOBAL_FLAGS } from './options.js';
import { flagsOf } from './parse.js';
import { COMMANDS, GROUPS } from './table.js';

/** Longer lines are hard to read. Columns. */
const WIDEST = 110;
/** A description that has less room than this beside what it describes is below it. Columns. */
const ROOM = 30;
/** How much further than what it describes it is indented there. Columns. */
const INDENT = 4;

/** The help of a command, of a group of commands, or (`topic` empty) of all. */
export async function helpText(topic: string): Promise<string> {
  const command = COMMANDS.find(({ verb }) => verb === topic);
  const page = command === undefined ? groupPage(topic) : commandPage(command);
  const columns = Math.min(process.stdout.columns || WIDEST, WIDEST);
  const lines = (await page.getHelp()).split('\n').flatMap((line) => fitted(line, columns));
  return `${lines.join('\n')}\n${command === undefined ? '' : exampleLines(command)}`;
}

/** A line of a page in a window of so many columns. A command or a flag is never broken: it is there to be copied. */
function fitted(line: string, columns: number): string[] {
  const [, margin = '', name = '', text = ''] = /^( *)(\S.*? {2,})?(.*)$/.exec(line) ?? [];
  const beside = margin.length + name.length;
  if (name !== '' && columns - beside < ROOM) {
    const below = ' '.repeat(margin.length + INDENT);
    return [`${margin}${name.trimEnd()}`, ...broken(text, columns - below.length).map((part) => `${below}${part}`)];
  }
  if (line.length <= columns || line.startsWith('swamp ')) return [line];
  return broken(text, columns - beside).map((part, i) => `${i === 0 ? `${margin}${name}` : ' '.repeat(beside)}${part}`);
}

/** At blanks, into lines of at most so many columns; a longer word has a line of its own. */
function broken(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= columns) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** yargs only lays out here: it parses nothing and runs nothing. It would break commands and flags where a window is narrow. */
function newPage(usage: string): Argv {
  const page = yargs([]).scriptName('swamp').help(false).version(false).detectLocale(false);
  return page.wrap(null).usage(usage);
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

function withPositionals({ verb, positionals, runs }: Command): string {
  const words = positionals.map(({ name, optional, many }) => {
    const word = `${name.toUpperCase()}${many === true ? '...' : ''}`;
    return optional === true ? `[${word}]` : word;
  });
  return [verb, ...words, ...(runs === true ? ['-- CMD ARG...'] : [])].join(' ');
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
