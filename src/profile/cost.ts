import type { ResolvedConfig } from '../config/schema.js';
import { requireShares } from '../data/plan.js';
import { GadoliniumError } from '../errors.js';
import type { Collective, Counted, PartWork, Peak } from './counted.js';
import { fit, linear, type Point, type Polynomial, quadratic, quadraticInBoth, type Term } from './polynomial.js';

/** What one rank hands to the others for one purpose in a step. */
export interface Traffic {
  purpose: string;
  kind: 'all-reduce' | 'all-gather' | 'reduce-scatter' | 'all-to-all' | 'broadcast';
  calls: number;
  /** That this rank hands over, all calls together, and how that follows: b samples of a rank, N of all. */
  bytes: number;
  formula: string;
  /** May run while the backward computes. */
  overlapped: boolean;
}

export interface Memory {
  weights: number;
  gradients: number;
  optimiser: number;
  average: number;
  inputs: number;
  /** What the backward needs of the forward. */
  activations: number;
  /** Gathered features, scores, their gradients, while the loss is computed. */
  loss: number;
  /** Everything together, at the worst moment of a step. */
  peak: number;
}

/** A step of one of `world` ranks. */
export interface StepCost {
  world: number;
  /** Samples of one rank. */
  share: number;
  /** Floating-point operations of the global batch, nothing twice: the numerator of MFU. */
  modelFlops: number;
  /** What one rank computes, by part. */
  parts: Record<string, PartWork>;
  /** All of that together. */
  rankFlops: number;
  traffic: Traffic[];
  memory: Memory;
}

/** Float32 tensors of a parameter's size that an optimiser keeps. */
const moments: Record<string, number> = { sgd: 1, adam: 2, adamw: 2, lamb: 2 };

const bucketBytes = 25 * 2 ** 20;

