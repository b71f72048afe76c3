import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { AppendFile } from './append-file.js';
import { writable } from './output.js';
import type { EventListener, TrainEvent } from './types.js';

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
  let file: AppendFile<TrainEvent> | undefined;
  // With the first event, not before: a run that is refused (its folder holds another) must leave no trace there.
  const open = () => {
    mkdirSync(run, { recursive: true });
    const place = path.join(run, eventsFile);
    cutHalfLine(place);
    return new AppendFile<TrainEvent>(place, options.milliseconds ?? 200, lines);
  };
  return {
    name: 'jsonl',
    on(event) {
      file ??= open();
      return file.append(event, event.type !== 'step');
    },
    close: () => file?.close(),
  };
}

function lines(events: TrainEvent[]): Buffer {
  return Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
}

/** One line of JSON an event on a stream, for `--json`. */
export function jsonStream(stream: Writable): EventListener {
  const out = writable(stream);
  return { name: 'json', on: (event: TrainEvent) => out.write(`${JSON.stringify(event)}\n`) };
}

/** Cuts a file off after its last newline. */
function cutHalfLine(place: string): void {
  const file = openSync(place, 'a+');
  try {
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
  } finally {
    closeSync(file);
  }
}
