/** What the person who mistyped a command or a flag may have meant. */
import { nearest } from '../models/suggest.js';
import type { Flag } from './options.js';
import { COMMANDS } from './table.js';

/** The hint of a usage error: what was probably meant, if anything comes close, and where to read on. `topic` is as much of the verb as was understood. */
export function hintFor(topic: string, meant: string | undefined): string {
  const help = `See "swamp ${topic === '' ? '' : `${topic} `}--help".`;
  return meant === undefined ? help : `Did you mean "${meant}"? ${help}`;
}

/** Words of other programs, and what does the same here. */
const SAME: Readonly<Record<string, string>> = {
  ls: 'list',
  dir: 'list',
  rm: 'delete',
  remove: 'delete',
  del: 'delete',
  cat: 'get',
  show: 'get',
  read: 'get',
  add: 'put',
  write: 'put',
  store: 'put',
  set: 'put',
  mv: 'rename',
  move: 'rename',
  new: 'create',
  history: 'versions',
  log: 'versions',
  doctor: 'check',
  fsck: 'check',
};

/**
 * The verb closest to `topic` followed by `word`; a later word of a verb counts alone, too (`swamp put`, `swamp lock status`).
 * A verb that destroys is suggested for a slip in itself alone, never for a word of another group: "repo delete" is no "model delete".
 */
export function closestVerb(topic: string, word: string): string | undefined {
  if (word === 'version') return '--version';
  if (word === 'help') return topic === '' ? '--help' : `${topic} --help`;
  const verbs = COMMANDS.flatMap(({ verb, also = [] }) => [verb, ...also]);
  const start = topic === '' ? 0 : topic.length + 1;
  const next = verbs.filter((verb) => verb.startsWith(topic)).map((verb) => verb.slice(start).split(' ')[0] ?? '');
  const same = Object.hasOwn(SAME, word) ? SAME[word] : undefined;
  const here = same !== undefined && next.includes(same) ? same : closest(word, next);
  if (here !== undefined) return `${topic} ${here}`.trim();
  return topic === '' && same !== undefined
    ? `data ${same}`
    : verbEndingWith(
        word,
        verbs.filter((verb) => !destroys(verb)),
      );
}

function destroys(verb: string): boolean {
  const command = COMMANDS.find((known) => known.verb === verb);
  return command?.destructive === true || verb === 'datastore lock release';
}

/** A verb, or the beginning of one, whose last word this is. */
function verbEndingWith(word: string, verbs: readonly string[]): string | undefined {
  const beginnings = verbs.map((verb) => verb.split(' ')).flatMap((words) => words.slice(1).map((_, i) => words.slice(0, i + 2).join(' ')));
  return beginnings.find((verb) => verb.endsWith(` ${word}`));
}

/** The flag closest to `name`, with its dashes. */
export function closestFlag(name: string, flags: readonly Flag[]): string | undefined {
  const names = flags.map((flag) => flag.name);
  const found = closest(name, names) ?? names.find((candidate) => name.length > 2 && candidate.startsWith(name));
  return found === undefined ? undefined : `--${found}`;
}

/** Swapped letters are the most common slip, and far from the nearest by count. */
function closest(word: string, candidates: readonly string[]): string | undefined {
  return candidates.find((candidate) => sorted(candidate) === sorted(word)) ?? nearest(word, candidates);
}

function sorted(word: string): string {
  return [...word].sort().join('');
}
