/** A made-up assembly: three tables and one that is held out, blanks in paths, a TIFF, a photograph turned by EXIF, lists that are broken. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const IDRID = '03_IDRiD/A. Segmentation/1. Original Images/a. Training Set/IDRiD_14.jpg';

async function writeImage(path: string, width: number, turned = false): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const image = sharp({ create: { width, height: 40, channels: 3, background: '#aa4411' } });
  await (turned ? image.withMetadata({ orientation: 6 }) : image).toFile(path);
}

const release: SyntheticRelease = {
  async write(folder) {
    const table = (name: string, lines: string[]) =>
      writeFileSync(join(folder, `${name}.csv`), `${[',image,atributes,categories', ...lines].join('\n')}\n`);
    table('03_IDRID', [
      `0,${IDRID},"['noisy', 'clean']","['diabetic retinopathy', 'haemorrhages']"`,
      "1,03_IDRiD/b.jpg,[],['normal']",
      '2,03_IDRiD/c.jpg,[],[]',
      "3,03_IDRiD/d.jpg,noisy,['normal']",
      `4,${IDRID},[],['normal']`,
    ]);
    table('08_ODIR', [
      "0,08_ODIR-5K/train_resized/2_right.jpg,[],['normal']",
      "1,08_ODIR-5K/train_resized/40_left.jpg,[],['macular hole']",
    ]);
    table('14_AGAR300', ["0,14_AGAR300/image 1.tif,[],['microaneurysms $']", "1,14_AGAR300/image 2.tif,[],['normal']"]);
    table('25_REFUGE', ["0,25_REFUGE/not read.jpg,[],['glaucoma']"]);
    const definitions = { normal: ['no lesions'], 'diabetic retinopathy': ['many microaneurysms'] };
    writeFileSync(join(folder, 'definitions.json'), JSON.stringify(definitions));
    await writeImage(join(folder, IDRID), 50);
    await writeImage(join(folder, '03_IDRiD/b.jpg'), 51, true);
    await writeImage(join(folder, '08_ODIR-5K/train_resized/2_right.jpg'), 52);
    await writeImage(join(folder, '08_ODIR-5K/train_resized/40_left.jpg'), 53);
    await writeImage(join(folder, '14_AGAR300/image 1.tif'), 54);
    const texts = (kind: string, origin: string, ...bodies: string[]) =>
      bodies.map((body) => ({ kind, origin, body, lang: 'en', group: 0 }));
    const labels = (...names: string[]) => names.map((name) => ({ vocab: 'flair', name, state: 'positive' }));
    const rejected = { dropped: 'row', file: '03_IDRID.csv' } as const;
    return {
      options: { definitions: 'definitions.json' },
      rows: [
        {
          sample_id: IDRID,
          split: 'train',
          images: [{ modality: 'CFP', width: 50, channels: 3 }],
          texts: texts(
            'label_text',
            'template',
            ...['noisy', 'clean'].flatMap((attribute) =>
              ['diabetic retinopathy', 'many microaneurysms', 'haemorrhages'].map(
                (word) => `A ${attribute} fundus photograph of ${word}`,
              ),
            ),
          ),
          labels: labels('diabetic retinopathy', 'haemorrhages'),
          meta: { set: '03_IDRID', attributes: 'noisy | clean' },
        },
        {
          sample_id: '03_IDRiD/b.jpg',
          images: [{ width: 40, height: 51 }],
          texts: texts('label_text', 'template', 'A fundus photograph of normal', 'A fundus photograph of no lesions'),
          labels: labels('normal'),
          flags: ['orientation_applied', 'small_image'],
        },
        {
          sample_id: '08_ODIR-5K/train_resized/2_right.jpg',
          images: [{ width: 52 }],
          texts: texts('caption', 'human', 'A fundus photograph of normal'),
        },
        {
          sample_id: '08_ODIR-5K/train_resized/40_left.jpg',
          split: 'extra',
          labels: labels('macular hole'),
          flags: ['held_out', 'small_image'],
        },
        {
          sample_id: '14_AGAR300/image 1.tif',
          split: 'train',
          images: [{ width: 54 }],
          texts: texts('label_text', 'template', 'A fundus photograph of microaneurysms $'),
        },
      ],
      rejects: [
        { ...rejected, code: 'bad_label', field: 'categories', row: 3 },
        { ...rejected, code: 'bad_label', field: 'atributes', row: 4 },
        { ...rejected, code: 'duplicate_image', field: 'image', row: 5 },
        { dropped: 'row', code: 'missing_image', file: '14_AGAR300.csv', field: 'image', row: 2 },
      ],
    };
  },
};
export default release;
