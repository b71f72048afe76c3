/** A prepared folder: its dataset.json, and whether its files are the ones that it names. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { datasetFacts, type Inspector } from '../inspect.js';
import { MANIFEST_FILE, requireDataset } from '../manifest.js';
import { sha256Of } from '../stored-values.js';

const dataset: Inspector = {
  kind: 'dataset',
  recognises: ({ path, folder }) => folder && existsSync(join(path, MANIFEST_FILE)),
  async inspect(path) {
    const manifest = requireDataset(path);
    const damaged: string[] = [];
    for (const { file, bytes, sha256 } of manifest.shards) {
      const place = join(path, file);
      if (!existsSync(place)) damaged.push(`${file}: missing`);
      else if (statSync(place).size !== bytes)
        damaged.push(`${file}: ${statSync(place).size} bytes instead of ${bytes}`);
      else if ((await sha256Of(place)) !== sha256) damaged.push(`${file}: other bytes than when it was written`);
    }
    return datasetFacts(manifest, path, damaged);
  },
};
export default dataset;
