import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, write } from 'node:fs';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { writable } from './output.js';
import type { EventListener, TrainEvent } from './types.js';

const writeAt = promisify(write);

/** Characters that may wait for a slow disk before the bus is asked to wait. */
const most = 8_000_000;

/** Name of the file inside a run folder. */
export const eventsFile = 'events.jsonl';

export interface JsonLinesOptions {
  /** Longest time a step event may wait in memory; lifecycle events are written at once. */
  milliseconds?: number;
}

/**
 * Appends every event as one line of JSON to `<run>/events.jsonl`. Numbers that are not finite become `null`.
 *
 * A kill can leave half a line at the end; opening the file again cuts that off. Lines of steps that a resumed run repeats
 * stay: a `run-started` line with `from` = n says that everything after step n before that line no longer counts.
 */
export function jsonLines(run: string, options: JsonLinesOptions = {}): EventListener {
  const { milliseconds = 200 } = options;
  mkdirSync(run, { recursive: true });
  const file = openSync(path.join(run, eventsFile), 'a+');
  let length = cutHalfLine(file);
  let buffer = '';
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let failure: unknown;

  async function writeOut(): Promise<void> {
    try {
      while (buffer !== '') {
        const bytes = Buffer.from(buffer);
        const taken = buffer.length;
        for (let done = 0; done < bytes.length; ) {
          done += (await writeAt(file, bytes, done, bytes.length - done, null)).bytesWritten;
        }
        length += bytes.length;
        buffer = buffer.slice(taken);
      }
    } catch (error) {
      // A full disk may have taken part of a line: take it back, keep the text, try again with the next event.
      ftruncateSync(file, length);
      throw error;
    } finally {
      // In the same turn as the last look at the buffer, so that no event falls between the two.
      writing = undefined;
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (writing === undefined && buffer === '') return Promise.resolve();
    writing ??= writeOut();
    return writing;
  }

  /** Thrown by the next `on`, so that the bus reports it. */
  function keepFailure(error: unknown): void {
    failure = error;
  }

  return {
    name: 'jsonl',
    on(event) {
      buffer += `${JSON.stringify(event)}\n`;
      if (failure !== undefined) {
        const error = failure;
        failure = undefined;
        throw error;
      }
      if (event.type !== 'step' || buffer.length > 65_536) {
        const flushed = flush().catch(keepFailure);
        // Waiting would make the bus thin the steps of a burst, so it is asked for only where the disk stands still.
        if (buffer.length > most) return flushed;
      } else timer ??= setTimeout(() => flush().catch(keepFailure), milliseconds).unref();
    },
    async close() {
      try {
        await flush();
      } finally {
        closeSync(file);
      }
    },
  };
}

/** One line of JSON an event on a stream, for `--json`. */
export function jsonStream(stream: Writable): EventListener {
  const out = writable(stream);
  return {
    name: 'json',
    on: (event: TrainEvent) => out.write(`${JSON.stringify(event)}\n`),
    close: () => out.close(),
  };
}

/** Cuts the file off after its last newline and returns its length. */
function cutHalfLine(file: number): number {
  const size = fstatSync(file).size;
  const chunk = Buffer.alloc(65_536);
  let end = size;
  while (end > 0) {
    const start = Math.max(0, end - chunk.length);
    const read = readSync(file, chunk, 0, end - start, start);
    const newline = chunk.subarray(0, read).lastIndexOf(10);
    if (newline >= 0) {
      end = start + newline + 1;
      break;
    }
    end = start;
  }
  if (end < size) ftruncateSync(file, end);
  return end;
}
