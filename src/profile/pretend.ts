import { findRecipe } from '../config/find-recipe.js';
import type { Recipe } from '../config/recipe.js';
import { resolve } from '../config/resolve.js';
import type { ResolvedConfig } from '../config/schema.js';
import { openTokenizerText, requireDataset } from '../data/manifest.js';
import { type Plan, requireShares } from '../data/plan.js';
import { openShards } from '../data/shards/shards.js';
import { EngineData } from '../model/engine-embedder.js';
import { settleMachine } from '../model/machine.js';
import { nativeConfig } from '../model/open.js';
import { Engine } from '../native/engine.js';
import { description } from '../native/generated.js';
import type { CacheOptions } from '../storage/cache.js';
import { openSource } from '../storage/source.js';
import { requirePictureSize, tokenizerFacts } from '../train/data-folder.js';
import { planOf } from '../train/order.js';
import { Cost } from './cost.js';
import type { Counted } from './counted.js';
import { type Forecast, forecast, type Hardware } from './forecast.js';

export interface PretendOptions {
  recipe: string | Recipe;
  /** The prepared data folder, or s3://bucket/prefix of one: then the shards that training reads are brought into the cache. */
  data: string;
  cache?: CacheOptions;
  /** Overrides, `PATH=VALUE`. */
  set?: readonly string[];
  /** Ranks to pretend; smaller worlds are forecast beside. */
  world: number;
  hardware: Hardware;
}

/**
 * A run as it would be with `world` cards, without running it: resolves the recipe, plans the data, counts operations, memory and
 * traffic on a few samples here on the CPU, and forecasts the time of a step. Starts no ranks, changes no weights, writes nothing.
 * Throws what `train` throws for a recipe, folder or batch that it would refuse.
 */
export async function pretend(options: PretendOptions): Promise<Forecast> {
  const { name, recipe } = await findRecipe(options.recipe);
  const source = await openSource(options.data, options.cache);
  try {
    const data = source.folder;
    const manifest = requireDataset(data);
    const config = resolve(name, recipe, {
      parts: description,
      set: options.set ?? [],
      tokenizer: tokenizerFacts(manifest),
    });
    requirePictureSize(config, manifest, data);
    requireShares(config.train.batch, options.world);
    await source.bring({ splits: [config.sampling.split] });
    const plan = planOf(config, data);
    const worlds = worldsUpTo(options.world).filter((world) => config.train.batch % world === 0);
    const cost = new Cost(config, await count(config, data, plan, worlds));
    const steps = config.train.steps ?? plan.stepsOf(config.train.epochs as number);
    return forecast(cost, worlds, options.hardware, {
      recipe: config.recipe,
      data: { folder: source.name, name: manifest.name, training: plan.facts.rows.length },
      steps,
      stepsPerEpoch: plan.epochLength / config.train.batch,
    });
  } finally {
    source.close();
  }
}

/** 1, 2, 4 … and the last. */
export function worldsUpTo(last: number): number[] {
  const out: number[] = [];
  for (let world = 1; world < last; world *= 2) out.push(world);
  return [...out, last];
}

/** Rows that are read to learn how long texts are and how large the rest is: more would tell little. */
const mostRows = 256;

/** On the CPU, whatever the recipe's device: this machine need not be the one. */
export async function count(
  config: ResolvedConfig,
  data: string,
  plan: Plan,
  worlds: readonly number[],
): Promise<Counted> {
  const here = structuredClone(config);
  here.train.device = 'cpu';
  if (here.train.precision === 'fp16') here.train.precision = 'bf16'; // the CPU has no fp16; the sizes are the same
  // Nothing is updated: moments and averages, of which the formulas are known, need not be held.
  here.optimise.optimiser = { optimiser: 'sgd', options: {} };
  here.optimise.ema = 0;
  const machine = settleMachine(here);
  const engine = new Engine(nativeConfig(here, machine, true, openTokenizerText(data)?.json));
  try {
    await engine.later('build');
    const opened = new EngineData(engine, openShards(data));
    const { batch, streams } = plan.facts;
    const size = Math.max(3, Math.min(batch, mostRows));
    const { rows } = plan.step(0, 0, 1);
    const some = new Uint32Array(streams * size);
    // A step smaller than that is read more than once over.
    for (let stream = 0; stream < streams; stream++)
      for (let i = 0; i < size; i++) some[stream * size + i] = rows[stream * batch + (i % batch)] as number;
    opened.reach(some);
    const chunks = Math.max(...Object.values(config.encoders).map((part) => part.chunks ?? config.train.accumulate));
    const shares = [...new Set(worlds.map((world) => Math.ceil(batch / world / chunks)))];
    return await engine.later<Counted>('count', {
      data: opened.id,
      rows: some,
      streams,
      threads: machine.loaderThreads,
      negatives: config.train.negatives,
      shares,
    });
  } finally {
    engine.close();
  }
}
