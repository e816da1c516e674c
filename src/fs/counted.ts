/** Counts bytes as they pass, for those who show how far work has come. */

/** The bytes as they pass, counted for `onBytes`. */
export async function* counted<T extends Uint8Array | string>(content: AsyncIterable<T> | Iterable<T>, onBytes: (bytes: number) => void): AsyncGenerator<T> {
  let bytes = 0;
  for await (const chunk of content) {
    yield chunk;
    bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length;
    onBytes(bytes);
  }
}
