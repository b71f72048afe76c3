/** A made-up Quilt-1M: lines of all four sources, a picture with two captions, lists as Python prints them. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const TABLE = 'quilt_1M_lookup.csv';
const FRAME = 'a-Video_0id_image_0001';
const COLUMNS = [
  ...['', 'caption', 'image_path', 'subset', 'split', 'pathology', 'roi_text', 'noisy_text', 'corrected_text'],
  ...['med_umls_ids', 'magnification', 'height', 'width', 'not_histology', 'single_wsi'],
];
const MADE: Record<string, string>[] = [
  {
    caption: 'Made-up glands, back to back. "Cribriform" pattern.',
    image_path: `${FRAME}.jpg`,
    subset: 'quilt',
    split: 'train',
    pathology: "['Gastrointestinal']",
    roi_text: `['Glands, back to back', "the stroma's edge", None]`,
    corrected_text: 'so here you see glands',
    magnification: '1.0',
  },
  { caption: 'A second caption.', image_path: `${FRAME}.jpg`, subset: 'quilt', split: 'train', roi_text: '[]' },
  { caption: 'Post about a naevus.', image_path: 'tweet_7_0.jpg', subset: 'openpath', split: 'val', roi_text: 'nan' },
  { caption: 'A person at a desk.', image_path: 'web_1.jpg', subset: 'laion', not_histology: 'Persons' },
  { caption: 'Broken list.', image_path: 'PMC7_fig1.jpg', subset: 'pubmed', split: 'train', roi_text: "['open" },
  { caption: '', image_path: 'PMC8_fig1.jpg', subset: 'pubmed', split: 'train' },
  { caption: 'Lost.', image_path: 'PMC9_fig1.jpg', subset: 'pubmed', split: 'train' },
  { caption: 'From elsewhere.', image_path: 'x.jpg', subset: 'books', split: 'train' },
];

const quoted = (value: string) => (/[",\n]/u.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

const release: SyntheticRelease = {
  async write(folder) {
    const lines = MADE.map((made, i) => {
      const all: Record<string, string> = {
        '': String(i),
        height: '60',
        width: '60',
        not_histology: '0',
        single_wsi: '1',
        ...made,
      };
      return COLUMNS.map((name) => quoted(all[name] ?? '')).join(',');
    });
    writeFileSync(join(folder, TABLE), `${COLUMNS.join(',')}\n${lines.join('\n')}\n8,cut short\n`);
    // Two archives of pictures, each unpacked on its own.
    for (const [part, name] of [
      [1, FRAME],
      [1, 'tweet_7_0'],
      [2, 'web_1'],
      [2, 'PMC8_fig1'],
    ] as const) {
      const place = join(folder, `images_part_${part}`, 'quilt_1m');
      mkdirSync(place, { recursive: true });
      await sharp({ create: { width: 60, height: 60, channels: 3, background: { r: 200, g: 120, b: 180 } } })
        .jpeg()
        .toFile(join(place, `${name}.jpg`));
    }
    const id = (made: Record<string, string>) =>
      `${made['image_path']!.slice(0, -4)}:${createHash('sha256').update(made['caption']!).digest('hex').slice(0, 8)}`;
    const rejected = { dropped: 'row', file: TABLE } as const;
    return {
      options: { texts: 'all' },
      rows: [
        {
          sample_id: id(MADE[0]!),
          study_id: FRAME,
          split: 'train',
          images: [{ modality: 'WSI', channels: 3 }],
          texts: [
            { kind: 'caption', body: 'Made-up glands, back to back. "Cribriform" pattern.', origin: 'asr', group: 0 },
            { kind: 'caption', body: 'Glands, back to back', group: 0 },
            { kind: 'caption', body: "the stroma's edge", group: 0 },
            { kind: 'asr', body: 'so here you see glands' },
          ],
          meta: { subset: 'quilt', pathology: "['Gastrointestinal']", magnification: '1.0' },
        },
        { sample_id: id(MADE[1]!), study_id: FRAME, texts: [{ body: 'A second caption.' }] },
        { sample_id: id(MADE[2]!), split: 'valid', texts: [{ body: 'Post about a naevus.', origin: 'human' }] },
        { sample_id: id(MADE[3]!), flags: ['not_histology', 'small_image'], meta: { not_histology: 'Persons' } },
      ],
      rejects: [
        { ...rejected, code: 'bad_list', field: 'roi_text', row: 5 },
        { ...rejected, code: 'empty_text', field: 'caption', row: 6 },
        { ...rejected, code: 'missing_image', field: 'image_path', row: 7 },
        { ...rejected, code: 'unknown_subset', field: 'subset', row: 8 },
        { ...rejected, code: 'bad_row', field: 'row', row: 9 },
      ],
    };
  },
};
export default release;
