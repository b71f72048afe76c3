/** A made-up ROCO: seven figures in the released lists, one picture of them CMYK, one missing, one cut short. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

interface Made {
  number: string;
  article: string;
  figure: string;
  caption: string;
  licence: string;
  keywords?: string[];
  cuis?: string[];
  types?: string[];
}

/** By folder, in the order of the rows. */
const FIGURES: Record<string, Made[]> = {
  'train/radiology': [
    {
      number: '00001',
      article: 'PMC4000001',
      figure: 'made-0001-g01.jpg',
      // As in the release, each caption begins with a blank.
      caption: ' Chest X-ray, "AP" view: a made-up nodule, 2.5 cm.',
      licence: 'CC BY',
      keywords: ['chest', 'nodule'],
      cuis: ['C0028259', 'C0817096'],
      types: ['T060', 'Diagnostic Procedure', 'T033', 'Finding'],
    },
    // Of the same article; in CMYK, as some publishers have it. No concept was found.
    { number: '00004', article: 'PMC4000001', figure: 'g02.jpg', caption: ' Axial CT.', licence: 'CC BY' },
    { number: '00009', article: 'PMC4000002', figure: 'g,03.jpg', caption: ' Lost with its package.', licence: 'CC0' },
  ],
  'validation/radiology': [
    { number: '00020', article: 'PMC4000003', figure: 'g01.jpg', caption: ' MRI of the knee.', licence: 'NO-CC CODE' },
    { number: '00027', article: 'PMC4000004', figure: 'g01.jpg', caption: ' ', licence: 'CC BY-NC' },
  ],
  'test/radiology': [
    { number: '00033', article: 'PMC4000005', figure: 'g01.jpg', caption: ' Ultrasound.', licence: 'CC BY-ND' },
  ],
  'train/non-radiology': [
    { number: '00002', article: 'PMC4000006', figure: 'g01.jpg', caption: ' A drawing.', licence: 'CC BY' },
  ],
};
const CMYK = 'PMC4000001_g02.jpg';
const LOST = 'PMC4000002_g,03.jpg';
const CUT = 'PMC4000005_g01.jpg';

const nameOf = ({ article, figure }: Made) => `${article}_${figure}`;

async function picture(name: string): Promise<Buffer> {
  const image = sharp({ create: { width: 48, height: 40, channels: 3, background: { r: 200, g: 90, b: 40 } } });
  const bytes = await (name === CMYK ? image.toColourspace('cmyk') : image).jpeg().toBuffer();
  return name === CUT ? bytes.subarray(0, 200) : bytes;
}

const release: SyntheticRelease = {
  async write(folder) {
    for (const [place, figures] of Object.entries(FIGURES)) {
      const path = join(folder, 'data', place);
      mkdirSync(join(path, 'images'), { recursive: true });
      const list = (name: string, line: (made: Made) => string) =>
        writeFileSync(join(path, `${name}.txt`), figures.map((made) => `${line(made)}\n`).join(''));
      const tabs = (made: Made, fields: string[] = []) => [`ROCO_${made.number}`, '', ...fields].join('\t');
      list('captions', (made) => `ROCO_${made.number}\t${made.caption}`);
      list('keywords', (made) => tabs(made, made.keywords));
      list('cuis', (made) => tabs(made, made.cuis));
      list('semtypes', (made) => tabs(made, made.types).replace('\t\t', '\t'));
      list(
        'dlinks',
        ({ number, article, figure }) =>
          `ROCO_${number}\twget -r ftp://ftp.example.org/pub/oa_package/0a/1b/${article}.tar.gz\t${figure}`,
      );
      writeFileSync(
        join(path, 'licences.txt'),
        `ROCO_ID,PMC_ID,CC\n${figures.map((made) => `ROCO_${made.number},${nameOf(made)},${made.licence}\n`).join('')}`,
      );
      for (const name of figures.map(nameOf))
        if (name !== LOST) writeFileSync(join(path, 'images', name), await picture(name));
    }
    const broken = join(folder, 'data', 'test', 'radiology', 'captions.txt');
    writeFileSync(broken, 'ROCO_00033\t Ultrasound.\nROCO_00034 no tab\nROCO_00035\t In no other list.\n');
    const rejected = { dropped: 'row' } as const;
    return {
      options: { figures: 'all' },
      rows: [
        {
          sample_id: 'ROCO_00001',
          split: 'train',
          source_ref: 'PMC4000001_made-0001-g01.jpg',
          images: [{ image_id: 'PMC4000001_made-0001-g01', modality: 'FIG', width: 48, channels: 3 }],
          texts: [{ kind: 'caption', body: 'Chest X-ray, "AP" view: a made-up nodule, 2.5 cm.' }],
          meta: {
            list: 'radiology',
            licence: 'CC BY',
            keywords: 'chest | nodule',
            cuis: 'C0028259 C0817096',
            semantic_types: 'T060 Diagnostic Procedure | T033 Finding',
          },
        },
        { sample_id: 'ROCO_00004', images: [{ channels: 3, photometric: 'CMYK' }], meta: { licence: 'CC BY' } },
        { sample_id: 'ROCO_00020', split: 'valid', meta: { licence: 'NO-CC CODE' } },
        { sample_id: 'ROCO_00002', split: 'train', meta: { list: 'non-radiology', licence: 'CC BY' } },
      ],
      rejects: [
        { ...rejected, code: 'missing_image', file: 'train/radiology/captions.txt', field: 'dlinks.txt', row: 3 },
        { ...rejected, code: 'empty_text', file: 'validation/radiology/captions.txt', field: 'caption', row: 2 },
        { ...rejected, code: 'truncated_image', file: 'test/radiology/captions.txt', field: 'dlinks.txt', row: 1 },
        { ...rejected, code: 'bad_row', file: 'test/radiology/captions.txt', field: 'row', row: 2 },
        { ...rejected, code: 'no_picture_name', file: 'test/radiology/captions.txt', field: 'ROCO_ID', row: 3 },
      ],
    };
  },
};
export default release;
