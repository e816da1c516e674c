/** From words to a command and its arguments. What cannot be understood comes back as a `usage` error, never as a guess. */
import parseWords from 'yargs-parser';
import { SwampError } from '../errors.js';
import { type Args, argsOf } from './args.js';
import type { Command } from './command.js';
import { type Flag, GLOBAL_FLAGS } from './options.js';
import { closestFlag, closestVerb, hintFor } from './suggest.js';
import { COMMANDS } from './table.js';

/** What replaces a byte that Node could not decode. */
const UNDECODABLE = '\ufffd';
const UTF8_HINT = 'Names and paths must be UTF-8: rename the file or directory, or go there and use a name relative to it.';
const EMPTY_HINT = 'Is a variable of your shell not set? Leave the word out to use the default.';

/** The list of the words after `--`, where they are a command line. */
const COMMAND_LINE = 'command-line';

export type ParsedCommand =
  | { readonly kind: 'run'; readonly command: Command; readonly args: Args }
  /** `topic` is a verb, a group, or empty. */
  | { readonly kind: 'help'; readonly topic: string }
  | { readonly kind: 'version' }
  | { readonly kind: 'refused'; readonly error: SwampError; readonly json: boolean; readonly topic: string; readonly group: boolean };

/**
 * Understands a command line. Flags may be anywhere, those of a command after its verb; a flag that takes a value takes the
 * next word whatever it begins with; after `--` every word is positional; no value is ever turned into a number. A problem
 * outranks help and version: a mistyped word must never end as a success that did nothing.
 */
export function parse(argv: readonly string[]): ParsedCommand {
  const undecodable = argv.find((word) => word.includes(UNDECODABLE));
  if (undecodable !== undefined)
    return refused(`The word ${JSON.stringify(undecodable)} is not valid UTF-8.`, UTF8_HINT, { json: argv.includes('--json'), topic: '' });
  const found = findCommand(argv);
  const { topic, command } = found;
  if (found.unknown !== undefined) return unknownCommand(topic, found.unknown, argv.includes('--json'));
  const flags = flagsOf(command);
  const { given, words: before, after, problem } = readFlags(found.rest, flags);
  const json = given.get('json') === true;
  if (problem !== undefined)
    return refused(problem.message, problem.hint ?? hintFor(topic, problem.unknown && closestFlag(problem.unknown, flags)), { json, topic });
  if (given.get('help') === true) return { kind: 'help', topic };
  if (given.get('version') === true) return { kind: 'version' };
  if (command === undefined) return bare(topic, json);
  const runs = hasCommandLine(command, given);
  if (runs) given.set(COMMAND_LINE, after);
  const missing = fillPositionals(command, given, runs ? before : [...before, ...after]);
  if (missing !== undefined) return refused(missing, hintFor(topic, undefined), { json, topic });
  const empty = firstEmpty(command, given, flags);
  const without = empty === undefined && runs ? commandProblem(command, given) : undefined;
  if (without !== undefined) return refused(without, hintFor(topic, undefined), { json, topic });
  if (empty !== undefined) return refused(`${empty} is empty.`, EMPTY_HINT, { json, topic });
  return { kind: 'run', command, args: argsOf(given) };
}

function refused(message: string, hint: string, { json, topic, group = false }: { json: boolean; topic: string; group?: boolean }): ParsedCommand {
  return { kind: 'refused', error: new SwampError('usage', message, { hint }), json, topic, group };
}

function unknownCommand(topic: string, word: string, json: boolean): ParsedCommand {
  const name = topic === '' ? word : `${topic} ${word}`;
  return refused(`There is no command ${JSON.stringify(name)}.`, hintFor(topic, closestVerb(topic, word)), { json, topic });
}

/** No verb at all is a question for help; half a verb is a mistake. */
function bare(topic: string, json: boolean): ParsedCommand {
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

/** Before the verb is complete only global flags are allowed. */
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

interface Problem {
  readonly message: string;
  /** The name of a flag that there is not. */
  readonly unknown?: string;
  readonly hint?: string;
}

interface Read {
  readonly given: Values;
  readonly words: readonly string[];
  /** Those after `--`. */
  readonly after: readonly string[];
  /** The first thing wrong. */
  readonly problem?: Problem;
}

/** Sorts words into flags and positionals. */
export function readFlags(argv: readonly string[], flags: readonly Flag[]): Read {
  const apart = attachedApart(argv, flags);
  const { argv: parsed, error } = parseWords.detailed(withoutDigits(apart, flags), {
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
      'populate--': true,
    },
  });
  const { _: words, '--': after = [], ...values } = parsed as { readonly _: readonly string[]; readonly '--'?: readonly string[] } & Record<string, unknown>;
  const given: Values = new Map();
  for (const flag of flags) {
    const value = values[flag.name];
    if (value !== undefined) given.set(flag.name, readValue(flag, value));
  }
  const problem = firstBadCluster(apart, flags) ?? firstProblem(flags, values, given, error);
  return problem === undefined ? { given, words, after } : { given, words, after, problem };
}

function readValue(flag: Flag, value: unknown): string | true | readonly string[] {
  if (value === true) return true;
  const texts = (Array.isArray(value) ? value : [value]).map(String);
  return flag.type === 'list' ? texts : (texts.at(-1) ?? '');
}

/** The parser takes `-0` for a number; as the flag that it is, it has a name. */
function withoutDigits(argv: readonly string[], flags: readonly Flag[]): string[] {
  const zero = flags.find(({ alias }) => alias === '0');
  const words = [...argv];
  if (zero !== undefined) for (const i of flagPositions(argv, flags)) if (words[i] === '-0') words[i] = `--${zero.name}`;
  return words;
}

