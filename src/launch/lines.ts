import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Writes a line to standard error. On a terminal it takes the place of a progress line, which is drawn again below it. */
export function writeLine(text: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}${text}\n`);
}

/** Passes a stream on to standard error by whole lines, each with a prefix. */
export function prefixLines(stream: Readable, prefix: string): void {
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on('line', (line) => writeLine(prefix + line));
  // A pipe that broke has no more lines.
  stream.on('error', () => lines.close());
}
