/** What a query shows: a type of its own file, because the library gives it away and the rest of the catalog stays inside. */

/** A version as a query shows it. */
export interface QueryRecord {
  readonly id: string;
  readonly name: string;
  readonly modelId: string;
  readonly modelName: string;
  readonly modelType: string;
  readonly version: number;
  readonly generation: number;
  readonly isLatest: boolean;
  readonly contentType: string;
  /** Its tag `type`; without one `data`. */
  readonly dataType: string;
  readonly lifetime: string;
  readonly garbageCollection: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly ownerType: string;
  readonly ownerRef: string;
  readonly createdAt: string;
  readonly size: number;
  readonly checksum: string;
}
