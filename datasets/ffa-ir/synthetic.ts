/** A made-up FFA-IR: cases of several frames in two places, one frame missing, a case without paths, one without a report. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const release: SyntheticRelease = {
  async write(folder) {
    const paths = (id: string, count: number) => Array.from({ length: count }, (_, i) => `FAIR/${id}/${id}_${i}.jpg`);
    const cases = {
      train: {
        '1001': {
          En_Report: 'Late leakage of the left eye.',
          Ch_Report: '左眼晚期渗漏。',
          Image_path: paths('1001', 5),
        },
        '1002': { En_Report: 'Normal.', Ch_Report: '', Image_path: paths('1002', 2) },
        '1003': { En_Report: 'Normal.', Ch_Report: '正常。', Image_path: '1003_0.jpg' },
      },
      val: { '2001': { En_Report: 'Microaneurysms.', Ch_Report: '微动脉瘤。', Image_path: paths('2001', 1) } },
      test: { '3001': { En_Report: ' ', Ch_Report: '', Image_path: paths('3001', 1) } },
    };
    writeFileSync(join(folder, 'ffair_annotation.json'), `\ufeff${JSON.stringify(cases)}`);
    const write = async (path: string, width: number) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      const image = sharp({ create: { width, height: 40, channels: 3, background: '#666666' } });
      await image.toFile(join(folder, path));
    };
    for (let i = 0; i < 5; i++) await write(`FAIR/1001/1001_${i}.jpg`, 41 + i);
    await write('FAIR/1002/1002_1.jpg', 51);
    // As the archive of one version unpacks.
    await write('2001/2001_0.jpg', 61);
    const report = (lang: string, body: string) => ({ kind: 'report', lang, body, group: 0 });
    const file = 'ffair_annotation.json';
    return {
      options: { frames: 3 },
      rows: [
        {
          sample_id: '1001',
          study_id: '1001',
          split: 'train',
          images: [41, 43, 45].map((width) => ({ modality: 'FFA', width, channels: 1 })),
          texts: [report('en', 'Late leakage of the left eye.'), report('zh', '左眼晚期渗漏。')],
          meta: { frames: '5' },
        },
        {
          sample_id: '1002',
          images: [{ image_id: 'FAIR/1002/1002_1', width: 51 }],
          texts: [report('en', 'Normal.')],
          flags: ['small_image', 'missing_image'],
        },
        { sample_id: '2001', split: 'valid', images: [{ width: 61 }] },
      ],
      rejects: [
        { dropped: 'image', code: 'missing_image', file, field: 'Image_path', row: 2 },
        { dropped: 'row', code: 'bad_row', file, field: 'Image_path', row: 3 },
        { dropped: 'row', code: 'no_report', file, field: 'En_Report', row: 5 },
      ],
    };
  },
};
export default release;
