import { readFileSync } from 'node:fs';
import type { ArgumentsCamelCase, Argv } from 'yargs';
import { GadoliniumError } from '../errors.js';
import { type EmbedInput, type EmbedProgress, embed } from '../evaluate/embed.js';
import { count } from '../events/wording.js';
import { openModel } from '../model/open.js';
import type { DataSource } from '../storage/source.js';
import { bringData, cacheOptions } from './data-source.js';

export const command = 'embed';
export const describe = 'rows, images or texts → features in an Arrow file, one row an input';

export const builder = (yargs: Argv) =>
  cacheOptions(yargs)
    .option('checkpoint', { type: 'string', demandOption: true, describe: 'a checkpoint of a run' })
    .option('data', { type: 'string', describe: 'a prepared data folder, or s3://bucket/prefix' })
    .option('split', { type: 'string', describe: 'only these rows of the data folder (default: all)' })
    .option('images', { type: 'string', describe: 'a file with the path of one image a line' })
    .option('texts', { type: 'string', describe: 'a file with one text a line' })
    .option('out', { type: 'string', demandOption: true, describe: 'the Arrow file to write' })
    .option('features', {
      type: 'string',
      array: true,
      describe: "names such as image.global (default: all of the model's that are one vector a sample)",
    })
    .option('device', { type: 'string', describe: 'cpu, cuda, cuda:1, …' })
    .option('threads', { type: 'number', describe: 'arithmetic threads (default: all cores)' })
    .option('json', { type: 'boolean', default: false, describe: 'one event a line on standard output' })
    .check(({ data, images, texts, split }) => {
      const given = [data, images, texts].filter((one) => one !== undefined).length;
      if (given !== 1) {
        throw new GadoliniumError('usage', `expected one of --data, --images and --texts but got ${given} of them`);
      }
      if (split !== undefined && data === undefined) throw new GadoliniumError('usage', 'expected --data with --split');
      return true;
    })
    .example('$0 embed --checkpoint FILE --data data/vqa-rad --split test --out features.arrow', '')
    .example('$0 embed --checkpoint FILE --texts findings.txt --out findings.arrow', '');

type Arguments = ReturnType<typeof builder> extends Argv<infer A> ? A : never;

export async function handler(args: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { device, threads } = args;
  const input = inputOf(args);
  const model = await openModel(args.checkpoint, {
    ...(device === undefined ? {} : { device }),
    ...(threads === undefined ? {} : { threads }),
  });
  let source: DataSource | undefined;
  try {
    if (input.kind === 'rows') {
      const splits = input.split === undefined ? undefined : [input.split];
      source = await bringData(input.data, { ...args, splits });
      input.data = source.folder;
    }
    let last: EmbedProgress | undefined;
    for await (const progress of embed(model, { input, out: args.out, features: args.features })) {
      last = progress;
      if (args.json)
        process.stdout.write(`${JSON.stringify({ type: 'embed-progress', time: Date.now(), ...progress })}\n`);
      else process.stderr.write(`${count(progress.done)} of ${count(progress.total)} embedded\n`);
    }
    const { total = 0, missing = 0 } = last ?? {};
    if (args.json) {
      process.stdout.write(
        `${JSON.stringify({ type: 'embed-finished', time: Date.now(), out: args.out, rows: total, missing })}\n`,
      );
    } else {
      const lacking = missing > 0 ? `, ${count(missing)} of them without a feature (null)` : '';
      process.stderr.write(`${args.out}: ${count(total)} rows${lacking}\n`);
    }
  } finally {
    await model.close();
    source?.close();
  }
}

function inputOf({ data, split, images, texts }: ArgumentsCamelCase<Arguments>): EmbedInput {
  if (data !== undefined) return { kind: 'rows', data, split };
  return images !== undefined
    ? { kind: 'images', files: linesOf(images, '--images') }
    : { kind: 'texts', texts: linesOf(texts!, '--texts') };
}

/** One entry a line; an empty line is an error, because the rows of the result are counted by lines. */
export function linesOf(file: string, option: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw GadoliniumError.expected(
      'no-list',
      'a file that can be read',
      option,
      `${file}: ${(error as Error).message}`,
    );
  }
  const lines = text
    .replace(/^\uFEFF/, '')
    .replace(/\r?\n$/, '')
    .split(/\r?\n/);
  const empty = lines.findIndex((line) => line.trim() === '');
  if (empty >= 0) {
    throw GadoliniumError.expected('bad-list', 'one entry a line', option, `an empty line ${empty + 1} in ${file}`);
  }
  return lines;
}
