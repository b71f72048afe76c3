import { basename } from 'node:path';
import type { ArgumentsCamelCase, Argv } from 'yargs';
import { protocols } from '../config/protocols.js';
import { evaluate, TASK_NAMES } from '../evaluate/evaluate.js';
import { resultText } from '../evaluate/result-text.js';
import { openModel } from '../model/open.js';

export const command = 'evaluate <task>';
export const describe = 'a checkpoint on held-out rows → metrics beside published numbers';

export const builder = (yargs: Argv) =>
  yargs
    .positional('task', {
      type: 'string',
      demandOption: true,
      describe: `${TASK_NAMES.join(', ')}; a published protocol: ${Object.keys(protocols).join(', ')}; the name of one of the recipe's evaluations, or all of them`,
    })
    .option('checkpoint', { type: 'string', demandOption: true, describe: 'a checkpoint of a run' })
    .option('data', { type: 'string', demandOption: true, describe: 'a prepared data folder' })
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
  const { device, threads, data } = args;
  const model = await openModel(args.checkpoint, {
    data,
    ...(device === undefined ? {} : { device }),
    ...(threads === undefined ? {} : { threads }),
  });
  try {
    const overrides = {
      labels: args.labels,
      prompts: args.prompts,
      split: args.split,
      bootstrap: args.bootstrap,
    };
    for await (const report of evaluate(model, data, args.task, overrides, {
      weights: basename(args.checkpoint),
    })) {
      process.stdout.write(args.json ? `${JSON.stringify(report)}\n` : `${resultText(report)}\n`);
    }
  } finally {
    await model.close();
  }
}
