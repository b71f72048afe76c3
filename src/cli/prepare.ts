import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { ArgumentsCamelCase, Argv } from 'yargs';
import { adapterNames } from '../data/adapters.js';
import { DICOM_VIEWS } from '../data/pictures/dicom-view.js';
import { PICTURE_DEFAULTS } from '../data/pictures/picture.js';
import { type PrepareOptions, prepare } from '../data/prepare.js';
import { GadoliniumError } from '../errors.js';
import { writePreview } from '../report/report.js';
import { PrepareTerminal } from './prepare-terminal.js';

export const command = 'prepare <dataset>';
export const describe = 'raw release or table → Arrow shards and dataset.json';

const TABLE = 'Only for prepare table:';

export const builder = (yargs: Argv) =>
  yargs
    .positional('dataset', { type: 'string', demandOption: true, describe: `one of: ${adapterNames().join(', ')}` })
    .option('from', {
      type: 'string',
      describe: "the release's folder, or the table; may be left out where a sample is shipped",
    })
    .option('to', { type: 'string', demandOption: true, describe: 'folder to fill' })
    .option('size', {
      type: 'number',
      describe: `pixels of a picture's side (default ${PICTURE_DEFAULTS.size}, or the data set's own)`,
    })
    .option('fit', {
      choices: ['shorter', 'longest'] as const,
      describe: 'which side --size is; smaller pictures are not enlarged (default shorter)',
    })
    .option('store', {
      choices: ['raw', 'jpeg'] as const,
      describe: 'raw pixels (fast to read) or JPEG (small) (default raw)',
    })
    .option('quality', { type: 'number', describe: `JPEG quality (default ${PICTURE_DEFAULTS.quality})` })
    .option('max-pixels', {
      type: 'number',
      describe: `pictures with more pixels are rejected (default ${PICTURE_DEFAULTS.maxPixels})`,
    })
    .option('dicom-view', {
      choices: DICOM_VIEWS,
      describe: "how DICOM values become grey: as they are read, or as a paper's loader takes them (default reading)",
    })
    .option('tokenizer', {
      type: 'string',
      describe:
        'tokenizer.json, BERT vocab.txt, CLIP merges, or train:N for a vocabulary of N pieces from the training texts',
    })
    .option('lowercase', { type: 'boolean', default: true, describe: 'for a vocab.txt: lower case without accents' })
    .option('limit', { type: 'number', describe: 'only the first N rows of the source' })
    .option('resume', { type: 'boolean', default: false, describe: 'go on with an unfinished folder' })
    .option('on-error', {
      choices: ['skip', 'stop'] as const,
      default: 'skip' as const,
      describe: 'leave bad rows out and list them, or stop at the first',
    })
    .option('max-rejects', { type: 'number', default: 0.01, describe: 'share of rows that may be rejected' })
    .option('workers', { type: 'number', describe: 'rows worked on at a time (default: one a core)' })
    .option('json', { type: 'boolean', default: false, describe: 'one event a line on standard output' })
    .option('preview', {
      type: 'number',
      describe: 'write preview.html into the folder: one in N rows, at most 60, with pictures, texts, labels and flags',
    })
    .option('option', {
      type: 'string',
      array: true,
      describe: "an option of the data set's own, NAME=VALUE; its README lists them",
    })
    .option('triplets', {
      type: 'string',
      describe:
        "add what reports say of MedKLIP's entities and positions: RadGraph's file of graphs (MIMIC-CXR_graphs.json), or rules: read from the texts by rules of our own",
    })
    .option('synthetic', {
      type: 'boolean',
      default: false,
      describe:
        'first write a small made-up release into --from, a new folder: to try a data set before access is granted',
    })
    .option('image', { type: 'string', array: true, group: TABLE, describe: 'column of image paths; may be repeated' })
    .option('text', { type: 'string', array: true, group: TABLE, describe: 'column of texts; may be repeated' })
    .option('group', {
      type: 'string',
      group: TABLE,
      describe: 'column whose equal values stay in one split: the patient',
    })
    .option('split', { type: 'string', group: TABLE, describe: 'column of splits: train, valid, test' })
    .option('label', {
      type: 'string',
      array: true,
      group: TABLE,
      describe: 'column of classes, or of 1, 0, -1 for a finding',
    })
    .option('id', { type: 'string', group: TABLE, describe: 'column of unique row names' })
    .option('root', { type: 'string', group: TABLE, describe: "folder of relative image paths (default: the table's)" })
    .option('modality', { type: 'string', group: TABLE, describe: 'CR, CT, MR, CFP, WSI, … of all images' })
    .option('kind', {
      type: 'string',
      group: TABLE,
      describe: 'what the texts are: caption, report, findings, impression, … (default caption)',
    })
    .option('lang', { type: 'string', group: TABLE, describe: 'language of the texts (default en)' })
    .example('$0 prepare vqa-rad --to data/vqa-rad', 'the shipped sample')
    .example('$0 prepare open-i --synthetic --from try/raw --to try/data', 'a made-up release in the released layout')
    .example(
      '$0 prepare table --from mine.csv --image path --text report --group patient --to data/mine',
      'your own table',
    );

