/** Lines that fit a width. */
import { alarming } from './text.js';

export interface Line {
  readonly text: string;
  /** A person should look at this. */
  readonly alarm?: boolean;
}

/** Cut to so many columns, with a mark. */
export function clip(line: Line, columns: number): Line {
  const letters = [...line.text];
  return letters.length <= columns ? line : { ...line, text: `${letters.slice(0, Math.max(0, columns - 1)).join('')}…` };
}

/** Broken at blanks, where there are any, into lines of at most so many columns; those after the first are indented further. */
export function wrap(line: Line, columns: number): Line[] {
  const indent = /^ */.exec(line.text)?.[0] ?? '';
  const lines: string[] = [];
  let rest = [...line.text];
  while (rest.length > columns) {
    const lead = indent.length + (lines.length === 0 ? 0 : 2);
    const blank = rest.lastIndexOf(' ', columns);
    const at = blank > lead ? blank : Math.max(columns, lead + 1);
    lines.push(rest.slice(0, at).join('').trimEnd());
    rest = [...`${indent}  `, ...rest.slice(rest[at] === ' ' ? at + 1 : at)];
  }
  return [...lines, rest.join('')].map((text) => ({ ...line, text }));
}

/** As the terminal gets it. */
export function styled({ text, alarm }: Line, colour: boolean): string {
  return alarm === true ? alarming(text, colour) : text;
}

/** The same as one text. */
export function joined(lines: readonly Line[], colour: boolean): string {
  return lines.map((line) => `${styled(line, colour)}\n`).join('');
}
