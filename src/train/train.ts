import { resolve as absolute, join } from 'node:path';
import { checkpointFolder, listCheckpoints } from '../checkpoint/files.js';
import { fillInitialWeights, settleInitialWeights } from '../checkpoint/initial-weights.js';
import { findRecipe } from '../config/find-recipe.js';
import type { Recipe } from '../config/recipe.js';
import { resolve } from '../config/resolve.js';
import { openTokenizerText, requireDataset } from '../data/manifest.js';
import { requireShares } from '../data/plan.js';
import { openShards } from '../data/shards/shards.js';
import { TextTokenizer } from '../data/tokenizer/tokenizer.js';
import type { GadoliniumError } from '../errors.js';
import { EventBus } from '../events/bus.js';
import type { CheckpointWritten, EventListener, RunFinished, TrainEvent } from '../events/types.js';
import { beat } from '../launch/rank.js';
import { single, type World } from '../launch/world.js';
import { peakOf } from '../model/cards.js';
import { EngineData, EngineEmbedder } from '../model/engine-embedder.js';
import { settleMachine } from '../model/machine.js';
import { nativeConfig } from '../model/open.js';
import type { NativeEvent } from '../native/addon.js';
import { Engine } from '../native/engine.js';
import { description } from '../native/generated.js';
import type { CacheOptions } from '../storage/cache.js';
import { type DataSource, openSource } from '../storage/source.js';
import { betterThanBefore, type Evaluated, tidyCheckpoints } from './best.js';
import { fillBooks } from './books.js';
import { metadataOf, requirePictureSize, tokenizerFacts } from './data-folder.js';
import { evaluateAll } from './evaluation.js';
import { Feed } from './feed.js';
import type { News } from './news.js';
import { planOf } from './order.js';
import { joinRanks, sharePosition } from './ranks.js';
import { type RejectPolicy, Rejects } from './rejects.js';
import { restoreNewest } from './restore.js';
import { beginRunFolder, checkRunFolder, configOfRun } from './run-folder.js';
import { runStarted } from './run-started.js';
import { bringShards } from './shards.js';

export interface TrainOptions {
  /** A recipe's name, the path of a recipe file, or a recipe. */
  recipe: string | Recipe;
  /** The prepared data folder, or s3://bucket/prefix of one in an object store. */
  data: string;
  /** Where shards of an object store are kept on this machine, and how many of them. */
  cache?: CacheOptions;
  /** The run's folder: new, or with `resume` that of a run to go on with. */
  run: string;
  resume?: boolean;
  /** Overrides, `PATH=VALUE`. */
  set?: readonly string[];
  listeners?: readonly EventListener[];
  /** Which process of how many this one is; default: alone. Each process makes the same call. Rank 0's events speak for all. */
  world?: World;
  /** Seconds that a rank waits for the others before it gives up; default 300. */
  rankTimeout?: number;
  /** What to do with samples that cannot be read; default: skip, at most 1 %. */
  rejects?: Partial<RejectPolicy>;
}

/**
 * Trains. Iterate it for events, await `done` for the end; it runs whether or not anybody iterates.
 *
 *     const run = train({ recipe: 'demo', data: 'data/vqa-rad', run: 'runs/first' });
 *     for await (const event of run) if (event.type === 'step') console.log(event.step, event.loss);
 *     await run.done;
 */
export function train(options: TrainOptions): TrainRun {
  return new TrainRun(options);
}

export class TrainRun implements AsyncIterable<TrainEvent> {
  /** Settles with the last event; rejects with the error that ended a failed run (the event came before). */
  readonly done: Promise<RunFinished>;
  readonly #bus: EventBus;
  readonly #options: TrainOptions;
  readonly #begun = Date.now();
  #engine: Engine | undefined;
  #source: DataSource | undefined;
  readonly #fetching = new AbortController();
  #stop: { reason: 'signal' | 'request'; error?: GadoliniumError } | undefined;

