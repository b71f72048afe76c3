import type { Plan } from '../data/plan.js';
import type { EngineData } from '../model/engine-embedder.js';
import type { Engine } from '../native/engine.js';

/**
 * Keeps the engine's loader ahead of training: rows of whole steps, far enough that a JavaScript thread that is busy for minutes
 * does not stall a step. Rows are four bytes each; the engine says when it wants more.
 */
export class Feed {
  /** Steps handed over ahead of training. */
  static readonly lead = 4096;
  #next: number;

  constructor(
    private readonly engine: Engine,
    private readonly plan: Plan,
    private readonly data: EngineData,
    private readonly place: { rank: number; world: number; from: number; steps: number },
  ) {
    this.#next = place.from;
  }

  /** Hands over up to `count` further steps; the last is followed by the end mark. */
  more(count: number): void {
    const { rank, world, steps } = this.place;
    const end = Math.min(steps, this.#next + count);
    for (; this.#next < end; this.#next++) {
      const { rows, epoch, first } = this.plan.step(this.#next, rank, world);
      this.data.reach(rows);
      this.engine.now('feed', { rows, epoch, first: first + (rank * this.plan.facts.batch) / world });
    }
    if (this.#next >= steps) this.engine.now('endFeed');
  }
}
