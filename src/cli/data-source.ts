/** What commands that read a prepared data set share: where its shards are kept, and how far they are. */
import type { Argv } from 'yargs';
import { GadoliniumError } from '../errors.js';
import { fetchText } from '../events/wording.js';
import type { CacheOptions } from '../storage/cache.js';
import { type DataSource, openSource } from '../storage/source.js';

export interface CacheArguments {
  cache: string | undefined;
  cacheSize: string | undefined;
}

export const cacheOptions = <T>(yargs: Argv<T>) =>
  yargs
    .option('cache', {
      type: 'string',
      describe: 'with --data s3://…: folder for its shards [gadolinium/data in XDG_CACHE_HOME or ~/.cache]',
    })
    .option('cache-size', {
      type: 'string',
      describe: 'with --data s3://…: largest size of that folder, such as 200GB [9/10 of what the disk can give]',
    });

const units: Record<string, number> = {
  '': 1,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

export function cacheOf({ cache, cacheSize }: CacheArguments): CacheOptions {
  if (cacheSize === undefined) return { folder: cache };
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(cacheSize) ?? [];
  const factor = Object.entries(units).find(([name]) => name.toLowerCase() === unit.toLowerCase())?.[1];
  if (number === undefined || factor === undefined || Number(number) === 0) {
    throw GadoliniumError.expected('bad-option', 'a size such as 200GB or 1.5TiB', '--cache-size', cacheSize);
  }
  return { folder: cache, bytes: Number(number) * factor };
}

/** Opens a data set and brings shards with rows of some splits (all where none are named), telling how far they are. */
export async function bringData(
  data: string,
  { splits, json, ...cache }: { splits?: readonly string[] | undefined; json: boolean } & CacheArguments,
): Promise<DataSource> {
  const source = await openSource(data, cacheOf(cache));
  try {
    await source.bring({
      splits,
      onProgress: (brought) => {
        const event = { source: source.name, ...brought };
        if (json) process.stdout.write(`${JSON.stringify({ type: 'data-fetch', time: Date.now(), ...event })}\n`);
        else process.stderr.write(`${fetchText(event)}\n`);
      },
      onWarning: (code, message) => process.stderr.write(`warning: ${message} [${code}]\n`),
    });
    return source;
  } catch (error) {
    source.close();
    throw error;
  }
}
