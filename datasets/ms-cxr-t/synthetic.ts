/** A made-up MS-CXR-T release beside a few made-up images. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const IMAGES = 'MS_CXR_T_temporal_image_classification_v1.0.0.csv';
const SENTENCES = 'MS_CXR_T_temporal_sentence_similarity_v1.0.0.csv';
const FINDINGS = ['consolidation', 'edema', 'pleural_effusion', 'pneumonia', 'pneumothorax'];

const release: SyntheticRelease = {
  async write(folder) {
    const sentences = [
      'subset_name,sentence_1,sentence_2,category',
      'RadGraph,The effusion is larger.,"The effusion, now, has increased.",paraphrase',
      'swaps,Edema has improved.,Edema has worsened.,contradiction',
      'swaps,Edema.,,contradiction',
      'swaps,Edema.,Edema.,unknown',
    ];
    writeFileSync(join(folder, SENTENCES), `${sentences.join('\n')}\n`);
    const path = (study: number, hash: string) => `p10/p10000007/s5000000${study}/${hash}`;
    const columns = ['dicom_id', 'previous_dicom_id', 'study_id', 'previous_study_id', 'subject_id'];
    const pair = (now: number, before: number, hashes: [string, string], ...changes: string[]) =>
      [path(now, hashes[0]), path(before, hashes[1]), `5000000${now}`, `5000000${before}`, '10000007', ...changes].join(
        ',',
      );
    const lines = [
      [...columns, ...FINDINGS.map((name) => `${name}_progression`)].join(','),
      pair(2, 1, ['bb', 'aa'], 'improving', '', 'worsening', '', ''),
      // A hash alone, without its folders.
      'cc,bb,50000003,50000002,10000007,,,,,stable',
      pair(4, 3, ['dd', 'cc'], 'stable', '', '', '', ''),
      pair(3, 1, ['cc', 'aa'], 'better', '', '', '', ''),
    ];
    writeFileSync(join(folder, IMAGES), `${lines.join('\n')}\n`);
    for (const [study, hash, width] of [
      [1, 'aa', 41],
      [2, 'bb', 42],
      [3, 'cc', 43],
    ] as const) {
      const file = join(folder, 'files', `${path(study, hash)}.jpg`);
      mkdirSync(dirname(file), { recursive: true });
      const background = { r: 3 * width, g: 3 * width, b: 3 * width };
      await sharp({ create: { width, height: 40, channels: 3, background } })
        .toColourspace('b-w')
        .jpeg()
        .toFile(file);
    }
    return {
      rows: [
        {
          sample_id: 'sentences-1',
          texts: [{ body: 'The effusion is larger.' }, { body: 'The effusion, now, has increased.' }],
          labels: [{ vocab: 'similarity', name: 'paraphrase' }],
          images: [],
        },
        { sample_id: 'sentences-2', labels: [{ vocab: 'similarity', name: 'contradiction' }] },
        {
          sample_id: 'bb_aa',
          patient_id: 'p10000007',
          study_id: 's50000002',
          split: 'test',
          images: [{ image_id: 'bb', width: 42 }],
          prior_images: [{ image_id: 'aa', width: 41 }],
          labels: [
            { vocab: 'consolidation', name: 'improving' },
            { vocab: 'pleural effusion', name: 'worsening' },
          ],
        },
        {
          sample_id: 'cc_bb',
          images: [{ width: 43 }],
          prior_images: [{ width: 42 }],
          labels: [{ vocab: 'pneumothorax', name: 'stable' }],
        },
      ],
      rejects: [
        { dropped: 'row', code: 'bad_pair', file: SENTENCES, field: 'sentence_2', row: 3 },
        { dropped: 'row', code: 'bad_label', file: SENTENCES, field: 'category', row: 4 },
        { dropped: 'row', code: 'missing_image', file: IMAGES, field: 'dicom_id', row: 3 },
        { dropped: 'row', code: 'bad_label', file: IMAGES, field: 'consolidation_progression', row: 4 },
      ],
    };
  },
};
export default release;
