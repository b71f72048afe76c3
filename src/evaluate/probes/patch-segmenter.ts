/** A linear classifier of patches, trained on masks over pixels with the Dice loss. */
import { Draws } from '../../data/draws.js';
import type { FeatureMatrix } from '../embedder.js';

/** Patches of samples [rows, patches · width] in square grids, and masks [rows][size · size] over the pixels that the model saw. */
export interface Segmented {
  patches: FeatureMatrix;
  masks: Uint8Array[];
}

export interface SegmenterOptions {
  /** Patches in a line of the grid, and pixels in a line of the masks. */
  side: number;
  size: number;
  lr: number;
  /** L2 penalty inside the gradient. */
  decay: number;
  batch: number;
  epochs: number;
  seed: number;
}

/** Weights [width] and, last, the bias. */
export type Segmenter = Float64Array;

/** Rate halved after so many epochs without a better validation loss; training ended after so many. */
const PATIENCE = { rate: 3, stop: 10 };

/**
 * One weight vector for all patches (a 1 × 1 convolution); logits are enlarged bilinearly to the masks' pixels. Minimises
 *   1 − (2 Σ p·t + 1) / (Σ p + Σ t + 1)   over all pixels of a batch, p = sigmoid(logit), t the mask,
 * by Adam (0.9, 0.999), the rate halved where the validation loss stays, until it has not fallen for ten epochs. Gives the weights of
 * the lowest validation loss. The settings of LoVT's linear segmentation (Müller et al. 2022); the constant 1 is ours.
 */
export function trainSegmenter(training: Segmented, validation: Segmented, options: SegmenterOptions): Segmenter {
  const { lr, decay, batch, epochs, seed, side } = options;
  const width = training.patches.width / (side * side);
  const weights: Segmenter = new Float64Array(width + 1);
  const gradient = new Float64Array(width + 1);
  const [first, second] = [new Float64Array(width + 1), new Float64Array(width + 1)];
  const draws = new Draws(seed);
  const order = Uint32Array.from(training.masks, (_, i) => i);
  const everything = Uint32Array.from(validation.masks, (_, i) => i);
  let best = { loss: Number.POSITIVE_INFINITY, weights: weights.slice(), epoch: -1 };
  let rate = lr;
  let stale = 0;
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    draws.shuffle(order);
    for (let at = 0; at < order.length; at += batch) {
      gradient.fill(0);
      diceLoss(training, order.subarray(at, at + batch), weights, options, gradient);
      step++;
      for (let d = 0; d <= width; d++) {
        const g = gradient[d]! + decay * weights[d]!;
        first[d] = 0.9 * first[d]! + 0.1 * g;
        second[d] = 0.999 * second[d]! + 0.001 * g * g;
        const [m, v] = [first[d]! / (1 - 0.9 ** step), second[d]! / (1 - 0.999 ** step)];
        weights[d]! -= (rate * m) / (Math.sqrt(v) + 1e-8);
      }
    }
    const loss = diceLoss(validation, everything, weights, options);
    if (loss < best.loss) {
      best = { loss, weights: weights.slice(), epoch };
      stale = 0;
    } else if (++stale > PATIENCE.rate) {
      rate /= 2;
      stale = 0;
    }
    if (epoch - best.epoch >= PATIENCE.stop) break;
  }
  return best.weights;
}

