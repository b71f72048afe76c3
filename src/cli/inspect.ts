import type { Argv } from 'yargs';
import { type Inspected, inspectPath } from '../data/inspect.js';
import { oneLine } from '../events/wording.js';
import { inspectAddress } from '../storage/inspect.js';

export const command = 'inspect <path>';
export const describe = 'say what a data folder, shard, picture, DICOM or NIfTI file holds';

export const builder = (yargs: Argv) =>
  yargs
    .positional('path', { type: 'string', demandOption: true, describe: 'file, folder, or s3://bucket/prefix' })
    .option('json', { type: 'boolean', default: false, describe: 'one line of JSON on standard output' })
    .example('$0 inspect data/vqa-rad', 'counts, splits, rejects, and whether all files are whole')
    .example('$0 inspect slice.dcm --json', 'header facts and the hash of the stored values');

export async function handler(argv: { path: string; json: boolean }): Promise<void> {
  const found = (await inspectAddress(argv.path)) ?? (await inspectPath(argv.path));
  process.stdout.write(argv.json ? `${JSON.stringify({ type: 'inspected', ...found })}\n` : asText(found));
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
