/** A command that fails, held against everything that is promised of failures. */
import assert from 'node:assert/strict';
import { CODES, type ErrorCode } from '../../src/errors.js';
import type { ToldError } from './errors.js';
import type { TestRepo } from './repo.js';
import { type Result, type RunOptions, run } from './swamp.js';

/** Runs it with --json: it must end with the exit code of `code`, print nothing, and tell one error, as the last line of stderr. */
export async function refused(repo: TestRepo, args: readonly string[], code: ErrorCode, options: Omit<RunOptions, 'expect'> = {}): Promise<ToldError> {
  const result = await run(repo, args.includes('--json') ? args : [...args, '--json'], { ...options, expect: CODES[code].exit });
  assert.equal(result.stdout, '', 'a command that fails prints nothing on stdout');
  return toldError(result, code);
}

/** The error that a result tells in its last line of stderr. */
export function toldError({ stderr }: Pick<Result, 'stderr'>, code?: ErrorCode): ToldError {
  assert.match(stderr, /\n$/, 'stderr ends with a whole line');
  assert.doesNotMatch(stderr, /^\s+at .*:\d+/m, 'no stack trace');
  const line = stderr.trimEnd().split('\n').at(-1) ?? '';
  const document = JSON.parse(line) as { readonly error: ToldError };
  assert.deepEqual(Object.keys(document), ['error']);
  const { error } = document;
  assert.deepEqual(Object.keys(error), ['code', 'message', 'hint', 'data']);
  assert.equal(typeof error.message, 'string');
  assert.notEqual(error.message, '');
  assert.ok(error.hint === null || (typeof error.hint === 'string' && error.hint !== ''), `hint ${error.hint}`);
  assert.equal(typeof error.data, 'object');
  assert.notEqual(error.code, 'internal', line);
  if (code !== undefined) assert.equal(error.code, code, line);
  return error;
}
