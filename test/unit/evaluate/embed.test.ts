import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Table, tableFromIPC } from 'apache-arrow';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EmbedOptions, type EmbedProgress, embed } from '../../../src/evaluate/embed.js';
import type { Embedded, Embedder } from '../../../src/evaluate/embedder.js';
import type { Model } from '../../../src/evaluate/model.js';
import { prepareFolder } from './folder.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadolinium-embed-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Gives row r (or the r-th text) the image feature [r, r + ½] and the text feature [r, 0, -r]; row 2 has no image. */
class CountingModel implements Model {
  readonly config = { data: { picture: { input: 'image' }, text: { input: 'text' } } };
  readonly features = ['picture.global', 'text.global'];
  readonly asked: Parameters<Embedder['embed']>[0][] = [];
  constructor(private readonly failAt = Number.POSITIVE_INFINITY) {}
  async embed(request: Parameters<Embedder['embed']>[0]): Promise<Embedded> {
    this.asked.push(request);
    if (this.asked.length > this.failAt) throw new Error('the machine caught fire');
    const { rows, features, data } = request;
    const result: Embedded = { features: {}, present: new Uint8Array(rows.length).fill(1) };
    for (const name of features) {
      if (!this.features.includes(name)) continue;
      const picture = name.startsWith('picture');
      const values = Array.from(rows, (r) => (picture ? [r, r + 0.5] : [r, 0, -r]));
      result.features[name] = { data: Float32Array.from(values.flat()), rows: rows.length, width: picture ? 2 : 3 };
      if (picture && data.kind === 'rows') for (const [i, r] of rows.entries()) if (r === 2) result.present[i] = 0;
    }
    return result;
  }
  ranks(): Promise<Int32Array> {
    throw new Error('not asked here');
  }
  async close(): Promise<void> {}
}

async function run(model: Model, input: EmbedOptions['input'], more: Partial<EmbedOptions> = {}) {
  const out = join(folder, 'features.arrow');
  const progress: EmbedProgress[] = [];
  for await (const step of embed(model, { input, out, ...more })) progress.push(step);
  return { progress, table: tableFromIPC(readFileSync(out)) };
}

const cells = (table: Table, name: string) =>
  Array.from(table.getChild(name)!, (cell) => (cell === null ? null : Array.from(cell as Iterable<number>)));

describe('embed', () => {
  it('writes one row an input, one column a feature, over several batches', async () => {
    prepareFolder(folder);
    const model = new CountingModel();
    const { table, progress } = await run(model, { kind: 'rows', data: folder }, { chunk: 3 });
    expect(table.schema.names).toEqual(['sample_id', 'picture.global', 'text.global']);
    expect(String(table.schema.fields[1]!.type)).toBe('FixedSizeList[2]<Float32>');
    expect(Array.from(table.getChild('sample_id')!)).toEqual(['s0', 's1', 's2', 's3', 's4', 's5', 's6']);
    expect(cells(table, 'picture.global')).toEqual([[0, 0.5], [1, 1.5], null, [3, 3.5], [4, 4.5], [5, 5.5], [6, 6.5]]);
    // The text of the row without an image is still there.
    expect(cells(table, 'text.global')[2]).toEqual([2, 0, -2]);
    expect(progress).toEqual([
      { done: 3, total: 7, missing: 1 },
      { done: 6, total: 7, missing: 1 },
      { done: 7, total: 7, missing: 1 },
    ]);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('takes one split', async () => {
    prepareFolder(folder);
    const { table } = await run(new CountingModel(), { kind: 'rows', data: folder, split: 'test' });
    expect(Array.from(table.getChild('sample_id')!)).toEqual(['s1', 's2', 's5', 's6']);
  });

  it('asks texts and images of the modality that reads them', async () => {
    const model = new CountingModel();
    const texts = await run(model, { kind: 'texts', texts: ['a', 'bé'] });
    expect(texts.table.schema.names).toEqual(['text', 'text.global']);
    expect(Array.from(texts.table.getChild('text')!)).toEqual(['a', 'bé']);
    const images = await run(model, { kind: 'images', files: ['x.png', 'y.png'] });
    expect(images.table.schema.names).toEqual(['file', 'picture.global']);
    expect(model.asked.at(-1)!.data).toEqual({ kind: 'images', files: ['x.png', 'y.png'], modality: 'picture' });
  });

  it('leaves the old file and nothing half-written when it fails', async () => {
    prepareFolder(folder);
    const out = join(folder, 'features.arrow');
    writeFileSync(out, 'older');
    await expect(run(new CountingModel(2), { kind: 'rows', data: folder }, { chunk: 3 })).rejects.toThrow('fire');
    expect(readFileSync(out, 'utf8')).toBe('older');
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('says what is missing', async () => {
    await expect(run(new CountingModel(), { kind: 'texts', texts: [] })).rejects.toThrow('at least one line');
    await expect(
      run(new CountingModel(), { kind: 'texts', texts: ['a'] }, { features: ['text.other'] }),
    ).rejects.toThrow("a feature 'text.other'");
    const nowhere = join(folder, 'no', 'such', 'folder.arrow');
    await expect(run(new CountingModel(), { kind: 'texts', texts: ['a'] }, { out: nowhere })).rejects.toThrow('ENOENT');
    expect(existsSync(nowhere)).toBe(false);
  });
});
