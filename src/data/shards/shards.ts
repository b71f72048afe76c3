import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { GadoliniumError } from '../../errors.js';
import { readManifest } from '../manifest.js';
import { type ShardPlaces, shardPlaces } from './places.js';

export interface OpenShard {
  file: string;
  firstRow: number;
  places: ShardPlaces;
}

/**
 * The shards of a prepared folder. Opening reads dataset.json alone and costs the same for any size; a shard's footer is read when
 * a row of it is first asked for. A folder without dataset.json (rows given at hand) is read shard by shard at once.
 */
export function openShards(folder: string): ShardFolder {
  const manifest = readManifest(folder);
  if (manifest)
    return new ShardFolder(
      folder,
      manifest.shards.map(({ file, rows }) => ({ file, rows })),
    );
  const files = existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => /^shard-\d+\.arrow$/.test(file))
        .sort()
    : [];
  if (files.length === 0) {
    throw GadoliniumError.expected(
      'no-dataset',
      'a prepared data folder',
      folder,
      'no dataset.json and no shards',
      'run `gadolinium prepare`',
    );
  }
  return new ShardFolder(
    folder,
    files.map((file) => ({ file, rows: rowsOf(shardPlaces(join(folder, file))) })),
  );
}

export class ShardFolder {
  readonly rows: number;
  /** First row of each shard. */
  readonly #first: number[] = [];

  constructor(
    readonly folder: string,
    private readonly shards: readonly { file: string; rows: number }[],
  ) {
    let row = 0;
    for (const shard of shards) {
      this.#first.push(row);
      row += shard.rows;
    }
    this.rows = row;
  }

  /** Number of shards. */
  get count(): number {
    return this.shards.length;
  }

  /** Number of the shard that holds a row. Throws `bad-row`. */
  shardOf(row: number): number {
    if (!(row >= 0 && row < this.rows))
      throw GadoliniumError.expected('bad-row', `a row below ${this.rows}`, this.folder, row);
    let low = 0;
    let high = this.#first.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#first[middle] as number) <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Reads a shard's footer. Throws `bad-shard` when it is damaged or has other rows than dataset.json says. */
  shard(number: number): OpenShard {
    const { file, rows } = this.shards[number] as { file: string; rows: number };
    const path = join(this.folder, file);
    const places = shardPlaces(path);
    if (rowsOf(places) !== rows)
      throw GadoliniumError.expected('bad-shard', `${rows} rows`, path, rowsOf(places), 'prepare the data set again');
    return { file: path, firstRow: this.#first[number] as number, places };
  }
}

const rowsOf = (places: ShardPlaces) => places.batches.reduce((sum, batch) => sum + batch.rows, 0);
