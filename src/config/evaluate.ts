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

/**
 * Where a finding counts as called: at one half (a pair's arg-max), at the threshold with the best score on split `valid`, or at the
 * one with the best F1 on the very rows that are reported, as MedKLIP's evaluation does: it flatters, and a note says so.
 */
const threshold = z.enum(['argmax', 'best-mcc', 'best-f1', 'best-f1-of-reported']).default('argmax');

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
  /**
   * classes: bring each class's scores to mean 0 and deviation 1 over all rows before the arg-max, as GLoRIA does. The prediction of a
   * row then depends on the others.
   */
  standardiseScores: z.boolean().default(false),
  /** Factor on the cosine inside the soft-max; default: the model's own logit scale. The arg-max does not depend on it. */
  scale: z.number().positive().optional(),
  threshold,
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

export const headScoresSchema = z.strictObject({
  task: z.literal('head-scores'),
  name: z.string().min(1),
  /** Label vocabulary that holds the truth; default: the one that holds all these findings. */
  labels: z.string().min(1).optional(),
  /** A head's output, [queries, 2] logits (absent, present) or [queries] logits a sample. */
  features: feature,
  /** The number of the query for each finding of the vocabulary that is scored. */
  queries: z.record(z.string(), z.int().nonnegative()),
  /** softmax over absent and present, or sigmoid of one logit. */
  activation: z.enum(['softmax', 'sigmoid']).default('softmax'),
  threshold,
  uncertain,
  split,
  bootstrap,
});

export const sentencePairsSchema = z.strictObject({
  task: z.literal('sentence-pairs'),
  name: z.string().min(1),
  /** Class vocabulary of the pairs; rows of other classes than the two take no part. */
  labels: z.string().min(1),
  /** The class of pairs that say the same, and of those that contradict each other. */
  same: z.string().min(1),
  different: z.string().min(1),
  features: feature.default('text.global'),
  /** Where the threshold of the accuracy comes from: the other folds, or split `valid`. */
  threshold: z.enum(['cross-validation', 'valid']).default('cross-validation'),
  folds: z.int().min(2).default(10),
  seed: z.int().nonnegative().default(0),
  split,
  bootstrap,
});

export const temporalClassificationSchema = z.strictObject({
  task: z.literal('temporal-classification'),
  name: z.string().min(1),
  /** Class vocabularies, one a finding: improving, stable, worsening. */
  labels: z.array(z.string().min(1)).min(1),
  /** Features of a row, laid side by side: one that sees both studies, or one of each. */
  features: z.array(feature).min(1).default(['image.global']),
  /** Cross-validation over patients. */
  folds: z.int().min(3).default(10),
  grid: z.array(z.number().positive()).min(1).default([1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100]),
  seed: z.int().nonnegative().default(0),
  split,
  bootstrap,
});

export const segmentationProbeSchema = z.strictObject({
  task: z.literal('segmentation-probe'),
  name: z.string().min(1),
  /** Labels of the regions that are to be found; absent = all regions. */
  regions: z.array(z.string()).optional(),
  patches: feature.default('image.patches'),
  /** Shares of the training rows; each smaller draw lies inside the larger. */
  fractions: z.array(z.number().positive().max(1)).min(1).default([0.01, 0.1, 1]),
  lr: z.number().positive().default(0.01),
  decay: z.number().nonnegative().default(1e-6),
  batch: z.int().positive().default(64),
  epochs: z.int().positive().default(100),
  seed: z.int().nonnegative().default(0),
  split,
  bootstrap,
});

/** Not among a recipe's evaluations: it trains models of its own, so it is run on a checkpoint alone (src/train/fine-tune.ts). */
export const fineTuneSchema = z.strictObject({
  task: z.literal('fine-tune'),
  name: z.string().min(1),
  /** Label vocabulary: each name gets a sigmoid of its own. */
  labels: z.string().min(1),
  /** A feature that the encoder itself gives, [B, D]; what heads make of it is left out. */
  features: feature.default('image.global'),
  /** Shares of the training rows; each smaller draw lies inside the larger. */
  fractions: z.array(z.number().positive().max(1)).min(1).default([0.01, 0.1, 1]),
  lr: z.number().positive().default(1e-5),
  decay: z.number().nonnegative().default(0.02),
  batch: z.int().positive().default(64),
  epochs: z.number().positive().default(100),
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
  headScoresSchema,
  sentencePairsSchema,
  temporalClassificationSchema,
  segmentationProbeSchema,
]);

export type ZeroShotEntry = z.output<typeof zeroShotSchema>;
export type RetrievalEntry = z.output<typeof retrievalSchema>;
export type LinearProbeEntry = z.output<typeof linearProbeSchema>;
export type GroundingEntry = z.output<typeof groundingSchema>;
export type PointingGameEntry = z.output<typeof pointingGameSchema>;
export type FineTuneEntry = z.output<typeof fineTuneSchema>;
export type HeadScoresEntry = z.output<typeof headScoresSchema>;
export type SentencePairsEntry = z.output<typeof sentencePairsSchema>;
export type TemporalClassificationEntry = z.output<typeof temporalClassificationSchema>;
export type SegmentationProbeEntry = z.output<typeof segmentationProbeSchema>;
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

/** Scores findings by what a head of the model says of them, without prompts. */
export function headScores(options: Named<z.input<typeof headScoresSchema>>): EvaluationInput {
  return {
    ...options,
    task: 'head-scores',
    name: options.name ?? (options.labels ? `head-scores ${options.labels}` : 'head-scores'),
  };
}

/** Whether two sentences say the same, by the similarity of their features. */
export function sentencePairs(options: Named<z.input<typeof sentencePairsSchema>>): EvaluationInput {
  return { ...options, task: 'sentence-pairs', name: options.name ?? `sentence-pairs ${options.labels}` };
}

/** Whether findings improve, stay or worsen between two studies, by logistic regression on frozen features. */
export function temporalClassification(options: Named<z.input<typeof temporalClassificationSchema>>): EvaluationInput {
  return { ...options, task: 'temporal-classification', name: options.name ?? 'temporal-classification' };
}

/** Finds regions by a linear classifier of frozen patches. */
export function segmentationProbe(options: Named<z.input<typeof segmentationProbeSchema>> = {}): EvaluationInput {
  return { ...options, task: 'segmentation-probe', name: options.name ?? 'segmentation-probe' };
}

/** The features that an evaluation asks of a model. */
export function featuresAsked(entry: EvaluationEntry): string[] {
  switch (entry.task) {
    case 'retrieval':
      return entry.between;
    case 'zero-shot':
      return Object.values(entry.features);
    case 'linear-probe':
    case 'head-scores':
    case 'sentence-pairs':
      return [entry.features];
    case 'temporal-classification':
      return entry.features;
    case 'segmentation-probe':
      return [entry.patches];
    case 'grounding':
    case 'pointing-game':
      return entry.maps.of === 'similarity' ? [entry.maps.patches, entry.maps.phrases] : [entry.maps.feature];
  }
}
