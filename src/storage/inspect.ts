import { datasetFacts, type Inspected } from '../data/inspect.js';
import type { GadoliniumError } from '../errors.js';
import { addressOf } from './address.js';
import { retry } from './retry.js';
import { s3 } from './s3.js';
import { remoteManifest } from './source.js';

/** Requests under way at a time. */
const WIDTH = 16;

/**
 * What `inspect` says of a prepared data set in an object store; undefined for a path. Sizes of shards are asked for and nothing is
 * fetched: their hashes are looked at when they are.
 */
export async function inspectAddress(data: string): Promise<Inspected | undefined> {
  const address = addressOf(data);
  if (!address) return undefined;
  const store = await s3(address);
  try {
    const { manifest } = await remoteManifest(address, store);
    const found = new Map<string, string>();
    const waiting = [...manifest.shards];
    const worker = async () => {
      for (let shard = waiting.shift(); shard; shard = waiting.shift()) {
        const { file, bytes } = shard;
        try {
          const size = await retry(() => store.size(file));
          if (size !== bytes) found.set(file, `${file}: ${size} bytes instead of ${bytes}`);
        } catch (error) {
          if ((error as GadoliniumError).code !== 'no-object') throw error;
          found.set(file, `${file}: missing`);
        }
      }
    };
    await Promise.all(Array.from({ length: WIDTH }, worker));
    const damaged = manifest.shards.flatMap(({ file }) => found.get(file) ?? []);
    return { ...datasetFacts(manifest, address.name, damaged), checked: 'sizes; hashes when shards are fetched' };
  } finally {
    store.close();
  }
}
