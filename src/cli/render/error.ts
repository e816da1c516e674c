/** An error as the last line of stderr: one JSON line, or a message and a hint for people. */
import type { SwampError } from '../../errors.js';
import { bold, printable } from './text.js';

/** `{"error":{"code","message","hint","data"}}`, one line. */
export function errorLine(error: SwampError): string {
  return `${JSON.stringify({ error: errorFields(error) })}\n`;
}

/** An error as part of a document. */
export function errorFields({ code, message, hint, data }: SwampError): object {
  return { code, message, hint: hint ?? null, data };
}

/** `swamp: message`, then the hint. */
export function errorText(error: SwampError, colour: boolean): string {
  const hint = error.hint === undefined ? '' : `hint: ${printable(error.hint)}\n`;
  return `${bold('swamp:', colour)} ${printable(error.message)}\n${hint}`;
}

/** The stack of an error and of what caused it. */
export function stackText(error: Error): string {
  const { cause } = error;
  return `${error.stack ?? error.message}\n${cause instanceof Error ? `caused by: ${stackText(cause)}` : ''}`;
}
