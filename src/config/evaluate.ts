/**
 * The evaluation entries of a recipe: plain data that says which task runs on which rows, checked by the schemas below. What a
 * task computes is in src/evaluate (one file a task, found by its name).
 */
import { z } from 'zod';

/** `<modality>.<grain>`, or the name of a head's output. */
const feature = z.string().min(1);
const split = z.string().min(1).default('test');
/** Resamples of the bootstrap behind the 95 % intervals; 0 = no interval. */
const bootstrap = z.int().nonnegative().default(0);
/** What a label marked uncertain counts as; ignored ones take no part. */
const uncertain = z.enum(['ignore', 'positive', 'negative']).default('ignore');

export const zeroShotSchema = z.strictObject({
  task: z.literal('zero-shot'),
  name: z.string().min(1),
  /** Label vocabulary that holds the truth; default: the one that the prompts name. */
  labels: z.string().optional(),
  /** A prompt set of the data folder by name, or a JSON file; default: the data folder's set for these labels. */
  prompts: z.string().optional(),
  features: z.strictObject({ samples: feature, prompts: feature }).prefault({
    samples: 'image.global',
    prompts: 'text.global',
  }),
  /** How several prompts of a class become one score. */
  ensemble: z
    .enum(['mean-of-embeddings', 'mean-of-raw-embeddings', 'mean-of-scores', 'max-of-scores'])
    .default('mean-of-embeddings'),
  /** Factor on the cosine inside the soft-max; default: the model's own logit scale. The arg-max does not depend on it. */
  scale: z.number().positive().optional(),
  /** Where a finding counts as called: its pair's arg-max, or the threshold with the best score on split `valid`. */
  threshold: z.enum(['argmax', 'best-mcc', 'best-f1']).default('argmax'),
  uncertain,
  split,
  bootstrap,
});

export const retrievalSchema = z.strictObject({
  task: z.literal('retrieval'),
  name: z.string().min(1),
  /** The two sides; both directions are reported. */
  between: z.tuple([feature, feature]).default(['image.global', 'text.global']),
  at: z.array(z.int().positive()).min(1).default([1, 5, 10]),
  /** Also report precision at k by class of this vocabulary (a hit is any candidate of the query's class). */
  classes: z.string().optional(),
  precisionAt: z.array(z.int().positive()).min(1).default([5, 10, 100]),
  /** Held-out samples shown with their best and worst texts; 0 = none. */
  gallery: z.int().nonnegative().max(100).default(0),
  split,
  bootstrap,
});

export const linearProbeSchema = z.strictObject({
  task: z.literal('linear-probe'),
  name: z.string().min(1),
  /** Label vocabulary: classes (multinomial) or findings (one binary classifier each, one C for all). */
  labels: z.string().min(1),
  features: feature.default('image.global'),
  /** Shares of the labelled training rows; each smaller draw lies inside the larger. */
  fractions: z.array(z.number().positive().max(1)).min(1).default([0.01, 0.1, 1]),
  /** Inverse strengths of the L2 penalty, C of ½|w|² + C·Σ loss; the best on the validation rows is kept. */
  grid: z.array(z.number().positive()).min(1).default([1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100]),
  /** Features centred and scaled by the training rows' mean and deviation before the fit. */
  standardise: z.boolean().default(true),
  seed: z.int().nonnegative().default(0),
  uncertain,
  split,
  bootstrap,
});

/** How a map over a picture comes about, and in which pixels it is measured. */
const heatMaps = {
  maps: z
    .discriminatedUnion('of', [
      /** Cosine of each patch with the embedded phrase. */
      z.strictObject({
        of: z.literal('similarity'),
        patches: feature.default('image.patches'),
        phrases: feature.default('text.global'),
        /** Words for regions that no text of their row speaks of, by the regions' label. */
        words: z.record(z.string(), z.string()).default({}),
      }),
      /** Attention of a query to the patches, [queries, patches] a sample: the number of the query by the regions' label. */
      z.strictObject({
        of: z.literal('attention'),
        feature,
        queries: z.record(z.string(), z.int().nonnegative()),
      }),
    ])
    .prefault({ of: 'similarity' }),
  /** Gaussian smoothing of the grid before it is enlarged: sigma in cells; 0 = none. */
  smooth: z.number().nonnegative().default(0),
  interpolation: z.enum(['nearest', 'bilinear']).default('bilinear'),
  /** source: the pixels of the file that was prepared; input: the pixels that the model saw. */
  pixels: z.enum(['source', 'input']).default('source'),
  split,
  bootstrap,
};

