import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type JsonLine, jsonLinesOf, MAX_JSON_LINE_BYTES, objectIn, sourceOfField } from './ndjson.js';

async function all(chunks: Iterable<string | Uint8Array>): Promise<string[]> {
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  }
  const lines: JsonLine[] = [];
  for await (const line of jsonLinesOf(source())) lines.push(line);
  return lines.map(({ number, bytes }) => `${number} ${bytes ?? 'too long'}`);
}

describe('jsonLinesOf', () => {
  it('finds lines wherever the pieces end, and counts the blank ones that it leaves out', async () => {
    assert.deepEqual(await all(['a\nb', 'c\n', '\n \r\n', 'd\r\ne']), ['1 a', '2 bc', '5 d\r', '6 e']);
    assert.deepEqual(await all([]), []);
  });

  it('holds no line that is too long in memory, and goes on behind it', async () => {
    const piece = Buffer.alloc(1024 * 1024, 'x');
    function* pieces(): Generator<string | Uint8Array> {
      for (let i = 0; i < 300; i++) yield piece;
      yield '\nnext\n';
    }
    const before = process.memoryUsage().arrayBuffers;
    assert.deepEqual(await all(pieces()), ['1 too long', '2 next']);
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 * MAX_JSON_LINE_BYTES);
  });
});

describe('objectIn', () => {
  it('refuses what is not one JSON object', () => {
    for (const text of ['', 'x', '[]', '1', 'null', '{"a":1}{}']) assert.throws(() => objectIn({ number: 1, bytes: Buffer.from(text) }), { code: 'usage' });
    assert.throws(() => objectIn({ number: 1, bytes: Buffer.from([0x22, 0xff, 0x22]) }), /UTF-8/);
    assert.throws(() => objectIn({ number: 1, bytes: undefined }), /longer than/);
  });
});

describe('sourceOfField', () => {
  it('answers the text of a value as it was written', () => {
    for (const value of ['1e400', '"a\\"}b"', '{ "json": [1, {"x": "]"}] }', '[ ]', 'null', '-0.10']) {
      for (const text of [`{"json":${value}}`, `{"a":"json", "json" : ${value} ,"b":{"json":2}}`, `{"\\u006ason":${value}}`])
        assert.equal(sourceOfField(text, 'json'), value, text);
    }
    assert.equal(sourceOfField('{"a":{"json":1},"b":"json"}', 'json'), undefined);
    assert.equal(sourceOfField('{"json":1,"json":2}', 'json'), '2');
  });
});
