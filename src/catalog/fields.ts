/** The fields of a version that a query may name: the one list for predicates, for the order, and for the columns of the view `data`. */

export interface QueryField {
  readonly name: string;
  /** Its type in a predicate. */
  readonly cel: 'string' | 'int' | 'bool' | 'map<string, string>' | 'dyn';
  /** What it is in the tables of the catalog; undefined for what is read from the content. */
  readonly column?: string;
}

/** `v` is a version, `m` its model. */
export const QUERY_FIELDS: readonly QueryField[] = Object.freeze([
  { name: 'id', cel: 'string', column: 'v.id' },
  { name: 'name', cel: 'string', column: 'v.name' },
  { name: 'modelId', cel: 'string', column: 'm.id' },
  { name: 'modelName', cel: 'string', column: 'm.name' },
  { name: 'modelType', cel: 'string', column: 'm.type' },
  { name: 'version', cel: 'int', column: 'v.version' },
  { name: 'generation', cel: 'int', column: 'v.generation' },
  { name: 'isLatest', cel: 'bool', column: 'v.latest' },
  { name: 'contentType', cel: 'string', column: 'v.content_type' },
  // `type` is a function of the language.
  { name: 'dataType', cel: 'string', column: 'v.type' },
  { name: 'lifetime', cel: 'string', column: 'v.lifetime' },
  { name: 'garbageCollection', cel: 'string', column: 'v.gc' },
  { name: 'tags', cel: 'map<string, string>', column: 'v.tags' },
  { name: 'ownerType', cel: 'string', column: 'v.owner_type' },
  { name: 'ownerRef', cel: 'string', column: 'v.owner_ref' },
  { name: 'createdAt', cel: 'string', column: 'v.created_at' },
  { name: 'size', cel: 'int', column: 'v.size' },
  { name: 'checksum', cel: 'string', column: 'v.checksum' },
  { name: 'attributes', cel: 'dyn' },
  { name: 'content', cel: 'string' },
]);

/** Those that the catalog holds. */
export const COLUMNS: readonly (QueryField & { readonly column: string })[] = QUERY_FIELDS.flatMap((field) =>
  field.column === undefined ? [] : [{ ...field, column: field.column }],
);

export function columnOf(name: string): string | undefined {
  return COLUMNS.find((field) => field.name === name)?.column;
}
