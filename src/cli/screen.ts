/**
 * The whole terminal, for what is looked at until the person leaves: redrawn in place, never wider or higher than the window.
 * It is the terminal's second screen: what was on the first one is there again afterwards, and a window that changes its
 * size cannot wrap what was drawn before.
 */
import { writeSync } from 'node:fs';
import { isErrno } from '../errors.js';
import { clip, type Line, styled } from './render/lines.js';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const STDOUT = 1;

export interface Screen {
  /** Lines for a window of so many columns; what is higher than the window is cut, and counted. */
  show(lines: (columns: number) => readonly Line[]): void;
  /** The first screen again, with its cursor. */
  end(): void;
}

export interface ScreenOptions {
  readonly colour: boolean;
  /** The person typed q. */
  readonly onQuit: () => void;
}

/** stdout must be a terminal. Ctrl-C is the signal that it is everywhere, Ctrl-Z stops the job. */
export function openScreen({ colour, onQuit }: ScreenOptions): Screen {
  const { stdin, stdout } = process;
  let drawn: ((columns: number) => readonly Line[]) | undefined;
  const draw = (): void => {
    if (drawn === undefined) return;
    const columns = stdout.columns || 80;
    const lines = fitHeight(drawn(columns), stdout.rows || 24);
    stdout.write(`\u001b[H${lines.map((line) => `\u001b[K${styled(clip(line, columns), colour)}`).join('\r\n')}\u001b[J`);
  };
  const enter = (): void => {
    if (stdin.isTTY) stdin.setRawMode(true).resume();
    stdout.write(ENTER);
    draw();
  };
  const leave = (): void => {
    if (stdin.isTTY) stdin.setRawMode(false).pause();
    // At once: the process may be about to end, or to stop.
    tryWrite(LEAVE);
  };
  const onKey = (typed: Buffer): void => {
    for (const key of typed.toString('latin1')) {
      if (key === 'q' || key === 'Q' || key === '\u0004') onQuit();
      if (key === '\u0003') process.kill(process.pid, 'SIGINT');
      if (key === '\u001a') {
        leave();
        process.once('SIGCONT', enter);
        process.kill(0, 'SIGTSTP');
      }
    }
  };
  // A terminal that went away comes as SIGHUP.
  stdout.on('error', ignore).on('resize', draw);
  if (stdin.isTTY) stdin.on('data', onKey);
  process.on('exit', leave);
  enter();
  return {
    show: (lines) => {
      drawn = lines;
      draw();
    },
    end: () => {
      stdout.off('resize', draw);
      process.off('exit', leave).off('SIGCONT', enter);
      if (stdin.isTTY) stdin.off('data', onKey);
      leave();
    },
  };
}

/** The last line stays: it lists the keys. */
function fitHeight(lines: readonly Line[], rows: number): readonly Line[] {
  if (lines.length <= rows) return lines;
  const shown = Math.max(0, rows - 2);
  const cut: Line = { text: `... and ${lines.length - 1 - shown} more lines: the window is too low` };
  return [...lines.slice(0, shown), cut, ...lines.slice(-1)].slice(-rows);
}

function tryWrite(text: string): void {
  try {
    writeSync(STDOUT, text);
  } catch (error) {
    // The terminal has gone.
    if (!isErrno(error, 'EIO', 'EPIPE', 'EBADF', 'EAGAIN')) throw error;
  }
}

function ignore(): void {}
