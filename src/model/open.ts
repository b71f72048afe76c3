import { fillWithImported } from '../checkpoint/initial-weights.js';
import { type CheckpointMetadata, type ModelConfig, readMetadata } from '../checkpoint/metadata.js';
import type { OptionValue } from '../config/parts.js';
import type { ResolvedConfig } from '../config/schema.js';
import { PICTURE_DEFAULTS, type PictureOptions } from '../data/pictures/picture.js';
import { TextTokenizer } from '../data/tokenizer/tokenizer.js';
import type { Model } from '../evaluate/model.js';
import { Engine } from '../native/engine.js';
import { description } from '../native/generated.js';
import { EngineEmbedder } from './engine-embedder.js';
import { settleMachine } from './machine.js';

/**
 * Opens a checkpoint for evaluation and embedding: it carries its configuration, tokenizer and how pictures are read, so the file is all
 * that is needed; imported weights too, where their format says how they are used. Averaged weights are used where the run kept them.
 * Throws `bad-checkpoint` for a damaged or foreign file.
 */
export async function openModel(
  file: string,
  options: {
    device?: string;
    threads?: number;
    data?: string;
    /** Options of the inputs of texts in place of the checkpoint's. */
    texts?: Record<string, OptionValue>;
  } = {},
): Promise<Model & EngineEmbedder> {
  const { metadata } = readMetadata(file, true);
  const config = usable(metadata);
  if (options.device) config.train.device = options.device;
  if (options.threads) config.train.threads = options.threads;
  for (const { input, options: own } of Object.values(config.data))
    if (input === 'text') Object.assign(own, options.texts);
  const machine = settleMachine(config);
  const engine = new Engine(nativeConfig(config, machine, false, metadata.tokenizer?.json));
  try {
    await engine.later('build');
    if (metadata.data === null) await fillWithImported(engine, file, config);
    else await engine.later('restore', { file, part: (config.optimise?.ema ?? 0) > 0 ? 'average' : 'weights' });
    const tokenizer = metadata.tokenizer
      ? await TextTokenizer.from(metadata.tokenizer.json, metadata.tokenizer.name)
      : undefined;
    const { logitScale } = await engine.later<{ logitScale?: number }>('parameters');
    const embedder = new EngineEmbedder(engine, {
      batch: 64,
      loaderThreads: machine.loaderThreads,
      averaged: false,
      tokenizer,
      pictures: metadata.images ? pictureOptions(metadata.images) : metadata.reading?.pictures,
      texts: metadata.reading?.texts,
      inputs: config.data,
    });
    return Object.assign(embedder, {
      config,
      ...(logitScale === undefined ? {} : { logitScale }),
      features: globalFeatures(config),
      close: async () => {
        EngineEmbedder.prototype.close.call(embedder);
        engine.close();
      },
    });
  } catch (error) {
    engine.close();
    throw error;
  }
}

/** The configuration of a checkpoint, with what imported weights do not say of a run. */
export function usable({ config }: CheckpointMetadata): UsableConfig {
  return { ...structuredClone(config), train: { ...alone, ...config.train } };
}
export type UsableConfig = ModelConfig & Pick<ResolvedConfig, 'train'>;

const alone: ResolvedConfig['train'] = {
  batch: 1,
  accumulate: 1,
  precision: 'fp32',
  negatives: 'global',
  gradientCompression: 'none',
  seed: 0,
  device: 'auto',
  threads: 0,
  loaderThreads: 0,
  evaluateEvery: 0,
};

function pictureOptions({ size, fit, store, quality }: NonNullable<CheckpointMetadata['images']>): PictureOptions {
  return { ...PICTURE_DEFAULTS, size, fit, store, quality: quality ?? PICTURE_DEFAULTS.quality };
}

/**
 * What the native engine reads: the configuration with the machine's facts; without `optimise` it only embeds. `tokenizer`: the
 * tokenizer.json of the data.
 */
export function nativeConfig(
  config: UsableConfig,
  machine: { device: string; threads: number },
  training: boolean,
  tokenizer?: string,
): object {
  const { accumulate, precision, seed } = config.train;
  const encoders = Object.fromEntries(
    Object.entries(config.encoders).map(([modality, part]) => [
      modality,
      { ...part, chunks: part.chunks ?? accumulate },
    ]),
  );
  return {
    device: machine.device,
    threads: machine.threads,
    seed,
    precision,
    data: withContinuations(config.data, tokenizer),
    encoders,
    heads: config.heads,
    relation: config.relation ?? { relation: 'identity', options: {} },
    objectives: config.objectives ?? [],
    ...(training ? { optimise: config.optimise } : {}),
  };
}

/** Inputs that mask whole words, with the tokens that go on with a word: too many to stand in a configuration that people read. */
function withContinuations(data: ResolvedConfig['data'], tokenizer: string | undefined): ResolvedConfig['data'] {
  const whole = Object.values(data).some(({ options }) => options['wholeWords']);
  if (!whole || tokenizer === undefined) return data;
  const { model } = JSON.parse(tokenizer) as {
    model: { vocab?: Record<string, number>; continuing_subword_prefix?: string };
  };
  const prefix = model.continuing_subword_prefix || '##';
  const continuations = Object.entries(model.vocab ?? {})
    .filter(([piece]) => piece.startsWith(prefix) && piece !== prefix)
    .map(([, id]) => id);
  return Object.fromEntries(
    Object.entries(data).map(([modality, part]) => [
      modality,
      part.options['wholeWords'] ? { ...part, options: { ...part.options, continuations } } : part,
    ]),
  );
}

/** One vector a sample: every encoder's global feature and what heads write. */
export function globalFeatures(config: ModelConfig): string[] {
  const out = Object.keys(config.encoders)
    .filter((modality) => {
      const part = config.encoders[modality];
      const own = part && 'share' in part ? config.encoders[part.share] : part;
      return own && !('share' in own) && description.encoders[own.encoder]?.gives.includes('global');
    })
    .map((modality) => `${modality}.global`);
  for (const { head, options } of config.heads) {
    const described = description.heads[head];
    const output = described?.options.find((option) => option.kind === 'output');
    const from = String(options['from'] ?? '');
    const name = String((output && options[output.name]) || from);
    if (name.endsWith('.global') || !/\.(patches|tokens|mask)$/.test(from)) out.push(name);
  }
  return [...new Set(out)];
}
