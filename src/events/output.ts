import type { Writable } from 'node:stream';

/** Bytes that may wait in the stream; its own mark, 16 kB, is less than one burst of events. */
const most = 8_000_000;

export interface Output {
  /** A promise where more than `most` bytes wait. Throws once the reader has gone away (`gadolinium … | head`). */
  write(text: string): void | Promise<void>;
}

/** A stream that others own (standard output): its errors come back from `write` instead of ending the process. */
export function writable(stream: Writable): Output {
  let failure: Error | undefined;
  // Never taken off again: standard output may report a reader that went away while the last text was on its way.
  stream.on('error', (error: Error) => {
    failure = error;
  });
  return {
    write(text) {
      if (failure !== undefined) throw failure;
      if (stream.write(text) || stream.writableLength < most) return;
      return new Promise((resolve, reject) => {
        const settle = () => {
          stream.off('drain', settle).off('error', settle).off('close', settle);
          if (failure === undefined) resolve();
          else reject(failure);
        };
        stream.once('drain', settle).once('error', settle).once('close', settle);
      });
    },
  };
}