/** Soft-Dice loss of some samples together; with `gradient` also its derivative by the weights, added to it. */
export function diceLoss(
  { patches, masks }: Segmented,
  rows: Uint32Array,
  weights: Segmenter,
  { side, size }: Pick<SegmenterOptions, 'side' | 'size'>,
  gradient?: Float64Array,
): number {
  const places = enlargement(side, size);
  const probabilities: Float32Array[] = [];
  let [both, called, truth] = [0, 0, 0];
  for (const row of rows) {
    const map = enlarged(patchLogits(patches, row, weights, side), places, size);
    const mask = masks[row]!;
    for (let i = 0; i < map.length; i++) {
      const p = 1 / (1 + Math.exp(-map[i]!));
      map[i] = p;
      both += p * mask[i]!;
      called += p;
      truth += mask[i]!;
    }
    if (gradient) probabilities.push(map);
  }
  const whole = called + truth + 1;
  const overlap = 2 * both + 1;
  if (gradient) {
    const width = weights.length - 1;
    for (const [n, row] of rows.entries()) {
      const map = probabilities[n]!;
      const mask = masks[row]!;
      // dL/dp = −(2t·whole − overlap) / whole², times p(1 − p) for the logit.
      for (let i = 0; i < map.length; i++) {
        const p = map[i]!;
        map[i] = -((2 * mask[i]! * whole - overlap) / whole ** 2) * p * (1 - p);
      }
      const cells = gathered(map, places, side, size);
      for (let c = 0; c < cells.length; c++) {
        const from = row * patches.width + c * width;
        for (let d = 0; d < width; d++) gradient[d]! += cells[c]! * patches.data[from + d]!;
        gradient[width]! += cells[c]!;
      }
    }
  }
  return 1 - overlap / whole;
}

/** Logits over the pixels of one sample's mask. */
export function segmentationMap(
  patches: FeatureMatrix,
  row: number,
  weights: Segmenter,
  { side, size }: Pick<SegmenterOptions, 'side' | 'size'>,
): Float32Array {
  return enlarged(patchLogits(patches, row, weights, side), enlargement(side, size), size);
}

function patchLogits(patches: FeatureMatrix, row: number, weights: Segmenter, side: number): Float64Array {
  const width = weights.length - 1;
  return Float64Array.from({ length: side * side }, (_, cell) => {
    const from = row * patches.width + cell * width;
    let sum = weights[width]!;
    for (let d = 0; d < width; d++) sum += weights[d]! * patches.data[from + d]!;
    return sum;
  });
}

interface Enlargement {
  low: Int32Array;
  high: Int32Array;
  part: Float64Array;
}

/** For each pixel of a line the cells that it lies between, by centres; the same along both axes. */
function enlargement(side: number, size: number): Enlargement {
  const low = new Int32Array(size);
  const high = new Int32Array(size);
  const part = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const centre = Math.max(0, ((i + 0.5) * side) / size - 0.5);
    low[i] = Math.min(side - 1, Math.floor(centre));
    high[i] = Math.min(side - 1, low[i]! + 1);
    part[i] = centre - low[i]!;
  }
  return { low, high, part };
}

function enlarged(grid: Float64Array, { low, high, part }: Enlargement, size: number): Float32Array {
  const side = Math.round(Math.sqrt(grid.length));
  const out = new Float32Array(size * size);
  const line = new Float64Array(side);
  for (let y = 0; y < size; y++) {
    for (let c = 0; c < side; c++)
      line[c] = grid[low[y]! * side + c]! * (1 - part[y]!) + grid[high[y]! * side + c]! * part[y]!;
    for (let x = 0; x < size; x++) out[y * size + x] = line[low[x]!]! * (1 - part[x]!) + line[high[x]!]! * part[x]!;
  }
  return out;
}

/** The transpose of `enlarged`: what each cell receives of its pixels. */
function gathered(map: Float32Array, { low, high, part }: Enlargement, side: number, size: number): Float64Array {
  const grid = new Float64Array(side * side);
  const line = new Float64Array(side);
  for (let y = 0; y < size; y++) {
    line.fill(0);
    for (let x = 0; x < size; x++) {
      const value = map[y * size + x]!;
      line[low[x]!]! += value * (1 - part[x]!);
      line[high[x]!]! += value * part[x]!;
    }
    for (let c = 0; c < side; c++) {
      grid[low[y]! * side + c]! += line[c]! * (1 - part[y]!);
      grid[high[y]! * side + c]! += line[c]! * part[y]!;
    }
  }
  return grid;
}
