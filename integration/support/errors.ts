/** What a command that failed with --json says: the last line of stderr. */
import assert from 'node:assert/strict';
import type { Result } from './swamp.js';

export interface ToldError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export function errorOf({ stderr }: Pick<Result, 'stderr'>): ToldError {
  const line = stderr.trimEnd().split('\n').at(-1) ?? '';
  assert.match(line, /^\{"error":/, stderr);
  return (JSON.parse(line) as { error: ToldError }).error;
}
