/** A made-up MM-Retinal: two tables of different forms, a path named twice, other endings, a caption with an apostrophe, a Chinese one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const release: SyntheticRelease = {
  async write(folder) {
    const root = join(folder, 'MM_Retinal_dataset_v1');
    const write = async (technique: string, name: string, width: number) => {
      mkdirSync(join(root, technique), { recursive: true });
      const background = technique === 'CFP' ? '#aa4411' : '#777777';
      const image = sharp({ create: { width, height: 50, channels: 3, background } });
      await image.toFile(join(root, technique, name));
    };
    await write('CFP', 'figure01-01A.jpg', 41);
    await write('CFP', 'figure01-01B.png', 42);
    await write('CFP', 'figure02-08A.jpg', 43);
    await write('FFA', 'figure01-01C.jpg', 44);
    await write('FFA', 'figure03-09C.png', 45);
    const captions = [
      ',image,caption',
      '0,39_MM_Retinal_dataset/CFP/figure01-01A.jpg,Color image of the fundus of the right eye',
      '1,39_MM_Retinal_dataset/CFP/figure01-01B.jpg,"Left eye, same person as Figure 1-1A"',
      '2,39_MM_Retinal_dataset/CFP/figure01-01A.jpg,Color image of the fundus of the right eye',
      '3,39_MM_Retinal_dataset/CFP/figure02-08A.jpg,正常人右眼眼底彩色像',
      '4,39_MM_Retinal_dataset/CFP/figure02-09.jpg,Not there',
      '5,somewhere/else.jpg,Not a figure',
    ];
    const lists = [
      ',image,atributes,categories',
      `0,MM_Retinal_dataset_v1/FFA/figure01-01C.jpg,[],['FFA arterial phase. Same person as Figure 1-1A']`,
      `1,MM_Retinal_dataset_v1/FFA_resized_jpg/figure03-09C.jpg,[],"[""Autofluorescence, bull's-eye-like""]"`,
      `2,MM_Retinal_dataset_v1/FFA/figure03-10.jpg,[],['open`,
    ];
    writeFileSync(join(folder, '39_MM_Retinal_dataset.csv'), `${captions.join('\n')}\n`);
    writeFileSync(join(folder, 'FFA.csv'), `${lists.join('\n')}\n`);
    const row = (sample_id: string, modality: string, width: number, body: string, lang = 'en') => ({
      sample_id,
      images: [{ modality, width, channels: modality === 'CFP' ? 3 : 1 }],
      texts: [{ kind: 'caption', lang, body }],
    });
    const [first, second] = ['39_MM_Retinal_dataset.csv', 'FFA.csv'];
    return {
      rows: [
        row('CFP/figure01-01A', 'CFP', 41, 'Color image of the fundus of the right eye'),
        row('CFP/figure01-01B', 'CFP', 42, 'Left eye, same person as Figure 1-1A'),
        row('CFP/figure02-08A', 'CFP', 43, '正常人右眼眼底彩色像', 'zh'),
        row('FFA/figure01-01C', 'FFA', 44, 'FFA arterial phase. Same person as Figure 1-1A'),
        row('FFA/figure03-09C', 'FFA', 45, "Autofluorescence, bull's-eye-like"),
      ],
      rejects: [
        { dropped: 'row', code: 'duplicate_image', file: first!, field: 'image', row: 3 },
        { dropped: 'row', code: 'missing_image', file: first!, field: 'image', row: 5 },
        { dropped: 'row', code: 'bad_row', file: first!, field: 'image', row: 6 },
        { dropped: 'row', code: 'bad_text', file: second!, field: 'categories', row: 3 },
      ],
    };
  },
};
export default release;
