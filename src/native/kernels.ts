/**
 * The contrastive losses on plain numbers, with their gradients: for tests, benchmarks, and whoever wants only the loss. They run
 * in the native kernels that training uses, on the CPU, off the JavaScript thread. No matrix of scores is ever made: memory grows
 * with the rows, not with their square.
 */
import { availableParallelism } from 'node:os';
import { GadoliniumError } from '../errors.js';
import { Engine } from './engine.js';

export interface ContrastInput {
  /** Features of images, [rows, width], row after row. */
  image: Float32Array;
  /** Features of texts, [columns, width]. */
  text: Float32Array;
  rows: number;
  /** Number of texts; default: `rows`. Without labels, text i belongs with image i and there must be as many. */
  columns?: number;
  width: number;
  /** Factor on the products (one over the temperature): one number, or one for each image. */
  scale: number | Float32Array;
  /** Samples that are there: the others are no candidates and do not count. [rows], [columns]; 0: absent. */
  imageThere?: Uint8Array;
  textThere?: Uint8Array;
}

export interface SoftLabels {
  /** Label vectors, [rows, classes] and [columns, classes]: targets are the soft-max of their products over labelTemperature. */
  imageLabels: Float32Array;
  textLabels: Float32Array;
  classes: number;
  /** Default 1. */
  labelTemperature?: number;
}

export interface ListedPositives {
  /** Pairs that belong together, [pairs, 2] (image, text), in any order, in the place of image i with text i. */
  positives?: Int32Array;
  /** Pairs that neither belong together nor stand apart, like them. */
  neutral?: Int32Array;
  /**
   * Of several positives: the mean of their cross-entropies (default), the same each against the negatives alone (SAT, Liu et al.
   * 2023; the only form beside a hardness), or any of them is enough (MIL-NCE, Miech et al. 2020).
   */
  form?: 'mean' | 'apart' | 'any';
  /**
   * β: negatives are weighted by exp(β · score) (Robinson et al. 2021). The log-sum-exps given back are then over the negatives, of
   * (1 + β) times the scores. Default 0.
   */
  hardness?: number;
}

export interface ContrastResult {
  loss: number;
  /** d loss / d input, of the inputs' shapes. */
  imageGradient: Float32Array;
  textGradient: Float32Array;
  /** Of the shape of `scale`. */
  scaleGradient: number | Float32Array;
  /** log Σ exp over the candidates of each image, [rows], and of each text, [columns]. */
  imageLogSumExp: Float32Array;
  textLogSumExp: Float32Array;
  /** 1 + how many candidates score higher than the partner, [rows] and [columns]; absent with labels and listed positives. */
  imageRank?: Int32Array;
  textRank?: Int32Array;
}

/**
 * Symmetric soft-max contrast (InfoNCE; Radford et al. 2021, figure 3): imageWeight · mean over images of
 * −log softmax_j(scale · image_i·text_j) at the partner (or against soft labels; MedCLIP, Wang et al. 2022, eq. 3–5; or
 * listed positives, over the images that have one), and the same over texts with 1 − imageWeight (default ½). Features are taken as they are: bring them to unit length first where wanted.
 *
 * Rejects with `bad-shape` where numbers and sizes do not fit, `not-finite` naming row and column.
 */
export async function contrast(
  input: ContrastInput & { imageWeight?: number } & Partial<SoftLabels> & ListedPositives,
): Promise<ContrastResult> {
  const out = await call('contrast', { ...input, columns: input.columns ?? input.rows });
  return {
    loss: out['loss'] as number,
    ...gradients(out),
    scaleGradient: scalarOrFloats(out['scaleGradient']),
    imageLogSumExp: floats(out['imageLogSumExp']),
    textLogSumExp: floats(out['textLogSumExp']),
    ...(out['imageRank'] ? { imageRank: integers(out['imageRank']), textRank: integers(out['textRank']) } : {}),
  };
}

export interface SigmoidContrastResult {
  loss: number;
  imageGradient: Float32Array;
  textGradient: Float32Array;
  scaleGradient: number | Float32Array;
  biasGradient: number;
  /** Σ over texts of log(1 + exp(∓z)), [rows]. */
  imageSum: Float32Array;
  imageRank: Int32Array;
}

/**
 * Pairwise sigmoid contrast (SigLIP; Zhai et al. 2023, algorithm 1): 1/rows · Σ_ij log(1 + exp(−y_ij (scale · image_i·text_j + bias))),
 * y = +1 for i = j, −1 else. Rejects as `contrast` does.
 */
export async function sigmoidContrast(input: ContrastInput & { bias: number }): Promise<SigmoidContrastResult> {
  const out = await call('sigmoid-contrast', { ...input, columns: input.columns ?? input.rows });
  return {
    loss: out['loss'] as number,
    ...gradients(out),
    scaleGradient: scalarOrFloats(out['scaleGradient']),
    biasGradient: out['biasGradient'] as number,
    imageSum: floats(out['imageSum']),
    imageRank: integers(out['imageRank']),
  };
}

export interface WordRegionInput {
  /** Region features, [images, regions, width]. */
  image: Float32Array;
  /** Word features, [texts, words, width]. */
  text: Float32Array;
  images: number;
  regions: number;
  /** As many as images: text i belongs with image i. */
  texts: number;
  words: number;
  width: number;
  /** Real words, [texts, words], and regions, [images, regions]; default: all. */
  wordMask?: Uint8Array;
  regionMask?: Uint8Array;
  /** Factors: in the soft-max over regions (default 4), in the log-sum-exp over words (5), on the pair scores (10). */
  regionScale?: number;
  wordScale?: number;
  logitScale?: number;
}

export interface WordRegionResult {
  loss: number;
  imageGradient: Float32Array;
  textGradient: Float32Array;
  /** Pair scores before logitScale, [images, texts]. */
  scores: Float32Array;
}

/** Word–region contrast (GLoRIA; Huang et al. 2021, eq. 3–8), the sum of both directions. Rejects as `contrast` does. */
export async function wordRegion(input: WordRegionInput): Promise<WordRegionResult> {
  const out = await call('word-region', input);
  return { loss: out['loss'] as number, ...gradients(out), scores: floats(out['scores']) };
}

let engine: Engine | undefined;

function call(kernel: string, input: object): Promise<Record<string, unknown>> {
  for (const [name, value] of Object.entries(input)) {
    if (ArrayBuffer.isView(value) || typeof value !== 'object' || value === null) continue;
    throw GadoliniumError.expected('bad-shape', 'a typed array', name, Array.isArray(value) ? 'a list' : typeof value);
  }
  engine ??= new Engine({ device: 'cpu', threads: availableParallelism() });
  return engine.later('kernel', { kernel, ...input });
}

const floats = (bytes: unknown) => new Float32Array(bytes as ArrayBuffer);
const integers = (bytes: unknown) => new Int32Array(bytes as ArrayBuffer);
const scalarOrFloats = (value: unknown) => (typeof value === 'number' ? value : floats(value));
const gradients = (out: Record<string, unknown>) => ({
  imageGradient: floats(out['imageGradient']),
  textGradient: floats(out['textGradient']),
});
