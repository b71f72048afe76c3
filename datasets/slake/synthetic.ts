/** A made-up SLAKE: four images with questions in two languages whose splits contradict each other. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

let qid = 0;
const entry = (
  image: number,
  q_lang: string,
  modality: string,
  location: string,
  question: string,
  answer: string | number,
  base_type = 'vqa',
) => ({
  img_id: image,
  img_name: `xmlab${image}/source.jpg`,
  question,
  answer,
  q_lang,
  location,
  modality,
  answer_type: /^(?:yes|no|是|否)/iu.test(String(answer)) ? 'CLOSED' : 'OPEN',
  base_type,
  content_type: 'Modality',
  triple: ['vhead', '_', '_'],
  qid: qid++,
});

const release: SyntheticRelease = {
  async write(folder) {
    qid = 0;
    const lists = {
      train: [
        entry(1, 'en', 'MRI', 'Abdomen', 'What modality is used to take this image?', 'MRI'),
        entry(2, 'en', 'X-Ray', 'Chest_lung', 'How many lungs are there?', 2),
        entry(1, 'en', 'MRI', 'Abdomen', 'What does the liver do?', 'Detoxification', 'kvqa'),
        // In the Chinese half the test image is one for training.
        entry(3, 'zh', 'CT', 'Brain_Tissue', '这张图像是什么模态?', 'CT'),
        entry(4, 'zh', 'CT', 'Abdomen', '图中有肝脏吗?', '是'),
      ],
      validate: [entry(5, 'en', 'CT', 'Abdomen', 'Is this CT?', 'Yes')],
      test: [entry(3, 'en', 'CT', 'Brain_Tissue', 'Does it show a made-up mass?', 'No')],
    };
    for (const [name, entries] of Object.entries(lists))
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(entries, undefined, 4));
    // The fifth image is missing.
    for (const image of [1, 2, 3, 4]) {
      const place = join(folder, 'imgs', `xmlab${image}`);
      mkdirSync(place, { recursive: true });
      const grey = 40 * image;
      await sharp({ create: { width: 64, height: 48, channels: 3, background: { r: grey, g: grey, b: grey } } })
        .jpeg()
        .toFile(join(place, 'source.jpg'));
      await sharp({ create: { width: 64, height: 48, channels: 3, background: { r: 3, g: 3, b: 3 } } })
        .png()
        .toFile(join(place, 'mask.png'));
      writeFileSync(join(place, 'question.json'), '[]');
      writeFileSync(
        join(place, 'detection.json'),
        image === 2 ? '{"Lung": 1}' : image === 1 ? '[{"Liver": [4.0, 8.0, 20.0, 16.0]}]' : '[]',
      );
    }
    const qa = (lang: string, group: number, question: string, answer: string) => [
      { kind: 'question', lang, body: question, group },
      { kind: 'answer', lang, body: answer, group },
    ];
    const label = (vocab: string, name: string) => ({ vocab, name, state: 'positive' });
    return {
      options: { language: 'both' },
      rows: [
        {
          sample_id: 'xmlab1',
          split: 'train',
          images: [{ modality: 'MR', channels: 1 }],
          texts: [
            { kind: 'label_text', body: 'MRI image of the abdomen.', origin: 'template' },
            ...qa('en', 0, 'What modality is used to take this image?', 'MRI'),
            ...qa('en', 1, 'What does the liver do?', 'Detoxification'),
          ],
          labels: [label('modality', 'MRI'), label('location', 'Abdomen')],
          regions: [{ kind: 'box', label: 'Liver', coords: [4, 8, 24, 24] }],
        },
        {
          sample_id: 'xmlab2',
          images: [{ modality: 'CR' }],
          texts: [{ body: 'X-Ray image of the chest lung.' }, ...qa('en', 0, 'How many lungs are there?', '2')],
          flags: ['bad_regions', 'small_image'],
        },
        {
          sample_id: 'xmlab3',
          // As the English half has it.
          split: 'test',
          images: [{ modality: 'CT' }],
          texts: [
            { kind: 'label_text' },
            ...qa('zh', 0, '这张图像是什么模态?', 'CT'),
            ...qa('en', 1, 'Does it show a made-up mass?', 'No'),
          ],
          flags: ['several_splits', 'small_image'],
        },
        { sample_id: 'xmlab4', split: 'train', texts: [{ kind: 'label_text' }, ...qa('zh', 0, '图中有肝脏吗?', '是')] },
      ],
      rejects: [{ dropped: 'row', code: 'missing_image', file: 'validate.json', field: 'img_name', row: 0 }],
    };
  },
};
export default release;
