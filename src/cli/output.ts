/** Writes to stdout, all of it or an error: Node's own stream takes a short write to a full disk for success. */
import { fstatSync, writeSync } from 'node:fs';

const STDOUT = 1;
let toFile: boolean | undefined;

/** Resolves when everything is written. Throws the system's error, `EPIPE` when nobody reads any more. */
export async function print(data: string | Uint8Array): Promise<void> {
  toFile ??= fstatSync(STDOUT).isFile();
  if (toFile) printToFile(Buffer.from(data));
  else await printToStream(data);
}

function printToFile(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(STDOUT, bytes, at);
}

function printToStream(data: string | Uint8Array): Promise<void> {
  return new Promise((done, fail) => {
    process.stdout.write(data, (error) => (error === null || error === undefined ? done() : fail(error)));
  });
}

/** Writes for people, to stderr. */
export function tell(text: string | Uint8Array): void {
  process.stderr.write(text);
}

/** Without a listener an error of these streams would end the process: what fails on stdout is thrown by `print`, and work goes on without its log. */
export function guardStreams(): void {
  const ignore = (): void => undefined;
  process.stderr.on('error', ignore);
  process.stdout.on('error', ignore);
}
