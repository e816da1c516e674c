/** `data query`: the versions that a predicate takes, from the catalog, which is brought up to date first; no lock. */

import { compile, type Expression, toJson } from '../catalog/cel.js';
import { withCatalog } from '../catalog/open.js';
import type { QueryRecord } from '../catalog/record.js';
import { concernsAllVersions, placeAfter, select, valuesOf } from '../catalog/select.js';
import { yielding } from '../event-loop.js';
import { modelsOrWarn } from '../models/files.js';
import type { Repo } from '../repo.js';
import type { FailedItem } from './latest-records.js';
import { operation } from './operation.js';
import { failedOf } from './unread.js';

export interface DataQueryInput {
  /** In CEL, over the fields of a version: `size > 1000 && tags.env == "prod"`. Latest versions only, unless it mentions `version` or `isLatest`. */
  readonly predicate: string;
  /** In CEL: what each result is to be, in place of the record. */
  readonly select?: string;
  /** A field; without it by model, name and version. */
  readonly orderBy?: string;
  readonly desc?: boolean;
  readonly limit?: number;
  /** The `next` of an earlier answer to the same query: goes on behind it. */
  readonly after?: string;
}

/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export interface DataQueryResult {
  readonly predicate: string;
  readonly select?: string;
  /** Records, or what `select` makes of each: null where it has no answer. */
  readonly results: readonly (QueryRecord | JsonValue)[];
  readonly total: number;
  /** True: `limit` left some out. */
  readonly limited: boolean;
  /** Where it is limited: what `after` must be for the rest. */
  readonly next?: string;
  /** Versions that cannot be read, each with its error. */
  readonly failed: readonly FailedItem[];
}

/** Throws `usage` for an expression that cannot be understood, and `corrupt` for a model whose artifacts cannot be listed. */
export const dataQuery = operation({ verb: 'data query', access: 'reads' }, query);

async function query(
  repo: Repo,
  input: DataQueryInput,
  { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
): Promise<DataQueryResult> {
  const { orderBy, desc = false, limit = Number.POSITIVE_INFINITY, after } = input;
  const predicate = await compile(input.predicate, 'predicate', 'bool');
  const shape = input.select === undefined ? undefined : await compile(input.select, 'selection');
  const models = await modelsOrWarn(repo);
  return withCatalog(repo, { models, signal }, async ({ database, unread }) => {
    const found = await select({ repo, database, pass: yielding(signal) }, { predicate, orderBy, desc, limit, after });
    const records = found.slice(0, limit);
    const last = found.length > limit ? records.at(-1) : undefined;
    return {
      predicate: input.predicate,
      ...(input.select !== undefined && { select: input.select }),
      results: shape === undefined ? records : records.map((record) => shaped(repo, record, shape)),
      total: records.length,
      limited: last !== undefined,
      ...(last !== undefined && { next: placeAfter(last, orderBy) }),
      failed: failedOf(unread, concernsAllVersions(predicate)),
    };
  });
}

function shaped(repo: Repo, record: QueryRecord, shape: Expression): JsonValue {
  return toJson(shape.evaluate(valuesOf(repo, { ...record }, shape.fields))) as JsonValue;
}
