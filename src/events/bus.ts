import { EventQueue } from './queue.js';
import type { EventListener, TrainEvent, Warning } from './types.js';

export interface EventBusOptions {
  /** Rank stamped on the bus's own warnings. */
  rank?: number;
  /** Step events that may wait for one slow reader before they are thinned. */
  capacity?: number;
  /** Failures after which a listener is detached. */
  failures?: number;
  /** Least milliseconds between two warnings that the same reader's events were thinned. */
  thinningWarningInterval?: number;
}

/**
 * Hands every event to every listener, in order. A listener that throws, rejects or hangs is reported as a `warning` event
 * and never stops the others, the run, or the bus. Also an async iterable:
 *
 *     const bus = new EventBus([terminal(), jsonLines(run)]);
 *     for await (const event of bus) if (event.type === 'evaluation') console.log(event.metrics);
 *
 * The first iterator begins with what was said before it was made, as long as that was no more than `capacity` events;
 * later ones begin with the next event.
 */
export class EventBus implements AsyncIterable<TrainEvent> {
  readonly #options: Required<EventBusOptions>;
  readonly #readers = new Set<Reader>();
  /** Said before anybody iterated; let go once it is longer than `capacity`, since then nobody is going to. */
  #backlog: TrainEvent[] | undefined = [];
  /** Events pushed while one is being handed out: a warning about event n reaches everybody after event n. */
  readonly #waiting: TrainEvent[] = [];
  #handing = false;
  #closing: Promise<Warning[]> | undefined;
  #closed = false;
  readonly #unheard: Warning[] = [];

  constructor(listeners: readonly EventListener[] = [], options: EventBusOptions = {}) {
    this.#options = { rank: 0, capacity: 1024, failures: 5, thinningWarningInterval: 60_000, ...options };
    for (const listener of listeners) this.attach(listener);
  }

  /** From the next event on. */
  attach(listener: EventListener): void {
    this.#readers.add(new ListenerReader(listener, this.#options, this.#voice));
  }

