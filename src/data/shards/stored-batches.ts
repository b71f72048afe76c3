import { GadoliniumError } from '../../errors.js';
import type { ShardFolder } from './shards.js';
import { ShardBytes, StoredColumn } from './stored-column.js';

/** A record batch of an open shard. */
export interface StoredBatch {
  /** Row number of its first row. */
  first: number;
  rows: number;
  has(name: string): boolean;
  /** A new one each time: what it has read is let go with it. Throws `bad-shard`. */
  column(name: string): StoredColumn;
}

/** All record batches in order, one shard open at a time: what is not asked for stays in the file. */
export function* storedBatches(folder: ShardFolder): Generator<StoredBatch> {
  for (let number = 0; number < folder.count; number++) {
    const { file, firstRow, places } = folder.shard(number);
    const bytes = new ShardBytes(file);
    try {
      let first = firstRow;
      for (const { rows, columns } of places.batches) {
        yield {
          first,
          rows,
          has: (name) => name in columns,
          column: (name) => {
            const place = columns[name];
            if (place) return new StoredColumn(bytes, place, places.dictionaries);
            throw GadoliniumError.expected('bad-shard', `a column '${name}'`, file, Object.keys(columns).join(', '));
          },
        };
        first += rows;
      }
    } finally {
      bytes.close();
    }
  }
}
