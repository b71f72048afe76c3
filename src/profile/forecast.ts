import type { Card } from '../model/cards.js';
import type { Cost, StepCost, Traffic } from './cost.js';

/** A figure that the forecast rests on, and what it stands on. */
export interface Assumption {
  what: string;
  value: string;
  /** given: by the user. published: by the named source. assumed: by nobody; change it. */
  standing: 'given' | 'published' | 'assumed';
  source?: string;
}

export interface Hardware {
  card: string;
  /** Floating-point operations a second of one card in the recipe's precision, by the maker. */
  flops: (precision: keyof Card['flops']) => number;
  /** Bytes of a card, and bytes a second to them. */
  memory: number;
  memoryBandwidth: number;
  cardsPerMachine: number;
  /** Bytes a second from card to card of one machine, and from machine to machine, all cards of one together. */
  cardLink: number;
  machineLink: number;
  /** Share of the peak that the arithmetic of a step reaches. */
  utilisation: number;
  /** Seconds that a collective takes for each doubling of the ranks, without its bytes. */
  latency: number;
  assumptions: Assumption[];
}

/** Seconds of a step. */
export interface StepTime {
  arithmetic: number;
  optimiser: number;
  /** Of the collectives; `exposed` is what the backward does not hide. */
  communication: number;
  exposed: number;
  total: number;
}

export interface WorldForecast extends StepCost {
  machines: number;
  time: StepTime;
  /** Bytes that go over the busiest link of the ring of ranks in a step. */
  wire: number;
  samplesPerSecond: number;
  mfu: number;
  /** Samples a second over those of the smallest world here, by their ranks. */
  efficiency: number;
  fits: boolean;
  /** Seconds of the whole run, evaluations and checkpoints left out. */
  run: number;
}

export interface Forecast {
  recipe: string;
  data: { folder: string; name: string; training: number };
  batch: number;
  precision: string;
  negatives: string;
  accumulate: number;
  steps: number;
  stepsPerEpoch: number;
  card: string;
  cardMemory: number;
  parameters: number;
  formulas: Cost['formulas'];
  worlds: WorldForecast[];
  assumptions: Assumption[];
  warnings: string[];
}

/** Bytes on each link of a ring of `world` ranks when each hands over `bytes`. */
export function ringBytes({ kind, bytes }: Pick<Traffic, 'kind' | 'bytes'>, world: number): number {
  switch (kind) {
    case 'all-reduce':
      return (2 * bytes * (world - 1)) / world;
    case 'all-gather':
      return bytes * (world - 1);
    case 'reduce-scatter':
    case 'all-to-all':
      return (bytes * (world - 1)) / world;
    case 'broadcast':
      return bytes;
  }
}

export const ringFormulas: Record<Traffic['kind'], string> = {
  'all-reduce': '2·(P − 1)/P · bytes',
  'all-gather': '(P − 1) · bytes',
  'reduce-scatter': '(P − 1)/P · bytes',
  'all-to-all': '(P − 1)/P · bytes',
  broadcast: 'bytes',
};

/** Ranks of a machine follow each other in the ring, so that one link of it leaves each machine. */
function secondsOf(traffic: Traffic, world: number, hardware: Hardware): number {
  const within = world <= hardware.cardsPerMachine;
  const bandwidth = within ? hardware.cardLink : Math.min(hardware.cardLink, hardware.machineLink);
  return traffic.calls * hardware.latency * Math.ceil(Math.log2(world)) + ringBytes(traffic, world) / bandwidth;
}

export function timeOf(
  cost: StepCost,
  { precision, sharded }: { precision: keyof Card['flops']; sharded: boolean },
  hardware: Hardware,
): StepTime {
  const rate = hardware.flops(precision) * hardware.utilisation;
  const arithmetic = cost.rankFlops / rate;
  // Each parameter is read and written with its moments and its average, and its gradient is read.
  const { gradients, optimiser, average } = cost.memory;
  const share = sharded ? 1 / cost.world : 1;
  const moved = 3 * gradients * share + 2 * optimiser + 3 * average;
  const update = moved / hardware.memoryBandwidth;
  const all = cost.traffic.map((traffic) => ({ traffic, seconds: secondsOf(traffic, cost.world, hardware) }));
  const sum = (of: typeof all) => of.reduce((total, { seconds }) => total + seconds, 0);
  const hidden = sum(all.filter(({ traffic }) => traffic.overlapped));
  const calls = all.reduce((total, { traffic }) => total + (traffic.overlapped ? traffic.calls : 0), 0);
  const backward = Object.values(cost.parts).reduce((total, part) => total + part.backward, 0) / rate;
  // The last bucket has no backward left to hide behind.
  const exposed = sum(all) - hidden + (calls ? Math.max(hidden - backward, hidden / calls) : 0);
  return { arithmetic, optimiser: update, communication: sum(all), exposed, total: arithmetic + update + exposed };
}

export function forecast(
  cost: Cost,
  worlds: readonly number[],
  hardware: Hardware,
  run: Pick<Forecast, 'recipe' | 'data' | 'steps' | 'stepsPerEpoch'>,
): Forecast {
  const { batch, precision, negatives, accumulate } = cost.config.train;
  const { sharded } = cost.config.optimise;
  const peak = hardware.flops(precision);
  let base: number | undefined;
  const all = worlds.map((world): WorldForecast => {
    const step = cost.of(world);
    const time = timeOf(step, { precision, sharded }, hardware);
    const samplesPerSecond = batch / time.total;
    base ??= samplesPerSecond / world;
    return {
      ...step,
      machines: Math.ceil(world / hardware.cardsPerMachine),
      time,
      wire: step.traffic.reduce((total, traffic) => total + ringBytes(traffic, world), 0),
      samplesPerSecond,
      mfu: step.modelFlops / (time.total * world * peak),
      efficiency: samplesPerSecond / world / base,
      fits: step.memory.peak <= hardware.memory,
      run: run.steps * time.total,
    };
  });
  const { rejects, state } = cost.counted;
  return {
    ...run,
    batch,
    precision,
    negatives,
    accumulate,
    card: hardware.card,
    cardMemory: hardware.memory,
    parameters: state.parameters / 4,
    formulas: cost.formulas,
    worlds: all,
    assumptions: hardware.assumptions,
    warnings: rejects.length ? [`${rejects.length} of the samples read here could not be read: ${rejects[0]}`] : [],
  };
}