  constructor(options: TrainOptions) {
    this.#options = { ...options, run: absolute(options.run) };
    this.#bus = new EventBus(options.listeners ?? []);
    this.done = this.#run();
    // Whoever only iterates hears of a failure by the last event; without this it would be an unhandled rejection too.
    this.done.catch(() => {});
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TrainEvent> {
    return this.#bus[Symbol.asyncIterator]();
  }

  /** Ends the run after the step that is being computed, with a checkpoint. */
  stop(reason: 'signal' | 'request' = 'request'): void {
    this.#stop ??= { reason };
    this.#fetching.abort();
    this.#engine?.now('stop', { reason });
  }

  /** Writes a checkpoint after the step that is being computed; the run goes on. */
  checkpoint(reason: 'signal' | 'request' = 'request'): void {
    this.#engine?.now('checkpoint', { reason });
  }

  get #world(): World {
    return this.#options.world ?? single;
  }

  async #run(): Promise<RunFinished> {
    // A tick later, so that whoever made the run can attach to it before its first event.
    await Promise.resolve();
    let last: Omit<RunFinished, 'time' | 'rank'> = {
      type: 'run-finished',
      step: 0,
      reason: 'failed',
      skipped: 0,
      rejected: 0,
      seconds: 0,
    };
    let failure: unknown;
    try {
      last = { ...last, ...(await this.#train()) };
    } catch (error) {
      failure = error;
      const { code, message, advice } = error as GadoliniumError;
      last.error = { code: code ?? 'failed', message, ...(advice ? { advice } : {}) };
    } finally {
      this.#engine?.close();
      this.#source?.close();
      // A signal that comes now has nobody left to tell.
      this.#engine = undefined;
    }
    last.seconds = (Date.now() - this.#begun) / 1000;
    const event = { ...last, time: Date.now(), rank: this.#world.rank };
    this.#bus.push(event);
    for (const { message } of await this.#bus.close()) console.error(`warning: ${message}`);
    if (failure) throw failure;
    return event;
  }

  async #train(): Promise<Partial<RunFinished>> {
    const { run, resume = false, rankTimeout = 300 } = this.#options;
    const { rank, world } = this.#world;
    const say = (news: News) => this.#bus.push({ ...news, time: Date.now(), rank } as TrainEvent);
    const { name, recipe } = await findRecipe(this.#options.recipe);
    this.#source = await openSource(this.#options.data, this.#options.cache);
    const data = this.#source.folder;
    const manifest = requireDataset(data);
    const config = resolve(name, recipe, {
      parts: description,
      set: this.#options.set ?? [],
      tokenizer: tokenizerFacts(manifest),
    });
    requirePictureSize(config, manifest, data);
    const machine = settleMachine(config, this.#world);
    requireShares(config.train.batch, world);
    const words = openTokenizerText(data);
    if (rank === 0) {
      settleInitialWeights(config, resume ? configOfRun(run) : undefined, words);
      checkRunFolder(run, config, resume);
    }
    const peak = await peakOf(machine.device, config.train.precision);

    let rejects: Rejects | undefined;
    let feed: Feed | undefined;
    let evaluated: Evaluated = { step: -1, metrics: {} };
    const waiting: Promise<unknown>[] = [];
    const engine = new Engine(nativeConfig(config, machine, true, words?.json), (event: NativeEvent) => {
      switch (event.type) {
        case 'rows-wanted':
          feed?.more(Feed.lead);
          break;
        case 'reject': {
          const error = rejects?.take(event, ((event['step'] as number) * config.train.batch) / world);
          if (error && !this.#stop) {
            this.#stop = { reason: 'request', error };
            engine.now('stop', { reason: 'request' });
          }
          break;
        }
        case 'evaluation-due': {
          const evaluation = evaluate(event['step'] as number);
          // Awaited below; a run that fails first has its own error to tell. Among several ranks one that has left an evaluation is
          // out of step with the others: it ends at once.
          evaluation.catch((error) => {
            if (world === 1) return;
            this.#stop = { reason: 'request', error };
            engine.close();
          });
          waiting.push(evaluation);
          break;
        }
        case 'checkpoint':
          tidyCheckpoints(run, config, event as unknown as CheckpointWritten, evaluated, say);
          say(event as unknown as News);
          break;
        default:
          say(event as unknown as News);
      }
    });
    this.#engine = engine;

    await engine.later('build');
    // Rank 0 hands its weights to the others; a run that goes on has better ones than those it once started from.
    if (rank === 0 && !(resume && listCheckpoints(run).length)) {
      await fillInitialWeights(engine, config);
      await fillBooks(engine, config, (code, message) => say({ type: 'warning', code, message }));
    }
    if (world > 1) await joinRanks(engine, config, this.#world, rankTimeout);
    const stopping = this.#fetching.signal;
    try {
      await bringShards(this.#source, config, {
        engine,
        world: this.#world,
        patience: rankTimeout,
        say,
        signal: stopping,
      });
    } catch (error) {
      if (!stopping.aborted) throw error;
      return { reason: 'stopped' };
    }
    const plan = planOf(config, data);
    const steps = config.train.steps ?? plan.stepsOf(config.train.epochs as number);
    const opened = new EngineData(engine, openShards(data));
    const tokenizer = manifest.tokenizer
      ? await TextTokenizer.open(join(data, manifest.tokenizer.file), manifest.tokenizer.name)
      : undefined;
    const embedder = new EngineEmbedder(
      engine,
      {
        batch: Math.min(config.train.batch, 64),
        loaderThreads: machine.loaderThreads,
        averaged: config.optimise.ema > 0,
        tokenizer,
        pictures: undefined,
        inputs: config.data,
      },
      (message) => say({ type: 'warning', code: 'sample-rejected', message }),
    );
    embedder.adopt(data, opened);
    const evaluate = async (step: number) => {
      const proceed = () => {
        beat(step, 'training');
        engine.now('proceed');
      };
      beat(step, 'evaluation');
      try {
        evaluated = { step, metrics: await evaluateAll(config, data, engine, embedder, step, say) };
        // The best weights are kept whether or not a checkpoint is due at this step.
        if (betterThanBefore(run, config, evaluated)) engine.now('checkpoint', { reason: 'request' });
        const watched = evaluated.metrics[config.optimise.watch];
        if (watched !== undefined) engine.now('observe', { value: watched });
        proceed();
      } catch (error) {
        if (world === 1) proceed();
        throw error;
      }
    };

    // After everything that can be refused without it: a corrected second try finds no half-begun run.
    if (rank === 0) beginRunFolder(run, config, this.#options.set ?? []);
    const restored = resume && rank === 0 ? await restoreNewest(engine, { run, steps, manifest, say }) : undefined;
    const position = world > 1 ? await sharePosition(engine, restored) : restored;
    const from = position?.step ?? 0;
    rejects = new Rejects(
      join(run, rank === 0 ? 'rejects.jsonl' : `rejects-rank-${rank}.jsonl`),
      { onError: 'skip', limit: 0.01, ...this.#options.rejects },
      (code, message) => say({ type: 'warning', code, message }),
      position?.rejected ?? 0,
    );
    engine.now('prepareTraining', {
      data: opened.id,
      batch: config.train.batch / world,
      peak,
      rank,
      world,
      streams: plan.facts.streams,
      from,
      steps,
      loaderThreads: machine.loaderThreads,
      lowMark: Feed.lead / 2,
      evaluateEvery: config.evaluate.length ? config.train.evaluateEvery || steps : 0,
      checkpointFolder: checkpointFolder(run),
      checkpointEverySteps: config.checkpoint.everySteps,
      checkpointEveryMinutes: config.checkpoint.everyMinutes,
      maximumSkipped: config.optimise.maximumSkipped,
      skipped: position?.skipped ?? 0,
      rejected: position?.rejected ?? 0,
      metadata: metadataOf(config, manifest, data),
    });
    feed = new Feed(engine, plan, opened, { rank, world, from, steps });
    feed.more(Feed.lead);
    say(
      await runStarted(engine, config, machine, {
        run,
        steps,
        from,
        ...(position ? { resumed: position.file } : {}),
        world,
        data: { folder: this.#source.name, name: manifest.name, rows: manifest.rows, training: plan.facts.rows.length },
      }),
    );
    if (this.#stop) engine.now('stop', { reason: this.#stop.reason });
    const result = await engine
      .later<{ step: number; reason: string; skipped: number; rejected: number }>('train')
      .catch((error) => {
        throw this.#stop?.error ?? error;
      });
    await Promise.all(waiting);
    if (this.#stop?.error) throw this.#stop.error;
    return {
      step: result.step,
      reason: result.reason === 'done' ? 'done' : 'stopped',
      skipped: result.skipped,
      rejected: result.rejected,
    };
  }
}
