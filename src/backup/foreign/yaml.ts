/** The YAML of a foreign repository: within the limits of a definition, each document a mapping. */
import { problemText } from '../../models/files.js';
import { readFields, readYaml, textField, type YamlField, type YamlSource } from '../../models/yaml.js';

export interface ForeignMapping {
  readonly source: YamlSource;
  readonly fields: ReadonlyMap<string, YamlField>;
}

/** The fields of a whole document; a text: what is wrong with it. */
export function fieldsOf(text: string, path: string): ForeignMapping | string {
  const { source, root } = readYaml(text, path);
  const fields = readFields(source, root);
  return fields === undefined || source.found.length > 0 ? wrongIn(source) : { source, fields };
}

export function wrongIn({ found }: YamlSource): string {
  const [problem] = found;
  return problem === undefined ? 'cannot be read' : `cannot be read: ${problemText(problem)}`;
}

/** A mapping of texts; none where there is no such field. */
export function textsIn({ source }: ForeignMapping, field: YamlField | undefined): Record<string, string> {
  if (field === undefined || field.node === null) return {};
  return Object.fromEntries(
    [...(readFields(source, field) ?? [])].flatMap(([key, value]) => {
      const text = textField(source, value);
      return text === undefined ? [] : [[key, text]];
    }),
  );
}

/** The fields of a mapping in it; none where there is none. */
export function mappingIn({ source, fields }: ForeignMapping, key: string): ForeignMapping['fields'] {
  const field = fields.get(key);
  return field === undefined || field.node === null ? new Map() : (readFields(source, field) ?? new Map());
}
