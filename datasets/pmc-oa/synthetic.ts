/** A made-up PMC-OA: six subfigures in three lists; grey, RGB and CMYK JPEG, a caption that is a number, a missing file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const LISTS: Record<string, unknown[]> = {
  train: [
    {
      image: 'PMC1000001_Fig1_0.jpg',
      caption: 'MRI of a made-up brain.',
      alignment_type: 'subfigure',
      alignment_score: 0.8125,
    },
    { image: 'PMC1000001_Fig1_1.jpg', caption: ' coronal view', alignment_type: 'compound', alignment_score: null },
    { image: 'PMC1000002_FIG3_12.jpg', caption: 2014 },
    { image: null, caption: 'Nothing to see.' },
  ],
  valid: [{ image: 'PMC1000003_F2_5.jpg', caption: 'Axial CT' }],
  test: [
    { image: 'PMC1000004_Fig1_0.jpg', caption: null },
    { image: 'PMC1000005_Fig1_0.jpg', caption: 'Its picture is not there.' },
  ],
};

const release: SyntheticRelease = {
  async write(folder) {
    const images = join(folder, 'images', 'caption_T060_filtered_top4_sep_v0_subfigures');
    mkdirSync(images, { recursive: true });
    for (const [split, lines] of Object.entries(LISTS))
      writeFileSync(join(folder, `${split}.jsonl`), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const background = { r: 180, g: 60, b: 90 };
    for (const [name, space] of [
      ['PMC1000001_Fig1_0', 'b-w'],
      ['PMC1000001_Fig1_1', 'srgb'],
      ['PMC1000002_FIG3_12', 'cmyk'],
      ['PMC1000003_F2_5', 'srgb'],
      ['PMC1000004_Fig1_0', 'srgb'],
    ] as const)
      await sharp({ create: { width: 56, height: 56, channels: 3, background } })
        .toColourspace(space)
        .jpeg()
        .toFile(join(images, `${name}.jpg`));
    const rejected = { dropped: 'row' } as const;
    return {
      rows: [
        {
          sample_id: 'PMC1000001_Fig1_0',
          split: 'train',
          source_ref: 'PMC1000001_Fig1_0.jpg',
          images: [{ modality: 'FIG', channels: 1 }],
          texts: [{ kind: 'caption', body: 'MRI of a made-up brain.' }],
          meta: { alignment_type: 'subfigure', alignment_score: '0.8125' },
        },
        {
          sample_id: 'PMC1000001_Fig1_1',
          images: [{ channels: 3 }],
          texts: [{ body: 'coronal view' }],
          meta: { alignment_type: 'compound' },
        },
        { sample_id: 'PMC1000002_FIG3_12', images: [{ channels: 3, photometric: 'CMYK' }], texts: [{ body: '2014' }] },
        { sample_id: 'PMC1000003_F2_5', split: 'valid' },
      ],
      rejects: [
        { ...rejected, code: 'missing_image', file: 'train.jsonl', field: 'image', row: 4 },
        { ...rejected, code: 'empty_text', file: 'test.jsonl', field: 'caption', row: 1 },
        { ...rejected, code: 'missing_image', file: 'test.jsonl', field: 'image', row: 2 },
      ],
    };
  },
};
export default release;
