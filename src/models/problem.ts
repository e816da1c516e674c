/** What is wrong with a definition, as people and scripts are told it. */
export interface Problem {
  readonly path: string;
  readonly line?: number;
  readonly message: string;
  readonly hint?: string;
}
