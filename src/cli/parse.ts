/** From words to a command and its arguments. What cannot be understood comes back as a `usage` error, never as a guess. */
import parseWords from 'yargs-parser';
import { SwampError } from '../errors.js';
import { type Args, argsOf } from './args.js';
import { type Flag, GLOBAL_FLAGS } from './options.js';
import { closestFlag, closestVerb, hintFor } from './suggest.js';
import { COMMANDS, type Command } from './table.js';

export type Parsed =
  | { readonly kind: 'run'; readonly command: Command; readonly args: Args }
  /** `topic` is a verb, a group, or empty. */
  | { readonly kind: 'help'; readonly topic: string }
  | { readonly kind: 'version' }
  | { readonly kind: 'refused'; readonly error: SwampError; readonly json: boolean; readonly topic: string; readonly group: boolean };

/**
 * Understands a command line. Flags may stand anywhere, those of a command after its verb; a flag that takes a value takes the
 * next word whatever it begins with; after `--` every word is positional; no value is ever turned into a number.
 */
export function parse(argv: readonly string[]): Parsed {
  const found = findCommand(argv);
  const { topic, command } = found;
  if (found.unknown !== undefined) return unknownCommand(topic, found.unknown, argv.includes('--json'));
  const flags = flagsOf(command);
  const { given, words, problem } = readFlags(found.rest, flags);
  if (given.get('help') === true) return { kind: 'help', topic };
  if (given.get('version') === true) return { kind: 'version' };
  const json = given.get('json') === true;
  if (problem !== undefined) {
    const meant = problem.unknown === undefined ? undefined : closestFlag(problem.unknown, flags);
    return refused(problem.message, hintFor(topic, meant), { json, topic });
  }
  if (command === undefined) return bare(topic, json);
  const missing = fillPositionals(command, given, words);
  if (missing !== undefined) return refused(missing, hintFor(topic, undefined), { json, topic });
  return { kind: 'run', command, args: argsOf(given) };
}

function refused(message: string, hint: string, { json, topic, group = false }: { json: boolean; topic: string; group?: boolean }): Parsed {
  return { kind: 'refused', error: new SwampError('usage', message, { hint }), json, topic, group };
}

function unknownCommand(topic: string, word: string, json: boolean): Parsed {
  const name = topic === '' ? word : `${topic} ${word}`;
  return refused(`There is no command ${JSON.stringify(name)}.`, hintFor(topic, closestVerb(topic, word)), { json, topic });
}

/** No verb at all is a question for help; half a verb is a mistake. */
function bare(topic: string, json: boolean): Parsed {
  if (topic === '' && !json) return { kind: 'help', topic };
  const message = topic === '' ? 'A command is missing.' : `"${topic}" needs one more word.`;
  return refused(message, hintFor(topic, undefined), { json, topic, group: true });
}

/** The flags a command knows: its own, and the global ones whose name it does not use itself. Before the verb, the global ones. */
export function flagsOf(command: Command | undefined): readonly Flag[] {
  if (command === undefined) return GLOBAL_FLAGS;
  const positional = command.positionals
    .filter((p) => p.flag === true)
    .map((p): Flag => ({ name: p.name, type: 'value', value: p.name.toUpperCase(), description: `In place of ${p.name.toUpperCase()}` }));
  const own = [...command.flags, ...positional];
  return [...own, ...GLOBAL_FLAGS.filter((flag) => !own.some(({ name }) => name === flag.name))];
}

interface Found {
  readonly command?: Command;
  /** The verb, or as many of its words as were understood. */
  readonly topic: string;
  /** The first word that names no command. */
  readonly unknown?: string;
  /** The words without those of the verb. */
  readonly rest: readonly string[];
}

/** Before the verb is complete only global flags may stand. */
export function findCommand(argv: readonly string[]): Found {
  const rest: string[] = [];
  let topic = '';
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word.startsWith('-') && word !== '-') {
      rest.push(word);
      if (takesNext(word) && i + 1 < argv.length) rest.push(argv[++i] ?? '');
      continue;
    }
    const longer = topic === '' ? word : `${topic} ${word}`;
    const command = COMMANDS.find(({ verb, also }) => verb === longer || also?.includes(longer));
    if (command !== undefined) return { command, topic: command.verb, rest: [...rest, ...argv.slice(i + 1)] };
    if (!isGroup(longer)) return { topic, unknown: word, rest };
    topic = longer;
  }
  return { topic, rest };
}