  /** Never throws, never waits. After `close()` has settled, events are ignored. */
  push(event: TrainEvent): void {
    if (this.#closed) {
      if (event.type === 'warning') this.#unheard.push(event);
      return;
    }
    this.#waiting.push(event);
    if (this.#handing) return;
    this.#handing = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#backlog !== undefined) {
        this.#backlog.push(next);
        if (this.#backlog.length > this.#options.capacity) this.#backlog = undefined;
      }
      for (const reader of this.#readers) reader.take(next);
    }
    this.#handing = false;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TrainEvent> {
    const iterator = new IteratorReader(this.#options, this.#voice);
    for (const event of this.#backlog ?? []) iterator.take(event);
    this.#backlog = undefined;
    if (this.#closed) iterator.end();
    else this.#readers.add(iterator);
    return iterator;
  }

  /**
   * Lets listeners work off what waits, then closes each; iterators end after their last event. Settles within `limit`
   * milliseconds whatever the listeners do. Returns the warnings that nobody was left to hear.
   */
  close(limit = 5_000): Promise<Warning[]> {
    this.#closing ??= this.#close(limit);
    return this.#closing;
  }

  async #close(limit: number): Promise<Warning[]> {
    const readers = [...this.#readers];
    // Half the time to work off what waits, half to close: one that hangs must not take the others' chance to close.
    await within(limit / 2, readers, (reader) => reader.drained());
    for (const reader of readers) reader.reportRest();
    this.#closed = true;
    this.#backlog = undefined;
    const ended = await within(limit / 2, readers, (reader) => reader.end());
    for (const reader of readers) {
      if (ended.has(reader)) continue;
      this.#voice.warn(
        'listener-unfinished',
        `${reader.name} did not finish within ${limit} ms; what it still held may be lost`,
      );
    }
    this.#readers.clear();
    return this.#unheard;
  }

  readonly #voice: Voice = {
    warn: (code, message, count) => this.push(warning(this.#options.rank, code, message, count)),
    leave: (reader) => this.#readers.delete(reader),
  };
}

interface Voice {
  warn(code: string, message: string, count?: number): void;
  leave(reader: Reader): void;
}

abstract class Reader {
  protected readonly queue: EventQueue;
  #reported = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(
    readonly name: string,
    protected readonly options: Required<EventBusOptions>,
    protected readonly voice: Voice,
  ) {
    this.queue = new EventQueue(options.capacity);
  }

  abstract take(event: TrainEvent): void;
  /** Settles when nothing waits for this reader any more. */
  abstract drained(): Promise<void>;
  abstract end(): Promise<void>;

  protected wait(event: TrainEvent): void {
    this.queue.push(event);
    if (this.queue.thinned > this.#reported && Date.now() - this.#reportedAt >= this.options.thinningWarningInterval) {
      this.reportRest();
    }
  }

  reportRest(): void {
    const count = this.queue.thinned - this.#reported;
    if (count === 0) return;
    this.#reported = this.queue.thinned;
    this.#reportedAt = Date.now();
    this.voice.warn(
      'events-thinned',
      `${this.name} reads too slowly: ${count} step events were left out for it`,
      count,
    );
  }
}

class ListenerReader extends Reader {
  readonly #listener: EventListener;
  #busy = false;
  #failures = 0;
  #detached = false;
  #whenDrained: (() => void)[] = [];

  constructor(listener: EventListener, options: Required<EventBusOptions>, voice: Voice) {
    super(`listener '${listener.name}'`, options, voice);
    this.#listener = listener;
  }

  take(event: TrainEvent): void {
    if (this.#detached) return;
    if (this.#busy || this.queue.length > 0) this.wait(event);
    else this.#hand(event);
  }

  #hand(event: TrainEvent): void {
    try {
      const result: unknown = this.#listener.on(event);
      if (isThenable(result)) {
        this.#busy = true;
        result.then(
          () => this.#next(),
          (error: unknown) => {
            this.#failed(error);
            this.#next();
          },
        );
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  #next(): void {
    this.#busy = false;
    while (!this.#busy) {
      const event = this.queue.shift();
      if (event === undefined) break;
      this.#hand(event);
    }
    if (!this.#busy) for (const tell of this.#whenDrained.splice(0)) tell();
  }

  #failed(error: unknown): void {
    this.#failures++;
    if (this.#failures === 1) {
      this.voice.warn('listener-failed', `${this.name} failed: ${sentence(error)}; the run goes on`, 1);
    }
    if (this.#failures >= this.options.failures && !this.#detached) {
      this.#detached = true;
      this.queue.clear();
      this.voice.leave(this);
      this.voice.warn(
        'listener-detached',
        `${this.name} failed ${this.#failures} times, the last time with: ${sentence(error)}; it is told nothing more`,
        this.#failures,
      );
      void this.#shut();
    }
  }

  drained(): Promise<void> {
    if (!this.#busy && this.queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenDrained.push(resolve));
  }

  async end(): Promise<void> {
    await this.drained();
    if (!this.#detached) await this.#shut();
  }

  async #shut(): Promise<void> {
    try {
      await this.#listener.close?.();
    } catch (error) {
      this.voice.warn('listener-failed', `${this.name} failed to close: ${sentence(error)}`, 1);
    }
  }
}

class IteratorReader extends Reader implements AsyncIterableIterator<TrainEvent> {
  #asked: ((result: IteratorResult<TrainEvent>) => void)[] = [];
  #ended = false;

  constructor(options: Required<EventBusOptions>, voice: Voice) {
    super('a loop over the events', options, voice);
  }

  take(event: TrainEvent): void {
    const ask = this.#asked.shift();
    if (ask !== undefined) ask({ done: false, value: event });
    else this.wait(event);
  }

  next(): Promise<IteratorResult<TrainEvent>> {
    const event = this.queue.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#asked.push(resolve));
  }

  /** Leaving the loop early: nothing is kept for it any longer. */
  return(): Promise<IteratorResult<TrainEvent>> {
    this.voice.leave(this);
    this.queue.clear();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** A loop goes at its own pace and may read on after the bus has closed: nobody waits for it. */
  drained(): Promise<void> {
    return Promise.resolve();
  }

  end(): Promise<void> {
    this.#ended = true;
    for (const ask of this.#asked.splice(0)) ask({ done: true, value: undefined });
    return Promise.resolve();
  }
}

/** Those for which `work` settled in time. */
async function within(
  milliseconds: number,
  readers: Reader[],
  work: (reader: Reader) => Promise<void>,
): Promise<Set<Reader>> {
  const done = new Set<Reader>();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([Promise.all(readers.map((reader) => work(reader).then(() => done.add(reader)))), late]);
  clearTimeout(timer);
  return done;
}

function warning(rank: number, code: string, message: string, count?: number): Warning {
  const base: Warning = { type: 'warning', time: Date.now(), rank, code, message };
  return count === undefined ? base : { ...base, count };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
