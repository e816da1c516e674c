/** What the commands that write versions have in common: their flags, where their bytes come from, and what they say of the version. */
import { constants, fstatSync, type Stats, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { asSwampError, isSystemError, SwampError } from '../errors.js';
import { descriptorNamed, readDescriptor } from '../fs/descriptors.js';
import { readText } from '../fs/tree.js';
import type { DataPutResult, VersionInput } from '../operations/data-put.js';
import type { Reporter } from '../repo.js';
import type { SourceDemands, SourceInput } from '../store/source.js';
import { type Args, given, pairs, wholeNumber } from './args.js';
import { tell } from './output.js';
import { printable, quoted, size } from './render/text.js';

const STDIN = 0;

/** What the version is to be. Throws `usage`. */
export function versionOf(args: Args): VersionInput {
  return {
    model: args.need('model'),
    name: args.need('name'),
    ifChanged: args.has('if-changed'),
    create: args.has('create'),
    ...given({
      contentType: args.text('content-type'),
      tags: pairs(args, 'tag'),
      lifetime: args.text('lifetime'),
      gc: args.text('gc'),
      expectVersion: wholeNumber(args, 'expect-version', 0),
    }),
  };
}

/** FILE, or stdin; on a terminal the person is shown how to end it. Throws `usage`, `io`. */
export function sourceOf(args: Args): SourceInput {
  const file = fileNamed(args);
  return file === undefined ? typedInput(args) : { file };
}

/** Stdin; on a terminal the person is shown how to end it. Throws `usage`, `io`. */
export function typedInput(args: Args): AsyncIterable<Uint8Array> {
  if (isatty(STDIN) && !args.has('quiet')) tell('Reading from the terminal; end with Ctrl-D.\n');
  return standardInput();
}

/** What the source must be for its bytes to be stored. */
export function demandsOf(args: Args): SourceDemands {
  return { ifStable: args.has('if-stable'), noEmpty: args.has('no-empty') };
}

/** Undefined: stdin. */
function fileNamed(args: Args): string | undefined {
  const file = args.text('file');
  return file === '-' || (file !== undefined && descriptorNamed(file) === STDIN) ? undefined : file;
}

/** A pipe whose first command failed gives nothing, and no other program sees that. */
export function noteEmpty(args: Args, reporter: Reporter, stored: { readonly size: number }): void {
  if (stored.size > 0 || fileNamed(args) !== undefined) return;
  reporter.info(`${args.has('command') ? 'The command printed nothing' : 'Standard input was empty'}: 0 bytes were stored. --no-empty refuses that.`, {
    topic: 'data',
  });
}

/**
 * What is on stdin. Node's own stream is used where reading may wait for ever, and a signal must end the wait: a terminal, a
 * pipe, a stream socket. For anything it does not know, a block device or a directory, that stream is an empty one, and nothing
 * would be stored with success. Throws `usage` when stdin is closed, `io` when it cannot be read.
 */
export function standardInput(): AsyncIterable<Uint8Array> {
  const stats = fstatSync(STDIN);
  if (stats.isDirectory()) throw unreadable('it is a directory', 'EISDIR');
  if (isatty(STDIN) || stats.isFIFO()) return process.stdin;
  if (stats.isSocket()) {
    if (process.stdin instanceof Socket) return process.stdin;
    throw unreadable('it is a socket without a connection', 'ENOTCONN');
  }
  if (isClosed(stats))
    throw new SwampError('usage', 'Standard input is closed.', { hint: 'Name a file, or pipe the content in; for empty content: < /dev/null' });
  if (!stats.isFile() && !stats.isBlockDevice() && !stats.isCharacterDevice()) throw unreadable('it is not a file, pipe or device', 'EINVAL');
  return named(readDescriptor(STDIN));
}

/** Node opens /dev/null in place of a closed stdin, for reading and writing; "< /dev/null" opens it for reading. */
function isClosed(stats: Stats): boolean {
  if (!stats.isCharacterDevice() || stats.rdev !== statSync('/dev/null').rdev) return false;
  const [, flags = '0'] = /^flags:\s*([0-7]+)$/m.exec(readText(`/proc/self/fdinfo/${STDIN}`) ?? '') ?? [];
  return (Number.parseInt(flags, 8) & constants.O_RDWR) !== 0;
}

async function* named(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw isSystemError(error) ? unreadable(error.code ?? 'unknown', error.code ?? 'unknown', error) : error;
  }
}

function unreadable(why: string, errno: string, cause?: unknown): SwampError {
  return new SwampError('io', `Standard input cannot be read: ${why}.`, { hint: 'Name a file, or pipe the content in.', data: { errno }, cause });
}

/** Carries out a command that reads FILE. Where no file has that name, a text may have been meant: the error says how to store it. */
export async function withFile<T>(args: Args, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const file = args.text('file');
    const { code, data } = asSwampError(error);
    if (file === undefined || code !== 'io' || data['errno'] !== 'ENOENT' || data['path'] !== file) throw error;
    const words = ['model', 'name', 'upload', 'number'].flatMap((name) => args.text(name) ?? []);
    const verb = args.text('upload') === undefined ? 'data put' : 'data upload part';
    throw new SwampError('io', `There is no file ${JSON.stringify(file)}.`, {
      hint: `To store this text: printf %s ${quoted(file)} | swamp ${verb} ${words.map(quoted).join(' ')}`,
      data,
      cause: error,
    });
  }
}

/** How many bytes will come, where that is known: of a file. */
export function sizeAhead(args: Args): { readonly bytes: number } | undefined {
  const file = fileNamed(args);
  const stats = file === undefined ? fstatSync(STDIN) : statSync(file, { throwIfNoEntry: false });
  return stats?.isFile() === true ? { bytes: stats.size } : undefined;
}

/** The line for people. */
export function versionText(result: DataPutResult): string {
  const what = `${printable(result.modelName)} ${printable(result.name)} version ${result.version}`;
  return result.changed ? `${what}, ${size(result.size)}\n` : `${what}, unchanged\n`;
}