function isGroup(words: string): boolean {
  return COMMANDS.some(({ verb, also }) => verb.startsWith(`${words} `) || also?.some((other) => other.startsWith(`${words} `)));
}

function takesNext(word: string): boolean {
  return GLOBAL_FLAGS.some(({ type, name }) => type === 'value' && word === `--${name}`);
}

type Values = Map<string, string | true | readonly string[]>;

interface Read {
  readonly given: Values;
  readonly words: readonly string[];
  /** The first thing wrong; `unknown` is the name of a flag that there is not. */
  readonly problem?: { readonly message: string; readonly unknown?: string };
}

/** Sorts words into flags and positionals. */
export function readFlags(argv: readonly string[], flags: readonly Flag[]): Read {
  const { argv: parsed, error } = parseWords.detailed([...argv], {
    boolean: flags.filter(({ type }) => type === 'switch').map(({ name }) => name),
    string: flags.filter(({ type }) => type !== 'switch').map(({ name }) => name),
    // A switch takes exactly no word, lest the name of an artifact, "true", be eaten; a value exactly one, lest "-x" be a flag.
    narg: Object.fromEntries(flags.map(({ name, type }) => [name, type === 'switch' ? 0 : 1])),
    alias: Object.fromEntries(flags.flatMap(({ name, alias }) => (alias === undefined ? [] : [[name, [alias]]]))),
    configuration: {
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'duplicate-arguments-array': true,
      'nargs-eats-options': true,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    },
  });
  const { _: words, ...values } = parsed as { readonly _: readonly string[] } & Record<string, unknown>;
  const given: Values = new Map();
  for (const flag of flags) {
    const value = values[flag.name];
    if (value !== undefined) given.set(flag.name, readValue(flag, value));
  }
  const problem = firstProblem(flags, values, given, error);
  return problem === undefined ? { given, words } : { given, words, problem };
}

function readValue(flag: Flag, value: unknown): string | true | readonly string[] {
  if (value === true) return true;
  const texts = (Array.isArray(value) ? value : [value]).map(String);
  return flag.type === 'list' ? texts : (texts.at(-1) ?? '');
}

function firstProblem(flags: readonly Flag[], values: Record<string, unknown>, given: Values, error: Error | null): Read['problem'] {
  const known = new Set(flags.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias])));
  const unknown = Object.keys(values).find((name) => !known.has(name));
  if (unknown !== undefined) return { message: `There is no flag ${dashed(unknown)} here.`, unknown };
  const eager = flags.find(({ name, type }) => type === 'switch' && given.has(name) && given.get(name) !== true);
  if (eager !== undefined) return { message: `${dashed(eager.name)} takes no value.` };
  if (error !== null) return { message: wording(error.message) };
  return undefined;
}

/** yargs-parser ends both of its complaints with the name of the flag. */
function wording(message: string): string {
  const flag = dashed(message.slice(message.lastIndexOf(' ') + 1));
  return message.startsWith('Argument unexpected') ? `${flag} takes no value.` : `${flag} wants a value.`;
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** Gives the words their names; the first thing wrong, or undefined. */
function fillPositionals(command: Command, given: Values, words: readonly string[]): string | undefined {
  const open = command.positionals.filter(({ name }) => !given.has(name));
  const extra = words[open.length];
  if (extra !== undefined) return `Unexpected argument ${JSON.stringify(extra)}.`;
  open.forEach(({ name }, i) => {
    const word = words[i];
    if (word !== undefined) given.set(name, word);
  });
  const missing = open.filter(({ name, optional }) => optional !== true && !given.has(name));
  if (missing.length === 0) return undefined;
  return `${missing.map(({ name }) => name.toUpperCase()).join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing.`;
}
