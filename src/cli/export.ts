import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import { type ExportReport, exportWeights, isWritten } from '../checkpoint/export.js';
import { findFormat, formatNames, type SourceOption } from '../checkpoint/format.js';
import { GadoliniumError } from '../errors.js';
import { count } from '../events/wording.js';

export const command = 'export <format>';
export const describe = 'a checkpoint → weights under the official names, for the official code';

const all = await Promise.all(formatNames().map(async (name) => ({ name, ...(await findFormat(name)) })));
const formats = all.filter(isWritten);
const partsOf = (name: string) => Object.keys(formats.find((one) => one.name === name)?.sources ?? {});

export const builder = (yargs: Argv) =>
  yargs
    .positional('format', {
      type: 'string',
      demandOption: true,
      choices: formats.map(({ name }) => name),
      describe: 'Whose names',
    })
    .option('checkpoint', {
      type: 'string',
      demandOption: true,
      describe: 'a checkpoint of a run, or imported weights',
    })
    .option('part', {
      type: 'string',
      describe: 'which file of a format that has several: image or text (default: the first)',
    })
    .option('to', {
      type: 'string',
      demandOption: true,
      describe: 'the file to write: .pt, .pth or .bin as torch.save writes them, or .safetensors',
    })
    .option('json', { type: 'boolean', default: false, describe: 'one event a line on standard output' })
    .check(({ format, part, to }) => {
      if (!/\.(pt|pth|bin|safetensors)$/.test(to))
        throw GadoliniumError.expected('usage', 'a name that ends in .pt, .pth, .bin or .safetensors', '--to', to);
      const known = partsOf(format);
      if (part !== undefined && !known.includes(part))
        throw GadoliniumError.expected('usage', `one of ${known.join(', ')}`, `--part of ${format}`, part);
      return true;
    })
    .example('$0 export biovil --checkpoint FILE --to biovil_image.pt', 'its image model')
    .example('$0 export biovil --part text --checkpoint FILE --to pytorch_model.bin', 'its text model');

export async function handler(argv: {
  format: string;
  checkpoint: string;
  part?: string;
  to: string;
  json: boolean;
}): Promise<void> {
  const format = await findFormat(argv.format);
  const part = (argv.part ?? partsOf(argv.format)[0]) as SourceOption;
  const report = exportWeights(argv.format, format, part, argv.checkpoint, resolve(argv.to));
  if (argv.json)
    process.stdout.write(`${JSON.stringify({ type: 'exported', time: Date.now(), to: argv.to, ...report })}\n`);
  else process.stderr.write(asText(report, argv.to));
}

function asText({ format, tensors, zeros, absent, leftOut, averaged, bytes }: ExportReport, to: string): string {
  const lines = [`${to}: ${count(tensors)} tensors under the names of ${format}, ${count(bytes)} bytes`];
  if (averaged) lines.push('  the averaged weights of the run');
  if (zeros.length) lines.push(`  not in the checkpoint and never used, set to 0: ${zeros.join(', ')}`);
  if (absent.length) lines.push(`  not in the checkpoint: ${absent.join(', ')}`);
  if (leftOut.length) {
    const parts = [...new Set(leftOut.map((key) => /^[^.]+\.[^.]+/.exec(key)?.[0] ?? key))];
    lines.push(`  left out, the format has no place for them: ${parts.join(', ')}`);
  }
  return `${lines.join('\n')}\n`;
}
