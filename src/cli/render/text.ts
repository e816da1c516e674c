/** Text for people: escaped names, tables, sizes. The only place that knows of colour. */

/** Control characters, and those that reorder or hide text. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A name as a terminal may see it: control characters become escapes. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (c) => SHORT[c] ?? `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}

/** True when text for this stream may have colour. */
export function hasColour(stream: { readonly isTTY?: boolean }, noColour: boolean, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && !noColour && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

/** Bold, or as it is. */
export function bold(text: string, colour: boolean): string {
  return colour ? `\u001b[1m${text}\u001b[22m` : text;
}

/** Red, or as it is: a person should look at it. */
export function alarming(text: string, colour: boolean): string {
  return colour ? `\u001b[31m${text}\u001b[39m` : text;
}

/** Lines of aligned columns under `head`; cells are escaped. Numbers go to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows.map((row) => row.map((cell) => (typeof cell === 'string' ? printable(cell) : String(cell))))];
  const widths = head.map((_, i) => Math.max(...cells.map((row) => width(row[i] ?? ''))));
  const right = head.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'));
  const line = (row: readonly string[]): string =>
    widths
      .map((space, i) => pad(row[i] ?? '', space, right[i] === true))
      .join('  ')
      .trimEnd();
  return `${cells.map(line).join('\n')}\n`;
}

/** One aligned line for each pair; pairs without a value are left out. */
export function fields(pairs: readonly (readonly [label: string, value: string | number | undefined])[]): string {
  const shown = pairs.filter(([, value]) => value !== undefined);
  const widest = Math.max(...shown.map(([label]) => label.length));
  return shown.map(([label, value]) => `${`${label}:`.padEnd(widest + 2)}${printable(String(value))}\n`).join('');
}

/** `a=1 b=2`; undefined when there are none. */
export function tagText(tags: Readonly<Record<string, string>>): string | undefined {
  return (
    Object.entries(tags)
      .map(([key, value]) => `${key}=${value}`)
      .join(' ') || undefined
  );
}

/** `1 version`, `2 versions`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** A size in bytes as people read it. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** step;
  return `${step === 0 ? Math.round(bytes) : value.toFixed(value < 10 ? 1 : 0)} ${units[step] ?? 'B'}`;
}

/** `5 s`, `3 min`, `2 h`, `9 d`: the clock that wrote the time may be another one. */
export function age(since: string): string {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(since)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 2 * 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** A time for people: how long ago on a terminal, as it is elsewhere. */
export function moment(time: string, { columns }: { readonly columns?: number | undefined }): string {
  return columns === undefined ? time : `${age(time)} ago`;
}

function width(text: string): number {
  return [...text].length;
}

function pad(text: string, space: number, right: boolean): string {
  const gap = ' '.repeat(Math.max(0, space - width(text)));
  return right ? gap + text : text + gap;
}

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