export const groundingSchema = z.strictObject({
  task: z.literal('grounding'),
  name: z.string().min(1),
  ...heatMaps,
  /** Of the mean intersection over union. */
  thresholds: z.array(z.number()).min(1).default([0.1, 0.2, 0.3, 0.4, 0.5]),
  /** Also called masks at this one value: overlap, Dice, precision and recall of their pixels. */
  calledAbove: z.number().optional(),
  /** Pictures with their maps; 0 = none. */
  gallery: z.int().nonnegative().max(100).default(0),
});

export const pointingGameSchema = z.strictObject({
  task: z.literal('pointing-game'),
  name: z.string().min(1),
  ...heatMaps,
  /** Of several pixels that attain the maximum: the first counts, or any that lies inside. */
  ties: z.enum(['first', 'any']).default('first'),
});

export const evaluationSchema = z.discriminatedUnion('task', [
  zeroShotSchema,
  retrievalSchema,
  linearProbeSchema,
  groundingSchema,
  pointingGameSchema,
]);

export type ZeroShotEntry = z.output<typeof zeroShotSchema>;
export type RetrievalEntry = z.output<typeof retrievalSchema>;
export type LinearProbeEntry = z.output<typeof linearProbeSchema>;
export type GroundingEntry = z.output<typeof groundingSchema>;
export type PointingGameEntry = z.output<typeof pointingGameSchema>;
/** What the tasks of heat maps share. */
export type HeatMapEntry = Pick<GroundingEntry, keyof typeof heatMaps>;
/** One evaluation with every default filled in. */
export type EvaluationEntry = z.output<typeof evaluationSchema>;
/** What a recipe may write: only what differs from the defaults. */
export type EvaluationInput = z.input<typeof evaluationSchema>;

type Named<Input> = Omit<Input, 'task' | 'name'> & { name?: string };

/** Classifies held-out samples by the text that lies nearest. */
export function zeroShot(options: Named<z.input<typeof zeroShotSchema>> = {}): EvaluationInput {
  const of = options.labels ?? options.prompts;
  return { ...options, task: 'zero-shot', name: options.name ?? (of ? `zero-shot ${of}` : 'zero-shot') };
}

/** Finds the text of an image and the image of a text (or any two sides) among all held-out ones. */
export function retrieval(options: Named<z.input<typeof retrievalSchema>> = {}): EvaluationInput {
  return { ...options, task: 'retrieval', name: options.name ?? 'retrieval' };
}

/** Logistic regression on frozen features, with 1, 10 and 100 % of the labels. */
export function linearProbe(options: Named<z.input<typeof linearProbeSchema>>): EvaluationInput {
  return { ...options, task: 'linear-probe', name: options.name ?? `linear-probe ${options.labels}` };
}

/** How well the map of a phrase over its picture fits the boxes that readers drew for it. */
export function grounding(options: Named<z.input<typeof groundingSchema>> = {}): EvaluationInput {
  return { ...options, task: 'grounding', name: options.name ?? 'grounding' };
}

/** How often the highest place of a map lies inside the boxes. */
export function pointingGame(options: Named<z.input<typeof pointingGameSchema>> = {}): EvaluationInput {
  return { ...options, task: 'pointing-game', name: options.name ?? 'pointing-game' };
}

/** The features that an evaluation asks of a model. */
export function featuresAsked(entry: EvaluationEntry): string[] {
  switch (entry.task) {
    case 'retrieval':
      return entry.between;
    case 'zero-shot':
      return Object.values(entry.features);
    case 'linear-probe':
      return [entry.features];
    case 'grounding':
    case 'pointing-game':
      return entry.maps.of === 'similarity' ? [entry.maps.patches, entry.maps.phrases] : [entry.maps.feature];
  }
}
