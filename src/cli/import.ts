import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Argv } from 'yargs';
import { type Format, findFormat, formatNames, SOURCE_OPTIONS, type SourceOption } from '../checkpoint/format.js';
import { type ImportedTokenizer, type ImportReport, importWeights } from '../checkpoint/import.js';
import { openSource, type Source } from '../checkpoint/source.js';
import { TextTokenizer } from '../data/tokenizer/tokenizer.js';
import { tokenizerJsonOf } from '../data/tokenizer/tokenizer-formats.js';
import { GadoliniumError } from '../errors.js';
import { count } from '../events/wording.js';

export const command = 'import <format>';
export const describe =
  "other people's weights → a safetensors file that embed and evaluate open, and that a recipe's parts start from (init)";

const formats = await Promise.all(formatNames().map(async (name) => ({ name, ...(await findFormat(name)) })));

export function builder(yargs: Argv) {
  const parser = yargs
    .positional('format', {
      type: 'string',
      demandOption: true,
      choices: formats.map(({ name }) => name),
      describe: 'Whose weights',
    })
    .option('from', { type: 'string', describe: 'A file of torch.save or safetensors, or a folder of them' })
    .option('image', { type: 'string', describe: 'The same, of the image model of a pair' })
    .option('text', { type: 'string', describe: 'The same, of the text model of a pair' })
    .option('to', { type: 'string', demandOption: true, describe: 'The safetensors file to write' })
    .option('tokenizer', {
      type: 'string',
      describe: 'tokenizer.json or vocab.txt of the text model; found by itself in a folder',
    })
    .option('entry', {
      type: 'string',
      describe: 'Dictionary of tensors inside the file, e.g. model; found by itself as a rule',
    })
    .option('prefix', { type: 'string', describe: 'Take only tensors below this prefix, without it' })
    .option('json', { type: 'boolean', default: false, describe: 'One event a line on standard output' })
    .check(({ format: name, to, ...given }) => {
      if (!to.endsWith('.safetensors'))
        throw GadoliniumError.expected('usage', 'a name that ends in .safetensors', '--to', to);
      const { sources } = formats.find((one) => one.name === name) as Format;
      const [needed] = Object.keys(sources);
      if (given[needed as SourceOption] === undefined)
        throw GadoliniumError.expected('usage', 'a file or folder', `--${needed} of ${name}`, undefined);
      for (const option of SOURCE_OPTIONS) {
        if (given[option] === undefined || sources[option]) continue;
        const known = Object.keys(sources).map((one) => `--${one}`);
        throw GadoliniumError.expected('usage', known.join(' and '), name, `--${option}`);
      }
      return true;
    })
    .epilogue(`Formats:\n${formats.map(({ name, title }) => `  ${name.padEnd(20)} ${title}`).join('\n')}`);
  for (const { example } of formats) parser.example(`$0 ${example}`, '');
  return parser;
}

interface Arguments extends Partial<Record<SourceOption, string>> {
  format: string;
  to: string;
  tokenizer?: string;
  entry?: string;
  prefix?: string;
  json: boolean;
}

export async function handler(argv: Arguments): Promise<void> {
  const format = await findFormat(argv.format);
  const sources: Partial<Record<SourceOption, Source>> = {};
  try {
    for (const [i, option] of (Object.keys(format.sources) as SourceOption[]).entries()) {
      const path = argv[option];
      // Entry and prefix speak of the first: of the second nobody has wrapped one yet.
      if (path !== undefined) sources[option] = openSource(path, i ? {} : { entry: argv.entry, prefix: argv.prefix });
    }
    const tokenizer = await tokenizerOf(format, argv);
    const report = importWeights(argv.format, format, sources, resolve(argv.to), tokenizer);
    if (argv.json)
      process.stdout.write(`${JSON.stringify({ type: 'imported', time: Date.now(), to: argv.to, ...report })}\n`);
    else process.stderr.write(asText(report, argv.to));
  } finally {
    for (const source of Object.values(sources)) source.close();
  }
}

/** The tokenizer that is named, or that lies in the folder of the text weights, as transformers would read it. */
async function tokenizerOf(format: Format, argv: Arguments): Promise<ImportedTokenizer | undefined> {
  const reads = Object.entries(format.sources).find(([, { pieces }]) =>
    pieces.some(({ into }) => into === 'encoders.text'),
  );
  const path = reads && argv[reads[0] as SourceOption];
  const folder = path !== undefined && statSync(path).isDirectory() ? path : undefined;
  const found = ['tokenizer.json', 'vocab.txt'].map((name) => join(folder ?? '', name)).find(existsSync);
  const file = argv.tokenizer ?? (folder ? found : undefined);
  if (!file || !path) return undefined;
  const { do_lower_case: lowercase = true } = folder ? tokenizerConfig(folder) : {};
  const json = tokenizerJsonOf(file, { lowercase });
  const { summary } = await TextTokenizer.from(json, basename(file));
  const { sha256, vocabulary: pieces } = summary;
  const { start, end, pad, mask } = summary.special;
  return {
    json,
    name: `${basename(resolve(path))}/${basename(file)}`,
    sha256,
    pieces,
    special: { start, end, pad, mask },
  };
}

function tokenizerConfig(folder: string): { do_lower_case?: boolean } {
  const file = join(folder, 'tokenizer_config.json');
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { do_lower_case?: boolean };
  } catch (error) {
    throw GadoliniumError.expected('bad-tokenizer', 'JSON', file, (error as Error).message);
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
  const { tokenizer } = report;
  if (tokenizer)
    lines.push(`  tokenizer ${tokenizer.name}: ${count(tokenizer.pieces)} pieces, sha256 ${tokenizer.sha256}`);
  else if (report.parts['encoders.text'])
    lines.push('  no tokenizer: texts cannot be embedded, and nothing holds training data to it; give --tokenizer');
  lines.push(
    report.grains.length
      ? `  gives ${report.grains.join(', ')}`
      : '  starts parts of recipes (init); the format does not say how pictures and texts are read',
  );
  return `${lines.join('\n')}\n`;
}
