/** What is wrong with a definition, as people and scripts see it. */
export interface Problem {
  readonly path: string;
  readonly line?: number;
  readonly message: string;
  readonly hint?: string;
}