/** Costs of a recipe's step for any number of ranks, from what was counted on a few samples. */
export class Cost {
  readonly #towers: Record<string, Formulas>;
  readonly #loss: { alone: Record<string, Formulas>; together: Record<string, Formulas> };
  readonly #traffic: {
    tower: boolean;
    part: string;
    kind: string;
    calls: Polynomial;
    bytes: Polynomial;
    again: number;
  }[];
  readonly #lossMemory: { alone: Polynomial; together: Polynomial };

  constructor(
    readonly config: ResolvedConfig,
    readonly counted: Counted,
  ) {
    const { towers, loss } = counted;
    const alone = loss.filter(({ world }) => world === 1);
    const together = loss.filter(({ world }) => world > 1);
    // Ranks' towers compute what one process' do.
    this.#towers = formulas(
      linear,
      towers.filter(({ world }) => world === 1),
    );
    this.#loss = { alone: formulas(quadratic, alone), together: formulas(quadraticInBoth, together) };
    const shared = towers.filter(({ world }) => world > 1);
    const forward = shared.map((one) => ({ ...one, collectives: one.forwardCollectives }));
    const twice = new Map(traffic(linear, forward).map((one) => [`${one.part} ${one.kind}`, one]));
    this.#traffic = [
      ...traffic(linear, shared).map((one) => ({
        ...one,
        tower: true,
        // The share of the calls that a second forward repeats.
        again: (twice.get(`${one.part} ${one.kind}`)?.calls.at(2, 4) ?? 0) / one.calls.at(2, 4),
      })),
      ...traffic(quadraticInBoth, together).map((one) => ({ ...one, tower: false, again: 0 })),
    ];
    const memory = (terms: readonly Term[], of: typeof loss) =>
      fit(
        terms,
        of.map(({ batch, world, memory }) => ({ b: batch, n: batch * world, value: memory })),
      );
    this.#lossMemory = { alone: memory(quadratic, alone), together: memory(quadraticInBoth, together) };
  }

  /** Floating-point operations by part and direction as formulas of b (samples of a rank) and N (of all), for several ranks. */
  get formulas(): Record<string, { forward: string; backward: string; again: string }> {
    const all = { ...this.#towers, ...this.#loss.together };
    return Object.fromEntries(
      Object.entries(all).map(([part, { forward, backward, again }]) => [
        part,
        { forward: `${forward}`, backward: `${backward}`, again: `${again}` },
      ]),
    );
  }

  /** Throws `bad-batch` where the ranks cannot share the batch. */
  of(world: number): StepCost {
    const { batch } = this.config.train;
    requireShares(batch, world);
    const share = batch / world;
    const local = this.config.train.negatives === 'local';
    const n = local ? share : batch;
    const towers = work(this.#towers, share, n);
    if (this.#chunks > 1) for (const part of Object.values(towers)) part.again += part.forward;
    const ofLoss = world === 1 || local ? this.#loss.alone : this.#loss.together;
    const parts = { ...towers, ...work(ofLoss, share, n) };
    const model = (one: Record<string, PartWork>) => sum(Object.values(one), (part) => part.forward + part.backward);
    return {
      world,
      share,
      modelFlops: model(work(this.#towers, batch, n)) + (local ? world : 1) * model(work(this.#loss.alone, n, n)),
      parts,
      rankFlops: sum(Object.values(parts), ({ forward, backward, again }) => forward + backward + again),
      traffic: world === 1 ? [] : [...this.#ofParts(share, n), ...this.#always()],
      memory: this.#memory(world, share, n),
    };
  }

  /** Pieces that the towers' share is cut into (gradient caching). */
  get #chunks(): number {
    const { encoders, train } = this.config;
    return Math.max(...Object.values(encoders).map(({ chunks }) => chunks ?? train.accumulate));
  }

  #ofParts(b: number, n: number): Traffic[] {
    const chunks = this.#chunks;
    return this.#traffic.map(({ tower, part, kind, calls, bytes, again }) => {
      // Each piece speaks to the other ranks, in both of its forwards.
      const times = tower && chunks > 1 ? chunks * (1 + again) : 1;
      const purpose = tower ? `${part}: statistics of the batch` : part === 'features' ? 'features of all ranks' : part;
      return {
        purpose,
        kind: kind as Traffic['kind'],
        calls: Math.round(times * calls.at(b, n)),
        bytes: times * bytes.at(tower ? b / chunks : b, n),
        formula: `${times === 1 ? '' : `${times} × `}${bytes}`,
        overlapped: false,
      };
    });
  }

  /**
   * What every step of several ranks sends whatever its samples: native/distributed/reducer.cpp, shards.cpp, gather.cpp,
   * optim/clip.cpp, lamb.cpp, engine/trainer.cpp, run.cpp.
   */
  #always(): Traffic[] {
    const { train, optimise } = this.config;
    const { trainable, tensors, owners } = this.counted.state;
    const half = train.gradientCompression !== 'none';
    const cached = this.#chunks > 1;
    const sum = { kind: 'all-reduce', calls: 1, overlapped: false } as const;
    const each = (purpose: string, bytes: number) => ({
      ...sum,
      purpose,
      bytes: bytes * tensors,
      formula: `${bytes} bytes a tensor`,
    });
    return [
      {
        purpose: 'gradients',
        kind: optimise.sharded ? 'all-to-all' : 'all-reduce',
        calls: Math.ceil(trainable / bucketBytes) + 1,
        bytes: half ? trainable / 2 : trainable,
        formula: `${half ? 2 : 4} bytes a trainable parameter`,
        overlapped: !cached,
      },
      // Which parameters the step has reached.
      each('parameters reached', cached ? 8 : 4),
      ...(optimise.sharded
        ? [
            { ...sum, purpose: 'gradient norms', bytes: 8 * owners, formula: '8 bytes a tower' },
            ...(optimise.optimiser.optimiser === 'lamb' ? [each('norms of updates', 16)] : []),
            {
              purpose: 'updated parameters',
              kind: 'broadcast' as const,
              calls: tensors,
              bytes: trainable,
              formula: '4 bytes a trainable parameter, each rank its own share',
              overlapped: false,
            },
          ]
        : []),
      ...(train.negatives === 'local' ? [{ ...sum, purpose: 'steps to skip', bytes: 4, formula: '4 bytes' }] : []),
      { ...sum, purpose: 'lengths of texts', bytes: 8 * this.counted.inputs, formula: '8 bytes a field' },
      { ...sum, purpose: 'agreement to stop or save', bytes: 16, formula: '16 bytes' },
    ];
  }

  #memory(world: number, share: number, n: number): Memory {
    const { parameters, buffers, trainable } = this.counted.state;
    const { optimiser, ema, sharded } = this.config.optimise;
    const kept = moments[optimiser.optimiser];
    if (kept === undefined) {
      throw GadoliniumError.expected(
        'no-formula',
        `a formula of its memory (src/profile/cost.ts)`,
        'optimise.optimiser',
        optimiser.optimiser,
      );
    }
    const piece = Math.ceil(share / this.#chunks);
    const peaks = this.counted.towers.find((one) => one.world === (world > 1 ? 2 : 1) && one.memory)?.memory;
    const towers = peaks?.[piece] as Peak;
    const loss = (world === 1 ? this.#lossMemory.alone : this.#lossMemory.together).at(share, n);
    const weights = parameters + buffers;
    const stays = {
      weights,
      optimiser: (kept * trainable) / (sharded ? world : 1),
      average: ema > 0 ? weights : 0,
      inputs: this.counted.fields * share,
    };
    const always = sum(Object.values(stays), (bytes) => bytes);
    // While the loss is computed the towers' activations wait; with gradient caching none are there yet.
    const held = this.#chunks > 1 ? 0 : towers.held;
    const peak =
      world === 1
        ? always + Math.max(held + loss, towers.alone)
        : always + trainable + Math.max(held + loss, towers.besideGradients);
    return { ...stays, gradients: trainable, activations: towers.held, loss: Math.max(0, loss), peak };
  }
}

type Formulas = Record<keyof PartWork, Polynomial>;

interface Sample {
  batch: number;
  world: number;
  parts: Record<string, PartWork>;
  collectives: Collective[];
}

function formulas(terms: readonly Term[], samples: readonly Sample[]): Record<string, Formulas> {
  const parts = new Set(samples.flatMap(({ parts }) => Object.keys(parts)));
  return Object.fromEntries(
    [...parts].map((part) => {
      const one = (direction: keyof PartWork) =>
        fit(
          terms,
          points(samples, (sample) => sample.parts[part]?.[direction] ?? 0),
          {
            what: `the ${direction} operations of ${part}`,
          },
        );
      return [part, { forward: one('forward'), backward: one('backward'), again: one('again') }];
    }),
  );
}

function traffic(terms: readonly Term[], samples: readonly Sample[]) {
  const keys = new Map(
    samples.flatMap(({ collectives }) => collectives.map((one) => [`${one.part} ${one.kind}`, one])),
  );
  return [...keys.values()].map(({ part, kind }) => {
    const one = (number: 'calls' | 'bytes') =>
      fit(
        terms,
        points(
          samples,
          ({ collectives }) => collectives.find((sent) => sent.part === part && sent.kind === kind)?.[number] ?? 0,
        ),
        { what: `the ${number} of ${kind} of ${part}` },
      );
    return { part, kind, calls: one('calls'), bytes: one('bytes') };
  });
}

const points = (samples: readonly Sample[], value: (sample: Sample) => number): Point[] =>
  samples.map((sample) => ({ b: sample.batch, n: sample.batch * sample.world, value: value(sample) }));

function work(of: Record<string, Formulas>, b: number, n: number): Record<string, PartWork> {
  return Object.fromEntries(
    Object.entries(of).map(([part, { forward, backward, again }]) => [
      part,
      { forward: forward.at(b, n), backward: backward.at(b, n), again: again.at(b, n) },
    ]),
  );
}

const sum = <T>(list: readonly T[], of: (one: T) => number) => list.reduce((total, one) => total + of(one), 0);
