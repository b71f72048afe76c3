import { basename } from 'node:path';
import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { EvaluationInput } from '../config/evaluate.js';
import { protocols } from '../config/protocols.js';
import { GadoliniumError } from '../errors.js';
import {
  type EvaluationReport,
  entriesFor,
  evaluate,
  FINE_TUNE,
  fineTuneEntry,
  TASK_NAMES,
} from '../evaluate/evaluate.js';
import { resultText } from '../evaluate/result-text.js';
import { splitsOfAll } from '../evaluate/splits.js';
import { jsonLines } from '../events/jsonl.js';
import { terminal } from '../events/terminal.js';
import { openModel } from '../model/open.js';
import type { DataSource } from '../storage/source.js';
import { fineTune } from '../train/fine-tune.js';
import { bringData, cacheOptions } from './data-source.js';

export const command = 'evaluate <task>';
export const describe = 'a checkpoint on held-out rows → metrics beside published numbers';

export const builder = (yargs: Argv) =>
  cacheOptions(yargs)
    .positional('task', {
      type: 'string',
      demandOption: true,
      describe: `${TASK_NAMES.join(', ')}, ${FINE_TUNE}; a published protocol: ${Object.keys(protocols).join(', ')}; the name of one of the recipe's evaluations, or all of them`,
    })
    .option('checkpoint', { type: 'string', demandOption: true, describe: 'a checkpoint of a run' })
    .option('data', { type: 'string', demandOption: true, describe: 'a prepared data folder, or s3://bucket/prefix' })
    .option('labels', { type: 'string', describe: 'label vocabulary that holds the truth' })
    .option('prompts', {
      type: 'string',
      describe: 'zero-shot: a prompt set of the data folder, or a JSON file of classes or findings',
    })
    .option('split', { type: 'string', describe: 'rows to evaluate on (default test)' })
    .option('bootstrap', {
      type: 'number',
      default: 1000,
      describe: 'resamples behind the 95 % intervals; 0 = no intervals',
    })
    .option('set', {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'a setting of the evaluation as PATH=VALUE: features.samples=image.global, lr=1e-4',
    })
    .option('runs', {
      type: 'string',
      describe: `${FINE_TUNE}: folder for its training runs, one for each share of the labels`,
    })
    .option('device', { type: 'string', describe: 'cpu, cuda, cuda:1, …' })
    .option('threads', { type: 'number', describe: 'arithmetic threads (default: all cores)' })
    .option('json', { type: 'boolean', default: false, describe: 'one result a line on standard output' })
    .example('$0 evaluate zero-shot --checkpoint RUN/checkpoints/best.safetensors --data data/vqa-rad', '')
    .example('$0 evaluate linear-probe --labels organ --checkpoint FILE --data data/vqa-rad', '')
    .example(
      '$0 evaluate biovil-ms-cxr --checkpoint FILE --data data/ms-cxr --json >> results.jsonl',
      'for report --reproduce',
    );

type Arguments = ReturnType<typeof builder> extends Argv<infer A> ? A : never;

export async function handler(args: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { device, threads, labels, prompts, split, bootstrap, set } = args;
  const overrides = { labels, prompts, split, bootstrap, set };
  const weights = basename(args.checkpoint);
  const say = (report: EvaluationReport) =>
    process.stdout.write(args.json ? `${JSON.stringify(report)}\n` : `${resultText(report)}\n`);
  if (args.task === FINE_TUNE) {
    const { checkpoint, runs } = args;
    if (runs === undefined)
      throw GadoliniumError.expected('no-folder', 'a folder for the training runs', '--runs', runs);
    const listeners = (run: string) => [jsonLines(run), terminal({ stream: process.stderr })];
    const entry = fineTuneEntry(overrides);
    const source = await bringData(args.data, args);
    try {
      say(await fineTune(entry, { checkpoint, weights, data: source.folder, runs, device, threads, listeners }));
    } finally {
      source.close();
    }
    return;
  }
  const model = await openModel(args.checkpoint, {
    ...(device === undefined ? {} : { device }),
    ...(threads === undefined ? {} : { threads }),
  });
  let source: DataSource | undefined;
  try {
    const { evaluate: configured = [] } = model.config as { evaluate?: EvaluationInput[] };
    const splits = splitsOfAll(entriesFor(args.task, configured, overrides));
    source = await bringData(args.data, { ...args, splits });
    for await (const report of evaluate(model, source.folder, args.task, overrides, { weights })) say(report);
  } finally {
    await model.close();
    source?.close();
  }
}
