/** Writes to stdout, all of it or an error, and to stderr. Neither stream is opened before it is needed: opening one costs a tenth of a start. */
import { fstatSync, writeSync } from 'node:fs';
import { asSwampError, isErrno, isSystemError, SwampError } from '../errors.js';

const STDOUT = 1;
/** What a pipe takes as a whole, or not at all. */
const PIPE_BUFFER = 4096;

const DESCRIPTORS = { stdin: 0, stdout: STDOUT, stderr: 2 } as const;

let toFile: boolean | undefined;

/** What stdout answered when it could not be written to. */
export class StdoutFailed extends SwampError {}

/** True for a terminal. Node opens a stream to find out, and what is not a character device is not a terminal either. */
export function isTerminal(name: keyof typeof DESCRIPTORS): boolean {
  return fstatSync(DESCRIPTORS[name]).isCharacterDevice() && process[name].isTTY === true;
}

/** Resolves when everything is written. Throws StdoutFailed, and the system's `EPIPE` when the reader is gone. */
export async function print(data: string | Uint8Array): Promise<void> {
  try {
    await write(data);
  } catch (error) {
    if (isErrno(error, 'EPIPE') || !isSystemError(error)) throw error;
    const { code, data: facts } = asSwampError(error);
    const hint = code === 'no_space' ? 'Free some space where it goes, or send it elsewhere.' : 'Send it elsewhere.';
    throw new StdoutFailed(code, `Standard output cannot be written to (${error.code}).`, { hint, data: facts, cause: error });
  }
}

async function write(data: string | Uint8Array): Promise<void> {
  clearBlock();
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  toFile ??= fstatSync(STDOUT).isFile();
  // Node's own stream takes a short write to a full disk for success.
  if (toFile) writeWhole(bytes);
  else if (bytes.length > PIPE_BUFFER || !wroteAtOnce(bytes)) await printToStream(bytes);
}

function writeWhole(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(STDOUT, bytes, at);
}

/** False when nothing was written because the reader is behind. */
function wroteAtOnce(bytes: Uint8Array): boolean {
  try {
    writeWhole(bytes);
    return true;
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return false;
    throw error;
  }
}

function printToStream(bytes: Uint8Array): Promise<void> {
  return new Promise((done, fail) => {
    if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', ignore);
    process.stdout.write(bytes, (error) => (error === null || error === undefined ? done() : fail(error)));
  });
}

let told: Promise<void> = Promise.resolve();
let inLine = false;
/** How many lines the block has that is shown. */
let shown = 0;

/** Writes for people, to stderr, in place of the block that is shown. Work goes on when its reader is gone. */
export function tell(text: string | Uint8Array): void {
  clearBlock();
  writeToStderr(text);
  const last = text.at(-1);
  inLine = last !== undefined ? last !== '\n' && last !== 10 : inLine;
}

/**
 * Shows lines on the terminal until others are shown in their place, or anything else is written: a question and a notice know
 * nothing of progress, and neither may erase a part of the other. A line that is wider than the window would count as two.
 */
export function showBlock(lines: readonly string[]): void {
  writeToStderr(`${eraser()}${inLine ? '\n' : ''}${lines.join('\n')}\n`);
  inLine = false;
  shown = lines.length;
  // While the program was stopped the shell has written below the block.
  if (process.listenerCount('SIGCONT', forgetBlock) === 0) process.on('SIGCONT', forgetBlock);
}

export function clearBlock(): void {
  if (shown > 0) writeToStderr(eraser());
}

/** A signal has come: the terminal has put its key, "^C", where the cursor was, and what follows is to begin a line. */
export function leaveLine(): void {
  if (!process.stderr.isTTY) return;
  if (shown > 0) clearBlock();
  else tell('\n');
}

/** What takes the block away. From the first column: "^C" may be in front of the cursor. */
function eraser(): string {
  const lines = shown;
  shown = 0;
  return lines === 0 ? '' : `\r\u001b[${lines}A\u001b[J`;
}

function forgetBlock(): void {
  shown = 0;
}

function writeToStderr(text: string | Uint8Array): void {
  if (process.stderr.listenerCount('error') === 0) process.stderr.on('error', ignore);
  told = new Promise((done) => process.stderr.write(text, () => done()));
}

/** As `tell`, for what may be much: a promise when the reader has fallen behind, until they have taken all of it or have gone away. */
export function relay(bytes: Uint8Array): Promise<void> | undefined {
  tell(bytes);
  return process.stderr.writableNeedDrain ? flushed() : undefined;
}

/** As `tell`, on a line of its own: what a method prints may end anywhere. */
export function tellLine(text: string): void {
  tell(inLine ? `\n${text}` : text);
}

/** The person at the terminal has begun a new line. */
export function atLineStart(): void {
  inLine = false;
}

/** Resolves when the reader of stderr has taken everything, or has gone away: a pipe takes only so much at once. */
export function flushed(): Promise<void> {
  return told;
}

/** A stream's error without a listener would end the process; what fails on stdout is thrown by `print`. */
function ignore(): void {}
