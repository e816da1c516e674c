/**
 * Reads the definitions that swamp writes, and most that people write, without loading a YAML reader, which takes longer than the
 * rest of a read. It answers only for a text of which YAML can say nothing else; for every other one, a wrong one too, it does not
 * know, and the YAML reader is asked.
 *
 * It knows ASCII lines `key: value` and `key:`, indented by two spaces a level; a value is plain, and begins with a letter, `_`, `/`, `./`
 * or a digit, or it is in single quotes.
 */

/** A mapping. A plain number or boolean is the text that was written. */
export type PlainYaml = ReadonlyMap<string, string | PlainYaml>;

const LINE = /^( *)([A-Za-z][A-Za-z0-9_]*):(?: (?:((?:[A-Za-z0-9_/]|\.\/)(?:[A-Za-z0-9_./=,;+-]| (?=[A-Za-z0-9_./=,;+-]))*)|'((?:[ -&(-~]|'')*)'))?$/;
/** The one plain text of these that YAML does not take for a text, a number or a boolean. */
const NULL = /^null$/i;
/** More is not worth a second look at it. Characters. */
const LONGEST = 16_384;

/** Undefined: not known. */
export function readPlainYaml(text: string): PlainYaml | undefined {
  if (text.length > LONGEST || !text.endsWith('\n')) return undefined;
  const root = new Map<string, string | PlainYaml>();
  /** The mappings that the next line may belong to, the innermost last. */
  const open: Map<string, string | PlainYaml>[] = [root];
  let opened = false;
  for (const line of text.slice(0, -1).split('\n')) {
    const match = LINE.exec(line);
    if (match === null) return undefined;
    const [, indent = '', key = '', plain, quoted] = match;
    const level = indent.length / 2;
    // A mapping that was just begun has a line in it; else it is empty, which is null.
    if (opened ? level !== open.length - 1 : !Number.isInteger(level) || level >= open.length) return undefined;
    open.length = level + 1;
    const mapping = open[level];
    if (mapping === undefined || mapping.has(key) || NULL.test(key) || (plain !== undefined && NULL.test(plain))) return undefined;
    const value = plain ?? quoted?.replaceAll("''", "'");
    opened = value === undefined;
    if (value === undefined) {
      const inner = new Map<string, string | PlainYaml>();
      mapping.set(key, inner);
      open.push(inner);
    } else mapping.set(key, value);
  }
  return opened ? undefined : root;
}
