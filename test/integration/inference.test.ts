import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tableFromIPC } from 'apache-arrow';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PictureReading } from '../../src/checkpoint/metadata.js';
import { readMetadata } from '../../src/checkpoint/metadata.js';
import { prepare } from '../../src/data/prepare.js';
import { openModel } from '../../src/model/open.js';
import { pillowPicture } from '../../src/model/pillow-picture.js';
import { compile, gadolinium, temporary } from './tiny.js';

// Imported weights, raw picture files and raw texts give the numbers of the official pipelines (test/parity/make_inference.py) with no
// data folder at hand.

const fixtures =
  process.env['GADOLINIUM_INFERENCE'] ?? fileURLToPath(new URL('../fixtures/checkpoint/', import.meta.url));
const expected = JSON.parse(readFileSync(join(fixtures, 'inference.json'), 'utf8')) as {
  images: number[][];
  pixelSums: number[];
  resnet: number[][];
  texts: string[];
  projected: number[][];
};
let folder: string;
let biovil: string;
let files: string[];

const SHAPES = [
  { height: 611, width: 700, channels: 1, deep: false },
  { height: 900, width: 640, channels: 3, deep: false },
  { height: 530, width: 1000, channels: 1, deep: true },
  { height: 480, width: 480, channels: 1, deep: false },
] as const;

/** The pictures of make_inference.py. */
async function drawn(i: number): Promise<string> {
  const { height, width, channels, deep } = SHAPES[i]!;
  const values = new (deep ? Uint16Array : Uint8Array)(height * width * channels);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < channels; c++) {
        const value = (x * 3 + y * 5 + ((x * y) >> 6) + 41 * c + 17 * i) % 256;
        const soft = 20 + ((value * 3) >> 2) - 11 * c;
        values[at++] = deep ? soft * 16 : soft;
      }
  const file = join(folder, `${i}.png`);
  const image = sharp(values, { raw: { width, height, channels } });
  await (deep ? image.toColourspace('grey16') : image).png().toFile(file);
  return file;
}

const command = async (...words: string[]) => {
  const { code, stderr } = await gadolinium(...words).ended;
  expect(code, stderr).toBe(0);
  return stderr;
};

function columnOf(file: string, name: string): number[][] {
  const column = tableFromIPC(readFileSync(file)).getChild(name)!;
  return Array.from({ length: column.length }, (_, i) => [...column.get(i)] as number[]);
}

/** Largest difference over the norm of what was expected, row by row. */
function worst(found: readonly number[][], wanted: readonly number[][]): number {
  expect(found.map((row) => row.length)).toEqual(wanted.map((row) => row.length));
  return Math.max(
    ...wanted.map((row, i) => {
      const norm = Math.hypot(...row) / Math.sqrt(row.length);
      return Math.max(...row.map((value, k) => Math.abs(found[i]![k]! - value))) / norm;
    }),
  );
}

