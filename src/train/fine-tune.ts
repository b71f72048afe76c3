/** Fine-tuning a checkpoint's encoder on labels: real training runs, one for each share of the labels, each measured at its best. */
import { existsSync } from 'node:fs';
import { resolve as absolute, join } from 'node:path';
import { checkpointFolder, listCheckpoints } from '../checkpoint/files.js';
import { readMetadata } from '../checkpoint/metadata.js';
import { evaluationSchema, type FineTuneEntry, type HeadScoresEntry, headScores } from '../config/evaluate.js';
import type { EncoderPart } from '../config/parts.js';
import type { Recipe } from '../config/recipe.js';
import { resolve } from '../config/resolve.js';
import type { ResolvedConfig } from '../config/schema.js';
import { type Manifest, requireDataset } from '../data/manifest.js';
import { openShards } from '../data/shards/shards.js';
import { GadoliniumError } from '../errors.js';
import type { EvaluationReport } from '../evaluate/evaluate.js';
import { publishedFor } from '../evaluate/published/published.js';
import { openRows } from '../evaluate/rows.js';
import { type Evaluated, runTask } from '../evaluate/tasks.js';
import type { EventListener } from '../events/types.js';
import { EngineData, EngineEmbedder } from '../model/engine-embedder.js';
import { settleMachine } from '../model/machine.js';
import { nativeConfig, openModel, type UsableConfig, usable } from '../model/open.js';
import { Engine } from '../native/engine.js';
import { adamw, array, constant, description, linearProjection, multiLabel } from '../native/generated.js';
import { train } from './train.js';

export interface FineTuneOptions {
  /** A checkpoint with the encoder to start from. */
  checkpoint: string;
  /** What the report calls the checkpoint. */
  weights?: string | undefined;
  /** A prepared folder with splits train, valid and the one that is reported. */
  data: string;
  /** Folder of the runs: one below it for each share. */
  runs: string;
  device?: string | undefined;
  threads?: number | undefined;
  /** Who hears the events of a run. */
  listeners?: (run: string) => EventListener[];
}

const SHOWN = ['auroc.macro', 'average-precision.macro', 'f1.macro'];

/**
 * Trains encoder and a new linear layer on 1, 10 and 100 % of the labels (or the entry's shares), one sigmoid a finding; keeps the
 * weights with the best macro AUROC on split `valid`, which is looked at after each epoch; and measures those on the reported split.
 * The defaults are MedKLIP's (AdamW 1e-5, decay 0.02, batch 64, 100 epochs, constant rate); pictures are augmented as the
 * checkpoint's recipe does. A share with fewer rows than a batch makes one batch of what it has.
 */
export async function fineTune(entry: FineTuneEntry, options: FineTuneOptions): Promise<EvaluationReport> {
  const begun = performance.now();
  const { data, runs } = options;
  const manifest = requireDataset(data);
  const { metadata } = readMetadata(options.checkpoint, true);
  const source = usable(metadata);
  if (options.device) source.train.device = options.device;
  if (options.threads) source.train.threads = options.threads;
  const origin = { source, manifest, checkpoint: absolute(options.checkpoint), width: 0 };
  origin.width = await widthOf(entry, origin, data);
  const notes: string[] = [];
  if (!manifest.splits['valid']) notes.push("there is no split 'valid': the last weights were measured, not the best");

  const metrics: Record<string, number> = {};
  const table: (string | number)[][] = [];
  let last: Evaluated | undefined;
  for (const fraction of entry.fractions) {
    const rows = Math.ceil(fraction * (manifest.splits['train']?.rows ?? 0));
    if (rows === 0) throw GadoliniumError.expected('nothing-to-evaluate', "rows of split 'train'", data, 'none');
    const share = `${Number((fraction * 100).toPrecision(6))}%`;
    const run = join(runs, share.replace('%', '-percent'));
    const recipe = recipeOf(entry, origin, fraction, rows);
    await train({ recipe, data, run, listeners: options.listeners?.(run) ?? [] }).done;
    last = await measured(entry, origin, run, data);
    for (const [name, value] of Object.entries(last.metrics)) metrics[`${share}.${name}`] = value;
    table.push([share, rows, ...SHOWN.map((name) => last!.metrics[name] ?? '–')]);
    for (const note of last.notes) if (!notes.includes(note)) notes.push(note);
  }
  const { samples } = last!;
  const protocol = { dataset: manifest.name, split: entry.split, samples, encoder: 'tuned', head: 'linear' };
  return {
    type: 'evaluation',
    time: Date.now(),
    rank: 0,
    step: 0,
    task: entry.task,
    name: entry.name,
    metrics,
    samples,
    milliseconds: performance.now() - begun,
    table: { columns: ['labels', 'training rows', ...SHOWN], rows: table },
    notes,
    protocol,
    model: {
      resolution: Number(inputOf(entry, source).options?.['size']) || undefined,
      weights: options.weights,
      recipe: source.recipe,
    },
    published: publishedFor(entry.task, entry.labels, protocol),
  };
}

interface Origin {
  /** Configuration of the checkpoint that is started from. */
  source: UsableConfig;
  manifest: Manifest;
  checkpoint: string;
  /** Of the feature that the linear layer reads. */
  width: number;
}

const modalityOf = ({ features }: FineTuneEntry) => features.split('.')[0]!;

function inputOf(entry: FineTuneEntry, { data }: UsableConfig): ResolvedConfig['data'][string] {
  const input = data[modalityOf(entry)];
  if (input) return input;
  throw GadoliniumError.expected(
    'no-feature',
    `a feature of ${Object.keys(data).join(', ')}`,
    'fine-tune',
    entry.features,
  );
}