type Arguments = ReturnType<typeof builder> extends Argv<infer A> ? A : never;

/** Options that belong to the adapter and not to the engine. */
const ADAPTER_OPTIONS = ['image', 'text', 'group', 'split', 'label', 'id', 'root', 'modality', 'kind', 'lang'] as const;

export async function handler(args: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { preview } = args;
  if (preview !== undefined && !(Number.isInteger(preview) && preview >= 1))
    throw GadoliniumError.expected('bad-option', 'a whole number from 1', '--preview (one in so many rows)', preview);
  if (await inWiderProcess()) return;
  const given = ADAPTER_OPTIONS.filter((name) => args[name] !== undefined);
  const options: PrepareOptions = {
    dataset: args.dataset,
    from: args.from,
    to: args.to,
    size: args.size,
    fit: args.fit,
    store: args.store,
    quality: args.quality,
    maxPixels: args.maxPixels,
    dicomView: args.dicomView,
    tokenizer: args.tokenizer,
    lowercase: args.lowercase,
    limit: args.limit,
    resume: args.resume,
    onError: args.onError,
    maxRejects: args.maxRejects,
    workers: args.workers,
    triplets: args.triplets,
    synthetic: args.synthetic,
    adapter: { ...ownOptions(args.option ?? []), ...Object.fromEntries(given.map((name) => [name, args[name]])) },
  };
  const run = prepare(options);
  const stop = () => run.stop();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  const terminal = new PrepareTerminal(process.stderr);
  try {
    for await (const event of run) {
      if (args.json) process.stdout.write(`${JSON.stringify(event)}\n`);
      terminal.show(event);
    }
    if (preview !== undefined) {
      const path = await writePreview(args.to, preview);
      if (args.json) process.stdout.write(`${JSON.stringify({ type: 'preview', path })}\n`);
      else process.stderr.write(`preview: ${path}\n`);
    }
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  }
}

/** NAME=VALUE → {NAME: VALUE}; what the values mean is the adapter's to say. */
function ownOptions(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw GadoliniumError.expected('bad-option', 'NAME=VALUE', '--option', text);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/**
 * Pictures are decoded on Node's thread pool: four threads, unless a variable says otherwise before the process starts. On
 * machines with more cores the command starts itself again with it.
 */
async function inWiderProcess(): Promise<boolean> {
  const cores = availableParallelism();
  if (cores <= 4 || process.env['UV_THREADPOOL_SIZE'] !== undefined) return false;
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, UV_THREADPOOL_SIZE: String(Math.min(cores, 1024)) },
  });
  // The terminal sends Ctrl-C to both; a signal sent to this process alone goes on to the child.
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  process.on('SIGTERM', pass);
  process.on('SIGINT', () => {});
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (...how) => resolve(how));
  });
  process.exitCode = code ?? (signal === null ? 1 : 128);
  return true;
}