beforeAll(async () => {
  compile();
  folder = temporary();
  files = await Promise.all(SHAPES.map((_, i) => drawn(i)));
  biovil = join(folder, 'biovil.safetensors');
  await command(
    ...[
      'import',
      'biovil',
      '--image',
      join(fixtures, 'biovil.pt'),
      '--text',
      join(fixtures, 'cxr-bert'),
      '--to',
      biovil,
    ],
  );
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('imported weights embed alone', () => {
  test('a checkpoint says what it reads, how, and what it gives', () => {
    const { metadata } = readMetadata(biovil, true);
    expect(metadata.data).toBeNull();
    expect(metadata.reading).toEqual({
      pictures: { levels: 'min-max', colour: 'grey', fit: 'shorter', side: 512, filter: 'bilinear' },
      texts: { strip: '!?.' },
    });
    expect(metadata.config.data['image']?.options).toMatchObject({ size: 480, resize: 512, mean: [0], deviation: [1] });
    expect(metadata.config.data['text']?.options).toMatchObject({ startId: 2, endId: 3, padId: 0, maskId: 4 });
    expect(metadata.tokenizer?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(metadata.grains).toEqual(
      expect.arrayContaining(['image.global', 'image.patches', 'image.projected', 'text.global', 'text.tokens']),
    );
  });

  test('BioViL: picture files of 8 and 16 bits, grey and colour', async () => {
    const list = join(folder, 'images.txt');
    writeFileSync(list, files.join('\n'));
    const out = join(folder, 'images.arrow');
    await command('embed', '--checkpoint', biovil, '--images', list, '--out', out);
    expect(worst(columnOf(out, 'image.global'), expected.images)).toBeLessThan(1e-4);
  }, 120_000);

  test('the pixels are those of Pillow and torchvision, to the last one', async () => {
    const reading: PictureReading = {
      levels: 'min-max',
      colour: 'grey',
      fit: 'shorter',
      side: 512,
      filter: 'bilinear',
    };
    for (const [i, file] of files.entries()) {
      const { data, width, height } = await pillowPicture(file, reading);
      // Python rounds halves to even.
      const [top, left] = [height, width].map((side) => {
        const half = (side - 480) / 2;
        return half % 1 === 0.5 ? 2 * Math.round(half / 2) : half;
      }) as [number, number];
      let sum = 0;
      for (let y = 0; y < 480; y++) for (let x = 0; x < 480; x++) sum += data[(top + y) * width + left + x]!;
      expect(sum, file).toBe(expected.pixelSums[i]);
    }
  });

  test('CXR-BERT: texts, with full stops taken from their ends', async () => {
    const list = join(folder, 'texts.txt');
    writeFileSync(list, expected.texts.join('\n'));
    const out = join(folder, 'texts.arrow');
    const alone = join(folder, 'cxr-bert.safetensors');
    await command('import', 'cxr-bert', '--from', join(fixtures, 'cxr-bert'), '--to', alone);
    for (const checkpoint of [biovil, alone]) {
      await command('embed', '--checkpoint', checkpoint, '--texts', list, '--out', out);
      expect(worst(columnOf(out, 'text.global'), expected.projected)).toBeLessThan(1e-4);
    }
  }, 120_000);

  test('torchvision’s ResNet: its own resize, crop and normalisation in colour', async () => {
    const to = join(folder, 'resnet.safetensors');
    await command(
      ...[
        'import',
        'torchvision-resnet',
        '--from',
        join(fixtures, 'biovil.pt'),
        '--prefix',
        'encoder.encoder.',
        '--to',
        to,
      ],
    );
    const model = await openModel(to, { device: 'cpu' });
    const given = [0, 1, 3].map((i) => files[i]!);
    const { features } = await model.embed({
      data: { kind: 'images', files: given, modality: 'image' },
      rows: Uint32Array.of(0, 1, 2),
      features: ['image.global'],
    });
    const { data, width } = features['image.global']!;
    const rows = given.map((_, i) => [...data.subarray(i * width, (i + 1) * width)]);
    expect(worst(rows, expected.resnet)).toBeLessThan(1e-4);
    await model.close();
  }, 60_000);

  test('what official inference refuses is refused by name', async () => {
    const model = await openModel(biovil, { device: 'cpu' });
    const embedText = (text: string) =>
      model.embed({
        data: { kind: 'texts', texts: ['lungs', text], modality: 'text' },
        rows: Uint32Array.of(0, 1),
        features: ['text.global'],
      });
    await expect(embedText('No [SEP] lungs')).rejects.toThrow(
      /without special tokens but \[MASK\] for text 2 but got '\[SEP\]'/,
    );
    await expect(embedText('?!.')).rejects.toThrow(/expected words for text 2/);
    if (!process.env['GADOLINIUM_INFERENCE'])
      await expect(embedText('no effusion '.repeat(12))).rejects.toThrow(/at most 24 tokens for text 2 but got 26/);
    const flat = join(folder, 'flat.png');
    await sharp(new Uint8Array(64), { raw: { width: 8, height: 8, channels: 1 } }).toFile(flat);
    const embedded = model.embed({
      data: { kind: 'images', files: [flat], modality: 'image' },
      rows: Uint32Array.of(0),
      features: ['image.global'],
    });
    await expect(embedded).rejects.toThrow(/flat\.png.* but got 'the value 0 everywhere/);
    await model.close();
  }, 60_000);

  test('texts that were prepared with another tokenizer are not embedded', async () => {
    const source = join(folder, 'source');
    mkdirSync(source);
    copyFileSync(files[3]!, join(source, '3.png'));
    writeFileSync(join(source, 'table.csv'), 'path,report\n3.png,the lungs are clear\n');
    const prepared = (to: string, tokenizer: string) =>
      prepare({
        dataset: 'table',
        from: join(source, 'table.csv'),
        to,
        size: 64,
        tokenizer,
        adapter: { image: ['path'], text: ['report'] },
      }).done;
    await prepared(join(folder, 'same'), biovil);
    await prepared(
      join(folder, 'other'),
      join(fixtures, process.env['GADOLINIUM_INFERENCE'] ? '../other.txt' : 'bert/vocab.txt'),
    );
    const model = await openModel(biovil, { device: 'cpu' });
    const rows = (data: string, feature: string) =>
      model.embed({ data: { kind: 'rows', data: join(folder, data) }, rows: Uint32Array.of(0), features: [feature] });
    expect((await rows('same', 'text.global')).present[0]).toBe(1);
    expect((await rows('other', 'image.global')).present[0]).toBe(1);
    await expect(rows('other', 'text.global')).rejects.toMatchObject({
      code: 'other-tokenizer',
      message: expect.stringMatching(/15 pieces instead of 23/),
    });
    await model.close();
  }, 60_000);
});
