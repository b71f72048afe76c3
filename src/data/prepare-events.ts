/** What a preparation says while it runs. Times are milliseconds since the epoch. */
import { GadoliniumError } from '../errors.js';
import type { Manifest, ShardSummary } from './manifest.js';

interface EventBase {
  time: number;
  rank: 0;
}

export interface PrepareStarted extends EventBase {
  type: 'prepare-started';
  dataset: string;
  from: string;
  to: string;
  /** Source rows. */
  rows: number;
  /** Source rows that finished shards already cover. */
  resumed: number;
  workers: number;
}

export interface PrepareProgress extends EventBase {
  type: 'prepare-progress';
  /** Source rows worked on, out of `total`. */
  rows: number;
  total: number;
  rejected: number;
  bytes: number;
  rowsPerSecond: number;
  /** null until there is a rate. */
  secondsLeft: number | null;
}

export interface ShardFinished extends EventBase {
  type: 'shard';
  shard: ShardSummary;
}

/** One line of rejects.jsonl. */
export interface RejectLine {
  /** row: the whole row is left out; image, text: the row is kept without it. */
  dropped: 'row' | 'image' | 'text';
  code: string;
  reason: string;
  file: string;
  row: number | null;
  field: string;
  sample: string | null;
  /** Place in the source's order, from 0. */
  ordinal: number;
}

export interface Rejected extends EventBase {
  type: 'reject';
  reject: RejectLine;
}

export interface PrepareWarning extends EventBase {
  type: 'warning';
  code: string;
  message: string;
}

export interface PrepareFinished extends EventBase {
  type: 'prepare-finished';
  manifest: Manifest;
  /** The folder was complete before: nothing was done. */
  already: boolean;
  seconds: number;
}

export type PrepareEvent =
  | PrepareStarted
  | PrepareProgress
  | ShardFinished
  | Rejected
  | PrepareWarning
  | PrepareFinished;
type WithoutBase<E> = E extends PrepareEvent ? Omit<E, 'time' | 'rank'> : never;
export type PrepareNews = WithoutBase<PrepareEvent>;

/** A running preparation: iterate it for its events; `done` settles when it ends, also when nobody iterates. */
export class PrepareRun implements AsyncIterable<PrepareEvent> {
  readonly done: Promise<Manifest>;
  private readonly queue: PrepareEvent[] = [];
  private wake: (() => void) | undefined;
  private ended = false;
  private stopping = false;

  constructor(work: (run: { emit: (news: PrepareNews) => void; stopped: () => void }) => Promise<Manifest>) {
    const emit = (news: PrepareNews) => {
      const event = { ...news, time: Date.now(), rank: 0 } as PrepareEvent;
      // Progress replaces progress that nobody has read.
      const last = this.queue.at(-1);
      if (event.type === 'prepare-progress' && last?.type === 'prepare-progress') this.queue.pop();
      this.queue.push(event);
      this.wake?.();
    };
    const stopped = () => {
      if (this.stopping)
        throw new GadoliniumError('stopped', 'the preparation was stopped before its end', {
          advice: 'go on with --resume',
        });
    };
    this.done = work({ emit, stopped }).finally(() => {
      this.ended = true;
      this.wake?.();
    });
    // A caller who only iterates hears of the failure there.
    this.done.catch(() => {});
  }

  /** Ends soon, with finished shards kept; `done` is rejected with code `stopped`, and --resume goes on. */
  stop(): void {
    this.stopping = true;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<PrepareEvent> {
    for (;;) {
      const event = this.queue.shift();
      if (event !== undefined) yield event;
      else if (this.ended) break;
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        this.wake = undefined;
      }
    }
    await this.done;
  }
}
