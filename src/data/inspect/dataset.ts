/** A prepared folder: its dataset.json, and whether its files are the ones that it names. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { datasetFacts, type Inspected, type Inspector } from '../inspect.js';
import { MANIFEST_FILE, type Manifest, requireDataset } from '../manifest.js';
import { sha256Of } from '../shards/stored-values.js';
import { type DatasetStatistics, datasetStatistics } from '../statistics.js';

const dataset: Inspector = {
  kind: 'dataset',
  recognises: ({ path, folder }) => folder && existsSync(join(path, MANIFEST_FILE)),
  async inspect(path) {
    const manifest = requireDataset(path);
    return datasetFacts(manifest, path, await damagedShards(path, manifest));
  },
};
export default dataset;

/** A sentence for each shard that is not what dataset.json says. @param hashes whether their bytes are read too. */
export async function damagedShards(folder: string, { shards }: Manifest, hashes = true): Promise<string[]> {
  const damaged: string[] = [];
  for (const { file, bytes, sha256 } of shards) {
    const place = join(folder, file);
    if (!existsSync(place)) damaged.push(`${file}: missing`);
    else if (statSync(place).size !== bytes) damaged.push(`${file}: ${statSync(place).size} bytes instead of ${bytes}`);
    else if (hashes && (await sha256Of(place)) !== sha256)
      damaged.push(`${file}: other bytes than when it was written`);
  }
  return damaged;
}

/** The same with what its rows hold; of shards the sizes alone are looked at, as their pictures are not read. */
export async function inspectStatistics(path: string): Promise<Inspected & { statistics: DatasetStatistics }> {
  const manifest = requireDataset(path);
  const damaged = await damagedShards(path, manifest, false);
  const statistics = datasetStatistics(path);
  return { ...datasetFacts(manifest, path, damaged), checked: 'sizes; plain inspect checks hashes too', statistics };
}
