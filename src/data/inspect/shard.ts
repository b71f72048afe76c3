/** One Arrow IPC file. */
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { RecordBatchReader } from 'apache-arrow';
import { GadoliniumError } from '../../errors.js';
import { type Inspector, startsWith } from '../inspect.js';
import { sha256Of } from '../shards/stored-values.js';

const shard: Inspector = {
  kind: 'shard',
  recognises: ({ head }) => startsWith(head, 'ARROW1'),
  async inspect(path) {
    const file = await open(path);
    try {
      const reader = await RecordBatchReader.from(file);
      await reader.open();
      const { schema } = reader;
      let rows = 0;
      let batches = 0;
      for await (const batch of reader) {
        rows += batch.numRows;
        batches++;
      }
      return {
        kind: 'shard',
        path,
        rows,
        batches,
        bytes: statSync(path).size,
        sha256: await sha256Of(path),
        columns: Object.fromEntries(schema.fields.map((field) => [field.name, String(field.type)])),
        metadata: Object.fromEntries(schema.metadata),
      };
    } catch (error) {
      throw new GadoliniumError(
        'bad-shard',
        `expected a whole Arrow file for ${path} but got: ${(error as Error).message}`,
        {
          advice: 'prepare the data set again; compressed Arrow files are not read',
          cause: error,
        },
      );
    } finally {
      await file.close().catch(() => {});
    }
  },
};
export default shard;
