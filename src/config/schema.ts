import { z } from 'zod';
import { evaluationSchema } from './evaluate.js';

const optionValue = z.union([z.number(), z.boolean(), z.string(), z.array(z.number()), z.array(z.string())]);
const options = z.record(z.string(), optionValue).default({});
const count = z.int().nonnegative();

/** As a recipe says it, or settled: the absolute path, the prefix there, and the hash of the file's tensors. */
const initialWeights = z.union([
  z.string().min(1),
  z.strictObject({ file: z.string(), from: z.string(), hash: z.string(), source: z.string().optional() }),
]);
const init = { init: initialWeights.optional() };
const towerOptions = { recompute: z.boolean().default(false), chunks: z.int().positive().optional() };
const encoder = z.union([
  z.strictObject({ encoder: z.string(), options, ...init, ...towerOptions }),
  z.strictObject({ share: z.string(), heads: z.boolean().optional(), ...towerOptions }),
]);

/** The whole resolved configuration; every default stands here. Field docs: config/recipe.ts. */
export const configSchema = z.strictObject({
  /** The recipe's name, or its file. */
  recipe: z.string(),
  title: z.string(),
  source: z.string().optional(),
  survey: z.strictObject({ family: z.string(), domain: z.string() }).optional(),
  data: z.record(z.string(), z.strictObject({ input: z.string(), options })),
  encoders: z.record(z.string(), encoder),
  heads: z.array(z.strictObject({ head: z.string(), name: z.string().optional(), options, ...init })).default([]),
  relation: z.strictObject({ relation: z.string(), options }).default({ relation: 'identity', options: {} }),
  objectives: z
    .array(
      z.strictObject({
        objective: z.string(),
        name: z.string().optional(),
        weight: z.number().default(1),
        options,
        ...init,
      }),
    )
    .min(1),
  optimise: z.strictObject({
    optimiser: z.strictObject({ optimiser: z.string(), options }),
    schedule: z.strictObject({ schedule: z.string(), options }),
    lr: z.number().positive(),
    decay: z.number().nonnegative().default(0),
    decayNormsAndBiases: z.boolean().default(false),
    groups: z
      .array(
        z.strictObject({
          match: z.string(),
          rate: z.number().nonnegative().default(1),
          decay: z.number().nonnegative().optional(),
          frozen: z.boolean().default(false),
        }),
      )
      .default([]),
    layerDecay: z.record(z.string(), z.number().positive().max(1)).default({}),
    clip: z.number().nonnegative().default(0),
    ema: z.number().min(0).max(1).default(0),
    watch: z.string().default(''),
    maximumSkipped: z.int().positive().default(20),
    /**
     * Each process keeps and updates a share of the optimiser's state instead of all of it (ZeRO stage 1): the same run, with less
     * memory.
     */
    sharded: z.boolean().default(false),
  }),
  train: z.strictObject({
    batch: z.int().positive(),
    epochs: z.number().positive().optional(),
    steps: z.int().positive().optional(),
    accumulate: z.int().positive().default(1),
    precision: z.enum(['fp32', 'bf16', 'fp16']).default('fp32'),
    /**
     * What several processes contrast. global: the whole batch, exactly as one process would. The others are what released code
     * does, for reproductions: local (each process its own share), global-local-gradient (the whole batch, but towers get
     * 1/processes of the gradient).
     */
    negatives: z.enum(['global', 'local', 'global-local-gradient']).default('global'),
    /** How gradients travel between processes: whole, or rounded to half the bytes on the way. */
    gradientCompression: z.enum(['none', 'bf16', 'fp16']).default('none'),
    seed: count.default(0),
    device: z.string().default('auto'),
    threads: count.default(0),
    loaderThreads: count.default(0),
    evaluateEvery: count.default(0),
  }),
  sampling: z
    .strictObject({
      split: z.string().default('train'),
      order: z.enum(['shuffle', 'apart', 'balanced']).default('shuffle'),
      labels: z.string().default(''),
      /** Of the split's rows, drawn by the seed; a smaller share lies inside a larger. */
      share: z.number().positive().max(1).default(1),
    })
    .prefault({}),
  /** Constant vectors of texts: field docs in config/recipe.ts. */
  books: z
    .strictObject({
      model: z.string().default(''),
      feature: z.string().default('text.global'),
      maxTokens: z.int().positive().default(128),
      endToken: z.boolean().default(true),
      texts: z.record(
        z.string(),
        z.strictObject({ into: z.string(), from: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]) }),
      ),
    })
    .optional(),
  evaluate: z.array(evaluationSchema).default([]),
  checkpoint: z
    .strictObject({
      everySteps: count.default(1000),
      everyMinutes: z.number().nonnegative().default(15),
      keep: z.int().positive().default(3),
      best: z
        .strictObject({ metric: z.string(), mode: z.enum(['max', 'min']).default('max') })
        .nullable()
        .default(null),
    })
    .prefault({}),
});

export type ResolvedConfig = z.output<typeof configSchema>;
