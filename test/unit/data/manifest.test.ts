import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readManifest, requireDataset } from '../../../src/data/manifest.js';
import { prepared, sourceFolder, temporaryFolder } from './source-folder.js';

async function dataset(): Promise<string> {
  const to = temporaryFolder();
  await prepared((await sourceFolder(2)).table, to);
  return to;
}

function changed(folder: string, change: (manifest: Record<string, unknown>) => void): void {
  const path = join(folder, 'dataset.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  change(manifest);
  writeFileSync(path, JSON.stringify(manifest));
}

test('a folder prepared at the asked size is given, at another size refused', async () => {
  const folder = await dataset();
  expect(requireDataset(folder, { size: 32 }).rows).toBe(2);
  expect(() => requireDataset(folder, { size: 224 })).toThrow(/expected images of size 224 .* but got 32/);
});

test('a folder without a data set is named, with what to do', () => {
  const folder = temporaryFolder();
  expect(readManifest(folder)).toBeUndefined();
  expect(() => requireDataset(folder)).toThrow(
    expect.objectContaining({ code: 'no-dataset', advice: expect.stringContaining('gadolinium prepare') }),
  );
});

test('another schema version, damaged JSON and a missing field are told apart', async () => {
  const folder = await dataset();
  changed(folder, (manifest) => delete manifest['shards']);
  expect(() => requireDataset(folder)).toThrow(/'shards'/);
  changed(folder, (manifest) => {
    manifest['schema_version'] = 0;
  });
  expect(() => requireDataset(folder)).toThrow(expect.objectContaining({ code: 'schema-version' }));
  writeFileSync(join(folder, 'dataset.json'), '{"format": "gado');
  expect(() => requireDataset(folder)).toThrow(expect.objectContaining({ code: 'bad-manifest' }));
});

test('a wrong entry of the list of shards is named with its field', async () => {
  const wrong: [change: (shard: Record<string, unknown>) => void, field: string][] = [
    [(shard) => (shard['rows'] = -1), 'shards.0.rows'],
    [(shard) => (shard['bytes'] = 1.5), 'shards.0.bytes'],
    [(shard) => (shard['batches'] = '1'), 'shards.0.batches'],
    [(shard) => (shard['file'] = 7), 'shards.0.file'],
    [(shard) => (shard['sha256'] = 'abc'), 'shards.0.sha256'],
    [(shard) => (shard['splits'] = { train: -1 }), 'shards.0.splits.train'],
    [(shard) => (shard['splits'] = null), 'shards.0.splits'],
    [(shard) => delete shard['sha256'], 'shards.0.sha256'],
    [(shard) => (shard['colour'] = 'red'), 'shards.0'],
  ];
  for (const [change, field] of wrong) {
    const folder = await dataset();
    changed(folder, (manifest) => change((manifest['shards'] as Record<string, unknown>[])[0]!));
    expect(() => requireDataset(folder), field).toThrow(`'${field}'`);
  }
  const folder = await dataset();
  changed(folder, (manifest) => {
    manifest['shards'] = 'none';
  });
  expect(() => requireDataset(folder)).toThrow("'shards': expected a list of shards");
});
