import type { Argv } from 'yargs';
import { inspectStatistics } from '../data/inspect/dataset.js';
import { type Inspected, inspectPath } from '../data/inspect.js';
import { GadoliniumError } from '../errors.js';
import { oneLine } from '../events/wording.js';
import { writeDatasetPage } from '../report/report.js';
import { addressOf } from '../storage/address.js';
import { inspectAddress } from '../storage/inspect.js';

export const command = 'inspect <path>';
export const describe = 'say what a data folder, shard, picture, DICOM or NIfTI file holds';

export const builder = (yargs: Argv) =>
  yargs
    .positional('path', { type: 'string', demandOption: true, describe: 'file, folder, or s3://bucket/prefix' })
    .option('json', { type: 'boolean', default: false, describe: 'one line of JSON on standard output' })
    .option('statistics', {
      type: 'boolean',
      default: false,
      describe: 'of a prepared folder: labels, texts, sizes, ages, repeated texts and leaks, counted from its shards',
    })
    .option('page', { type: 'string', describe: 'write the statistics as a page; the file to write' })
    .example('$0 inspect data/vqa-rad --page data.html', 'what the rows hold, as one page')
    .example('$0 inspect data/vqa-rad', 'counts, splits, rejects, and whether all files are whole')
    .example('$0 inspect slice.dcm --json', 'header facts and the hash of the stored values');

export async function handler(argv: {
  path: string;
  json: boolean;
  statistics?: boolean;
  page?: string | undefined;
}): Promise<void> {
  const found =
    argv.statistics || argv.page !== undefined ? await counted(argv.path, argv.page) : await seen(argv.path);
  process.stdout.write(
    argv.json ? `${JSON.stringify({ type: 'inspected', ...found })}\n` : asText(forPeople(found, argv.statistics)),
  );
}

/** Histograms are for drawing; and whoever asked for a page is spared the statistics in the terminal. */
function forPeople(found: Inspected, statistics = false): Inspected {
  const without = (name: string, value: unknown) =>
    name === 'histogram' || (name === 'statistics' && !statistics) ? undefined : value;
  return JSON.parse(JSON.stringify(found, without));
}

const seen = async (path: string) => (await inspectAddress(path)) ?? (await inspectPath(path));

async function counted(path: string, page: string | undefined): Promise<Inspected> {
  if (addressOf(path) !== undefined)
    throw GadoliniumError.expected('no-dataset', 'a folder of this machine', 'inspect --statistics', path);
  const found = await inspectStatistics(path);
  return page === undefined ? found : { ...found, page: await writeDatasetPage(path, found.statistics, page) };
}

/** One fact a line; nested ones indented. */
export function asText(facts: Inspected): string {
  return lines(facts, '').join('');
}

function lines(value: object, indent: string): string[] {
  return Object.entries(value).flatMap(([name, fact]) => {
    if (fact === null || fact === undefined) return [];
    const simple = typeof fact !== 'object' || (Array.isArray(fact) && fact.every((item) => typeof item !== 'object'));
    if (simple)
      return [`${indent}${name}: ${oneLine(Array.isArray(fact) ? fact.join(', ') || 'none' : String(fact))}\n`];
    return [`${indent}${name}:\n`, ...lines(fact, `${indent}  `)];
  });
}
