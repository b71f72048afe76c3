import { mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { AppendFile } from './append-file.js';
import { ScalarRecords, sessionStartRecord, textRecord, versionRecord } from './tfevents.js';
import type { EventListener, RunStarted, Step, TrainEvent } from './types.js';

export interface TensorBoardOptions {
  /** Longest time a record may wait in memory. */
  milliseconds?: number;
}

/**
 * Writes `<run>/tensorboard/events.out.tfevents.…`, one file a session: every number of every step and evaluation as a scalar,
 * the resolved config (`<run>/config.json`), the opening and all warnings as text. `tensorboard --logdir <run>` shows them.
 * A resumed session makes TensorBoard forget the steps that it repeats.
 */
export function tensorBoard(run: string, options: TensorBoardOptions = {}): EventListener {
  const encoder = new Encoder(run);
  let file: AppendFile<TrainEvent | Buffer> | undefined;
  const open = () => {
    const folder = path.join(run, 'tensorboard');
    mkdirSync(folder, { recursive: true });
    const now = Date.now();
    // TensorBoard reads the files of a folder in the order of their names.
    const name = `events.out.tfevents.${String(now).padStart(14, '0')}.${hostname()}.${process.pid}`;
    const opened = new AppendFile<TrainEvent | Buffer>(path.join(folder, name), options.milliseconds ?? 1000, (items) =>
      Buffer.concat(items.flatMap((item) => (Buffer.isBuffer(item) ? item : encoder.records(item)))),
    );
    opened.append(versionRecord(now / 1000));
    return opened;
  };
  return {
    name: 'tensorboard',
    on(event) {
      file ??= open();
      return file.append(event, event.type !== 'step');
    },
    close: () => file?.close(),
  };
}

class Encoder {
  readonly #run: string;
  readonly #scalars = new ScalarRecords();
  readonly #tags: string[] = [];
  readonly #values: number[] = [];
  readonly #tagOf = tagger();

  constructor(run: string) {
    this.#run = run;
  }

  records(event: TrainEvent): Buffer[] {
    const seconds = event.time / 1000;
    this.#tags.length = 0;
    this.#values.length = 0;
    switch (event.type) {
      case 'step':
        scalars(event, this.#put);
        return [this.#scalars.make(seconds, event.step, this.#tags, this.#values)];
      case 'evaluation':
        for (const metric in event.metrics) this.#put(`evaluation/${event.name}`, metric, event.metrics[metric]!);
        this.#put('milliseconds', `evaluation ${event.name}`, event.milliseconds);
        return [this.#scalars.make(seconds, event.step, this.#tags, this.#values)];
      case 'run-started':
        return [
          ...(event.from > 0 ? [sessionStartRecord(seconds, event.from + 1)] : []),
          textRecord(seconds, event.from, 'run', markdown(event)),
          textRecord(seconds, event.from, 'config', `\`\`\`json\n${config(this.#run)}\n\`\`\``),
        ];
      case 'warning':
        return [textRecord(seconds, event.step ?? 0, `warnings/${event.code}`, event.message)];
      default:
        return [];
    }
  }

  readonly #put = (group: string, name: string, value: number): void => {
    this.#tags.push(this.#tagOf(group, name));
    this.#values.push(value);
  };
}

function scalars(step: Step, put: (group: string, name: string, value: number) => void): void {
  put('loss', 'total', step.loss);
  for (const name in step.losses) put('loss', name, step.losses[name]!);
  for (const name in step.measures) put('measure', name, step.measures[name]!);
  for (const name in step.learningRates) put('learning-rate', name, step.learningRates[name]!);
  if (step.logitScale !== undefined) put('objective', 'logit-scale', step.logitScale);
  put('gradient-norm', 'total', step.gradientNorm);
  for (const name in step.gradientNorms) put('gradient-norm', name, step.gradientNorms[name]!);
  put('speed', 'samples-per-second', step.samplesPerSecond);
  if (step.mfu !== undefined) put('speed', 'mfu', step.mfu);
  if (step.flopsPerSecond !== undefined) put('speed', 'flops-per-second', step.flopsPerSecond);
  for (const part in step.milliseconds) {
    put('milliseconds', part, step.milliseconds[part as keyof Step['milliseconds']]);
  }
  put('memory', 'now', step.memory.now);
  put('memory', 'peak', step.memory.peak);
  put('data', 'ready', step.ready);
  put('data', 'epoch', step.epoch);
  put('data', 'samples', step.samples);
  put('data', 'skipped', step.skipped);
}

/** Joins group and name once per pair: a string that is made anew has to be hashed anew. */
function tagger(): (group: string, name: string) => string {
  const groups = new Map<string, Map<string, string>>();
  return (group, name) => {
    const names = groups.get(group) ?? new Map<string, string>();
    if (names.size === 0) groups.set(group, names);
    const tag = names.get(name) ?? `${group}/${name}`;
    if (!names.has(name)) names.set(name, tag);
    return tag;
  };
}

function config(run: string): string {
  try {
    return readFileSync(path.join(run, 'config.json'), 'utf8').trim();
  } catch {
    return '"this run folder has no config.json"';
  }
}

function markdown(run: RunStarted): string {
  const rows: [string, string | number][] = [
    ['recipe', run.recipe],
    ['steps', run.steps],
    ['from', run.from],
    ['negatives', run.negatives],
    ['device', `${run.device}, ${run.precision}, ${run.threads} threads, ${run.world} processes`],
    ['batch', `${run.batch} in ${run.accumulate} chunks`],
    ['data', `${run.data.name}, ${run.data.training} of ${run.data.rows} rows for training`],
    ['parameters', `${run.parameters.total}, ${run.parameters.trainable} trainable`],
    ['versions', `gadolinium ${run.versions.gadolinium}, libtorch ${run.versions.libtorch}, Node ${run.versions.node}`],
  ];
  return ['| | |', '| --- | --- |', ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join('\n');
}
