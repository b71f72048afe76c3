import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import { findFormat, formatNames } from '../checkpoint/format.js';
import { type ImportReport, importWeights } from '../checkpoint/import.js';
import { openSource } from '../checkpoint/source.js';
import { GadoliniumError } from '../errors.js';
import { count } from '../events/wording.js';

export const command = 'import <format>';
export const describe = "other people's weights → a safetensors file that a recipe's parts start from (init)";

const formats = await Promise.all(formatNames().map(async (name) => ({ name, ...(await findFormat(name)) })));

export function builder(yargs: Argv) {
  const parser = yargs
    .positional('format', {
      type: 'string',
      demandOption: true,
      choices: formats.map(({ name }) => name),
      describe: 'Whose weights',
    })
    .option('from', {
      type: 'string',
      demandOption: true,
      describe: 'A file of torch.save or safetensors, or a folder of them',
    })
    .option('to', { type: 'string', demandOption: true, describe: 'The safetensors file to write' })
    .option('entry', {
      type: 'string',
      describe: 'Dictionary of tensors inside the file, e.g. model; found by itself as a rule',
    })
    .option('prefix', { type: 'string', describe: 'Take only tensors below this prefix, without it' })
    .option('json', { type: 'boolean', default: false, describe: 'One event a line on standard output' })
    .check(({ to }) => {
      if (!to.endsWith('.safetensors'))
        throw GadoliniumError.expected('usage', 'a name that ends in .safetensors', '--to', to);
      return true;
    })
    .epilogue(`Formats:\n${formats.map(({ name, title }) => `  ${name.padEnd(20)} ${title}`).join('\n')}`);
  for (const { example } of formats) parser.example(`$0 ${example}`, '');
  return parser;
}

export async function handler(argv: {
  format: string;
  from: string;
  to: string;
  entry?: string;
  prefix?: string;
  json: boolean;
}): Promise<void> {
  const format = await findFormat(argv.format);
  const source = openSource(argv.from, { entry: argv.entry, prefix: argv.prefix });
  try {
    const report = importWeights(argv.format, format, source, resolve(argv.to));
    if (argv.json)
      process.stdout.write(`${JSON.stringify({ type: 'imported', time: Date.now(), to: argv.to, ...report })}\n`);
    else process.stderr.write(asText(report, argv.to));
  } finally {
    source.close();
  }
}

function asText(report: ImportReport, to: string): string {
  const lines = [`${to}: ${report.format} from ${report.source}, ${count(report.bytes)} bytes, hash ${report.hash}`];
  for (const [file, hash] of Object.entries(report.sha256)) lines.push(`  sha256 of ${file}: ${hash}`);
  for (const [into, { kind, options, tensors, assumed }] of Object.entries(report.parts)) {
    lines.push(`  ${into}: ${count(tensors)} tensors, ${kind} ${JSON.stringify(options)}`);
    for (const one of assumed) lines.push(`    not in the file: ${one}`);
  }
  const reasons = new Map<string, string[]>();
  for (const { name, why } of report.leftOut) reasons.set(why, [...(reasons.get(why) ?? []), name]);
  for (const [why, names] of reasons) lines.push(`  left out, ${why}: ${names.join(', ')}`);
  if (report.filled.length) lines.push(`  not in the file, set to 0: ${report.filled.join(', ')}`);
  if (report.inert.length) lines.push(`  Python objects that were not looked at: ${report.inert.join(', ')}`);
  return `${lines.join('\n')}\n`;
}
