/** `--exclude`: which artifacts a backup leaves out, by patterns. */

/**
 * True for what a pattern names: `MODEL` all of a model, `MODEL/NAME` artifacts. `*` matches any text without a slash, `**`
 * for any text. Without `name` it is asked about the model as a whole.
 */
export type Excludes = (model: string, name?: string) => boolean;

export function excludes(patterns: readonly string[]): Excludes {
  const of = (wanted: readonly string[]): RegExp[] => wanted.map(expressionOf);
  const models = of(patterns.filter((pattern) => !pattern.includes('/')));
  const artifacts = of(patterns.filter((pattern) => pattern.includes('/')));
  return (model, name) => models.some((one) => one.test(model)) || (name !== undefined && artifacts.some((one) => one.test(`${model}/${name}`)));
}

function expressionOf(pattern: string): RegExp {
  const source = pattern.replaceAll(/\*+|[^*\w]/g, (part) =>
    part === '*' ? '[^/]*' : part.startsWith('*') ? '.*' : `\\u{${part.codePointAt(0)?.toString(16)}}`,
  );
  return new RegExp(`^${source}$`, 'su');
}
