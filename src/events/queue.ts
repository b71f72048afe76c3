import type { TrainEvent } from './types.js';

/**
 * First in, first out, for one reader. Lifecycle events always fit; once more than `capacity` step events wait, every second
 * one of them is taken out, oldest first, so that a curve drawn from what remains keeps its shape and its newest point.
 */
export class EventQueue {
  #events: TrainEvent[] = [];
  #head = 0;
  #steps = 0;
  /** Step events taken out so far. */
  thinned = 0;

  constructor(readonly capacity: number) {}

  get length(): number {
    return this.#events.length - this.#head;
  }

  push(event: TrainEvent): void {
    this.#events.push(event);
    if (event.type === 'step' && ++this.#steps > this.capacity) this.#thin();
  }

  shift(): TrainEvent | undefined {
    const event = this.#events[this.#head];
    if (event === undefined) return undefined;
    this.#head++;
    if (event.type === 'step') this.#steps--;
    // Cut the read part off only when it is the larger half: each event is then moved at most once on average.
    if (this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    return event;
  }

  clear(): void {
    this.#events = [];
    this.#head = 0;
    this.#steps = 0;
  }

  #thin(): void {
    const kept: TrainEvent[] = [];
    // Even numbers from the newest backwards stay, so the newest step always does.
    let place = this.#steps;
    for (let i = this.#head; i < this.#events.length; i++) {
      const event = this.#events[i]!;
      if (event.type === 'step' && --place % 2 === 1) {
        this.thinned++;
        this.#steps--;
      } else kept.push(event);
    }
    this.#events = kept;
    this.#head = 0;
  }
}