function vocabularyOf({ labels }: FineTuneEntry, manifest: Manifest): Manifest['labels'][number] {
  const vocabulary = manifest.labels.find(({ vocab }) => vocab === labels);
  if (vocabulary) return vocabulary;
  const known = manifest.labels.map(({ vocab }) => vocab).join(', ') || '(the folder has no labels)';
  throw GadoliniumError.expected('no-labels', `one of ${known}`, `labels of ${manifest.name}`, labels);
}

/** The classifier's scores of one split. */
function scores(entry: FineTuneEntry, manifest: Manifest, name: string, split: string): HeadScoresEntry {
  const { names } = vocabularyOf(entry, manifest);
  return evaluationSchema.parse(
    headScores({
      name,
      labels: entry.labels,
      features: `${modalityOf(entry)}.findings`,
      queries: Object.fromEntries(names.map((finding, k) => [finding, k])),
      activation: 'sigmoid',
      uncertain: entry.uncertain,
      bootstrap: split === entry.split ? entry.bootstrap : 0,
      split,
    }),
  ) as HeadScoresEntry;
}

/** The training run of one share as a recipe: the checkpoint's input and encoder, and one linear layer. */
function recipeOf(entry: FineTuneEntry, origin: Origin, fraction: number, rows: number): Recipe {
  const { source, manifest, checkpoint, width } = origin;
  const modality = modalityOf(entry);
  const { names, offset } = vocabularyOf(entry, manifest);
  const total = manifest.labels.reduce((sum, one) => sum + one.names.length, 0);
  const encoder = source.encoders[modality];
  if (!encoder || 'share' in encoder) {
    throw GadoliniumError.expected(
      'no-encoder',
      'an encoder with weights of its own',
      `fine-tune on ${entry.features}`,
      encoder,
    );
  }
  const batch = Math.min(entry.batch, rows);
  const valid = manifest.splits['valid'] !== undefined;
  const logits = `${modality}.findings`;
  return {
    title: `Fine-tuning on ${names.length} labels of '${entry.labels}', ${100 * fraction} % of the rows`,
    source: `starts from the encoder '${modality}' of a checkpoint of ${source.recipe}; settings by MedKLIP's fine-tuning unless told otherwise`,
    data: { [modality]: inputOf(entry, source), labels: array({ column: 'label_vec', shape: [total] }) },
    encoders: { [modality]: { ...encoder, init: `${checkpoint}#encoders.${modality}` } as EncoderPart },
    heads: [linearProjection({ from: entry.features, to: logits, inputWidth: width, outputWidth: names.length })],
    objectives: [
      multiLabel({
        feature: logits,
        labels: 'labels.values',
        logits: true,
        width: names.length,
        classes: names.length,
        firstLabel: offset,
      }),
    ],
    optimise: { optimiser: adamw(), schedule: constant(), lr: entry.lr, decay: entry.decay },
    train: {
      batch,
      epochs: entry.epochs,
      seed: entry.seed,
      precision: source.train.precision,
      device: source.train.device,
      threads: source.train.threads,
      evaluateEvery: Math.max(1, Math.round(rows / batch)),
    },
    sampling: { split: 'train', share: fraction },
    // Nothing but `valid` is looked at while it trains.
    evaluate: valid ? [scores(entry, manifest, 'valid', 'valid')] : [],
    checkpoint: {
      everySteps: 0,
      everyMinutes: 0,
      keep: 1,
      ...(valid ? { best: { metric: 'valid/auroc.macro', mode: 'max' as const } } : {}),
    },
  };
}

/** Width of the feature, by asking the encoder for that of one row: what its options make of it is only known natively. */
async function widthOf(entry: FineTuneEntry, origin: Origin, data: string): Promise<number> {
  const { heads: _, ...recipe } = recipeOf(entry, origin, 1, 1);
  const bare = multiLabel({ feature: entry.features, labels: 'labels.values', width: 1, classes: 1 });
  const config = resolve('fine-tune', { ...recipe, objectives: [bare], evaluate: [] }, { parts: description });
  for (const encoder of Object.values(config.encoders)) if ('init' in encoder) delete encoder.init;
  const engine = new Engine(nativeConfig(config, settleMachine(config), false));
  try {
    await engine.later('build');
    const opened = new EngineData(engine, openShards(data));
    const embedder = new EngineEmbedder(engine, {
      batch: 1,
      loaderThreads: 1,
      averaged: false,
      tokenizer: undefined,
      pictures: undefined,
      inputs: config.data,
    });
    embedder.adopt(data, opened);
    const { features } = await embedder.embed({
      data: { kind: 'rows', data },
      rows: Uint32Array.of(0),
      features: [entry.features],
    });
    embedder.close();
    const { width, shape } = features[entry.features]!;
    if (shape?.length === 1) return width;
    throw GadoliniumError.expected(
      'feature-width',
      'one vector a sample',
      `feature '${entry.features}'`,
      shape?.join(' × '),
    );
  } finally {
    engine.close();
  }
}

/** The best weights of a run, or its last, on the reported split. */
async function measured(entry: FineTuneEntry, { manifest }: Origin, run: string, data: string): Promise<Evaluated> {
  const best = join(checkpointFolder(run), 'best.safetensors');
  const model = await openModel(existsSync(best) ? best : listCheckpoints(run)[0]!.file, { data });
  const rows = openRows(data);
  try {
    return await runTask(scores(entry, manifest, entry.name, entry.split), { embedder: model, rows, data });
  } finally {
    rows.close();
    await model.close();
  }
}
