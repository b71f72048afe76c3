import type { EncoderPart, Options, OptionValue } from '../../src/config/parts.js';
import type { Recipe } from '../../src/config/recipe.js';
import type { ResolvedConfig } from '../../src/config/schema.js';

/** Side of the pictures that shrunk recipes take. */
export const SIDE = 32;
/** Layers that transformers keep. */
const LAYERS = 2;
/** What is narrower is no width of a feature but a number of classes, and stays. */
const NARROWEST = 8;

const widths = /^(width|backboneWidth|feedForward|(input|output|hidden)Width)$/;
const chances =
  /^(affine|flip|equalise|brightness|contrast|blur|noise|cutOut|dropout|attentionDropout|dropPath|maskProbability|priorDrop)$/;

/**
 * The same method with everything small, by the names of options alone, so that it holds for parts that are yet to be written:
 * all widths are divided by one power of two (so they still fit each other), transformers keep two layers, pictures get 32 pixels.
 * `learnable` also takes away what keeps a model from knowing its samples by heart: augmentation, dropout, frozen parts, decay, and
 * a soft relation or a high fixed temperature, which put a floor under the loss.
 */
export function shrunk(config: ResolvedConfig, { learnable }: { learnable: boolean }): Recipe {
  // A recipe that learns from hidden words alone would have nothing left to learn; and it takes more than eight channels to know them.
  const hides = config.objectives.every(({ objective }) => objective === 'masked-language');
  const factor = factorOf(config) / (hides ? 4 : 1);
  const side = Math.max(SIDE, ...Object.values(config.data).map(({ options }) => Number(options['size'] ?? 0)));
  const small = (options: Options): Options => {
    const out = Object.fromEntries(
      Object.entries(options)
        // The data's tokenizer says these.
        .filter(([name]) => !/^(vocabularySize|(start|end|pad|mask|unknown)Id)$/.test(name))
        .map(([name, value]) => [
          name,
          name === 'maskProbability' && hides ? value : smaller(name, value, options, { factor, side, learnable }),
        ]),
    );
    if (typeof out['heads'] === 'number' && typeof out['width'] === 'number')
      out['heads'] = divisor(out['width'], out['heads']);
    if (learnable && out['learnTemperature'] === false) out['temperature'] = Math.min(Number(out['temperature']), 0.1);
    return out;
  };
  const encoders = Object.entries(config.encoders).map(([modality, part]) => [
    modality,
    'share' in part ? part : ({ ...unfilled(part), options: small(part.options) } as EncoderPart),
  ]);
  const data = Object.entries(config.data).map(([modality, part]) => [
    modality,
    { ...part, options: small(part.options) },
  ]);
  const {
    recipe: _,
    train: { epochs: __, ...train },
    optimise,
    relation,
    ...rest
  } = config;
  return {
    ...rest,
    data: Object.fromEntries(data),
    encoders: Object.fromEntries(encoders),
    heads: config.heads.map((part) => ({ ...unfilled(part), options: small(part.options) })),
    objectives: config.objectives.map((part) => ({ ...unfilled(part), options: small(part.options) })),
    relation:
      learnable && 'temperature' in relation.options
        ? { ...relation, options: { ...relation.options, temperature: 0.05 } }
        : relation,
    optimise: {
      ...optimise,
      // Groups of layers that are no longer there match nothing, which is an error.
      groups: optimise.groups.filter(({ match }) => !(Number(/\.layer\.(\d+)\./.exec(match)?.[1] ?? 0) >= LAYERS)),
      schedule: learnable ? { schedule: 'constant', options: {} } : shortWarmup(optimise.schedule),
      ...(learnable ? { lr: 2e-3, decay: 0, groups: [], clip: 1 } : {}),
    },
    train: {
      ...train,
      precision: 'fp32',
      batch: 8,
      accumulate: Math.min(train.accumulate, 2),
      steps: 6,
      evaluateEvery: 0,
      device: 'cpu',
    },
    evaluate: [],
    checkpoint: { everySteps: 0, everyMinutes: 0, keep: 3, best: null },
  } as Recipe;
}

/** Weights to start from fit the part's full size alone. */
function unfilled<Part extends { init?: unknown }>({ init: _, ...part }: Part): Omit<Part, 'init'> {
  return part;
}

/** The power of two that brings the narrowest part to eight channels or a little more. */
function factorOf({ encoders, heads }: ResolvedConfig): number {
  const parts = [...Object.values(encoders), ...heads];
  const found = parts
    .flatMap((part) => ('options' in part ? Object.entries(part.options) : []))
    .flatMap(([name, value]) => (widths.test(name) && Number(value) >= NARROWEST ? [Number(value)] : []));
  let factor = 1;
  while (found.every((width) => width % (factor * 2) === 0 && width / (factor * 2) >= NARROWEST)) factor *= 2;
  return factor;
}

function smaller(
  name: string,
  value: OptionValue,
  siblings: Options,
  { factor, side, learnable }: { factor: number; side: number; learnable: boolean },
): OptionValue {
  if (typeof value === 'number') {
    if (widths.test(name)) return value < NARROWEST ? value : value / factor;
    if (name === 'size' || name === 'imageSize') return Math.min(value, SIDE);
    if (name === 'resize') return Math.ceil((value * SIDE) / side);
    if (name === 'patchSize') return Math.min(value, SIDE / 4);
    // Layers of a transformer; a residual network's depth names an architecture.
    if ((name === 'depth' && 'heads' in siblings) || name === 'averageLast') return Math.min(value, LAYERS);
    if (learnable && chances.test(name)) return 0;
  }
  if (name === 'layers' && Array.isArray(value)) return value.map(() => 1);
  if (learnable && (name === 'cropScale' || name === 'cropRatio')) return [1, 1];
  if (learnable && name === 'sentences') return 0;
  return value;
}

function shortWarmup(part: { schedule: string; options: Options }): typeof part {
  return 'warmup' in part.options ? { ...part, options: { ...part.options, warmup: 2 } } : part;
}

function divisor(width: number, heads: number): number {
  let most = heads;
  while (width % most !== 0) most--;
  return most;
}