/** `-oFILE` as `-o FILE`. Not a word that begins a long name, `-output`: with one dash missing it would name the file `utput`. */
function attachedApart(argv: readonly string[], flags: readonly Flag[]): string[] {
  const ofFlags = new Set(flagPositions(argv, flags));
  return argv.flatMap((word, i) => {
    const [letters = ''] = word.slice(1).split('=');
    const flag = ofFlags.has(i) && /^-[^-]./s.test(word) && letters.length > 1 ? flags.find(({ alias }) => alias === word[1]) : undefined;
    const isName = flag?.name.startsWith(letters) === true || letters.startsWith(flag?.name ?? ' ');
    return flag === undefined || flag.type === 'switch' || isName ? [word] : [word.slice(0, 2), word.slice(2)];
  });
}

/** Where words are that are neither the value of a flag nor behind `--`. */
function* flagPositions(argv: readonly string[], flags: readonly Flag[]): Generator<number> {
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word === '--') return;
    yield i;
    const flag = flags.find(({ name, alias }) => word === `--${name}` || (/^-[^-]/.test(word) && word.at(-1) === alias));
    if (flag !== undefined && flag.type !== 'switch' && !word.includes('=')) i++;
  }
}

/** `-f`, `-fy`, `-o`: letters of flags after one dash. The parser would take any other such word apart, and find flags in the name of a file. */
function firstBadCluster(argv: readonly string[], flags: readonly Flag[]): Problem | undefined {
  for (const i of flagPositions(argv, flags)) {
    const word = argv[i] ?? '';
    const [letters = ''] = word.slice(1).split('=');
    if (/^--[^=](=|$)/.test(word)) return { message: `There is no flag ${word.slice(0, 3)} here.`, unknown: word.charAt(2) };
    const cluster = /^-[^-]/.test(word) && !/^-\d*\.?\d+$/.test(word);
    const inCluster = cluster ? [...letters].map((letter) => flags.find(({ alias }) => alias === letter)) : [];
    const problem = inCluster.length > 1 || inCluster.includes(undefined) ? clusterProblem(word, letters, inCluster) : undefined;
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function clusterProblem(word: string, letters: string, flags: readonly (Flag | undefined)[]): Problem | undefined {
  const [first] = flags;
  if (first !== undefined && first.type !== 'switch')
    return { message: `${JSON.stringify(word)} is not a flag.`, hint: `Write a space between a flag and its value: -${first.alias} ${word.slice(2)}` };
  const unknown = flags.indexOf(undefined);
  if (unknown >= 0 && letters.length === 1) return { message: `There is no flag -${letters} here.`, unknown: letters };
  if (unknown >= 0)
    return {
      message: `${JSON.stringify(word)} is not a flag.`,
      hint: 'Write "--" before a name that begins with a dash: every word after it is taken as it is.',
    };
  if (flags.some((flag) => flag?.name === 'help'))
    return { message: `${JSON.stringify(word)} is not a flag.`, hint: 'To see the help, write -h as a word of its own.' };
  return undefined;
}

/** An unset variable of a shell gives an empty word, which must not mean "the working directory" or "every name". */
function firstEmpty({ positionals }: Command, given: Values, flags: readonly Flag[]): string | undefined {
  const empty = (name: string): boolean => [given.get(name)].flat().includes('');
  const positional = positionals.find(({ name, mayBeEmpty }) => mayBeEmpty !== true && empty(name));
  if (positional !== undefined) return positional.name.toUpperCase();
  const flag = flags.find(({ name, mayBeEmpty }) => mayBeEmpty !== true && empty(name));
  return flag && dashed(flag.name);
}

function firstProblem(flags: readonly Flag[], values: Record<string, unknown>, given: Values, error: Error | null): Problem | undefined {
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

/** True when the words after `--` are a command line. */
export function hasCommandLine({ runs }: Command, given: ReadonlyMap<string, unknown>): boolean {
  return runs === true || (runs !== undefined && given.get(runs) === true);
}

/** A FILE beside the command would be one of two sources. */
function commandProblem({ runs }: Command, given: Values): string | undefined {
  const [command] = given.get(COMMAND_LINE) as readonly string[];
  if (given.has('file')) return 'FILE and --command exclude each other.';
  return command === undefined || command === '' ? `A command is missing: ${runs === true ? '' : `--${runs} `}-- CMD ARG...` : undefined;
}

/** Gives the words their names; the first thing wrong, or undefined. */
function fillPositionals(command: Command, given: Values, words: readonly string[]): string | undefined {
  const open = command.positionals.filter(({ name }) => !given.has(name));
  const last = open.at(-1);
  const many = last?.many === true ? last : undefined;
  const extra = many === undefined ? words[open.length] : undefined;
  if (extra !== undefined) return `Unexpected argument ${JSON.stringify(extra)}${command.runs === true ? ': write "--" before the command' : ''}.`;
  open.forEach(({ name }, i) => {
    const word = words[i];
    if (word !== undefined) given.set(name, name === many?.name ? words.slice(i) : word);
  });
  const missing = open.filter(
    ({ name, optional, optionalWith = [] }) => optional !== true && !given.has(name) && !optionalWith.some((flag) => given.has(flag)),
  );
  if (missing.length === 0) return undefined;
  return `${missing.map(({ name }) => name.toUpperCase()).join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing.`;
}
