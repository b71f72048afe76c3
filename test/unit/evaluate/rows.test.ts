import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRows } from '../../../src/evaluate/rows.js';
import { prepareFolder } from './folder.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadolinium-rows-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('rows of a prepared folder', () => {
  it('gives splits, names, patients, labels and texts over batches and shards', () => {
    prepareFolder(folder);
    const rows = openRows(folder);
    expect(rows.count).toBe(7);
    expect([...rows.ofSplit('test')]).toEqual([1, 2, 5, 6]);
    expect([...rows.ofSplit('valid')]).toEqual([3]);
    const some = Uint32Array.of(6, 0, 5, 3);
    expect(rows.sampleIds(some)).toEqual(['s6', 's0', 's5', 's3']);
    expect(rows.patients(some)).toEqual(['p3', 'p0', null, 'p1']);
    const bodies = rows.texts(some).map((texts) => texts.map(({ kind, body }) => `${kind}: ${body}`));
    expect(bodies).toEqual([
      ['report: text 6'],
      ['report: text 0'],
      ['report: text 5', 'report: more of 5'],
      ['report: text 3', 'report: more of 3'],
    ]);
    const { vocabulary, states } = rows.labels('side', some);
    expect(vocabulary.names).toEqual(['left', 'right', 'both']);
    expect([...states]).toEqual([0, 1, -1, 0, 1, -1, -128, -128, -128, 1, 0, -1]);
    expect(rows.promptSets[0]!.name).toBe('sides');
    rows.close();
  });

  it('reads the bytes of one picture', () => {
    prepareFolder(folder);
    const rows = openRows(folder);
    expect(rows.image(3)).toMatchObject({
      id: 'i3',
      codec: 'raw',
      width: 8,
      height: 1,
      channels: 1,
      dtype: 'uint8',
    });
    expect([...rows.image(3)!.bytes]).toEqual([30, 31, 32, 33, 34, 35, 36, 37]);
    expect([...rows.image(6)!.bytes]).toEqual([60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70]);
    expect(rows.image(2)).toBeUndefined();
    rows.close();
  });

  it('says what is wrong with questions and files', () => {
    const manifest = prepareFolder(folder);
    const rows = openRows(folder);
    expect(() => rows.ofSplit('exam')).toThrow('expected one of train, test, valid for --split');
    expect(() => rows.labels('organ', Uint32Array.of(0))).toThrow('expected one of other, side');
    expect(() => rows.sampleIds(Uint32Array.of(7))).toThrow('a row below 7');
    rows.close();
    const shard = join(folder, manifest.shards[1]!.file);
    const whole = readFileSync(shard);
    truncateSync(shard, whole.length - 100);
    expect(() => openRows(folder).sampleIds(Uint32Array.of(5))).toThrow(manifest.shards[1]!.file);
    writeFileSync(shard, whole.subarray(0, 10));
    expect(() => openRows(folder).sampleIds(Uint32Array.of(5))).toThrow('a file of 10 bytes');
    expect(() => openRows(join(folder, 'nowhere'))).toThrow('prepared data set');
  });
});
