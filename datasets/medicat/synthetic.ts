/** A made-up MedICaT: figures of two articles as JSON lines, with and without references, captions and licences. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const [FIRST, SECOND] = ['0123456789abcdef0123456789abcdef01234567', 'fedcba9876543210fedcba9876543210fedcba98'];
const TABLE = 'release/figures-of-articles.jsonl';

const line = (pdf_hash: string, page: number, number: number, more: Record<string, unknown>) => ({
  pdf_hash,
  fig_key: `Figure${number}`,
  fig_uri: `${page}-Figure${number}-1.png`,
  s2_caption: '',
  s2orc_caption: null,
  s2orc_references: null,
  radiology: true,
  scope: true,
  predicted_type: 'Medical images',
  oa_info: {
    doi: `10.0000/made-up.${pdf_hash.slice(0, 2)}`,
    doi_url: `https://doi.org/10.0000/made-up.${pdf_hash.slice(0, 2)}`,
    oa: {
      is_oa: true,
      oa_status: pdf_hash === FIRST ? 'gold' : 'bronze',
      journal_is_oa: true,
      journal_is_in_doaj: true,
      license: pdf_hash === FIRST ? 'cc-by' : null,
      provenance: 'made up',
    },
  },
  ...more,
});

const release: SyntheticRelease = {
  async write(folder) {
    const lines: unknown[] = [
      line(FIRST, 2, 1, {
        s2_caption: 'Figure 1. (A) Barium enema and (B) film of a made-up bowel.',
        s2orc_caption: 'Figure 1. Another reading.',
        s2orc_references: ['A stenosis was seen (Figure 1 ).', 'See also Figure 1.'],
      }),
      line(FIRST, 2, 2, { s2_caption: '', s2orc_caption: 'Figure 2 shows the same bowel later.', radiology: false }),
      line(SECOND, 10, 1, {
        s2_caption: 'FIG. 1: CT of the chest.',
        s2orc_references: ['The CT (Fig. 1) was clear.', ''],
      }),
      // No caption at all, and no other text.
      line(SECOND, 11, 2, {}),
      line(SECOND, 12, 3, { s2_caption: 'Fig. 3. Its picture is not there.' }),
      { ...line(SECOND, 13, 4, { s2_caption: 'Nameless.' }), fig_uri: null },
    ];
    mkdirSync(join(folder, 'release', 'figures'), { recursive: true });
    writeFileSync(join(folder, TABLE), `${lines.map((one) => JSON.stringify(one)).join('\n')}\n{"pdf_hash": "cut`);
    writeFileSync(join(folder, 'release', 'subcaptions_public.jsonl'), '{}\n');
    for (const [name, width] of [
      [`${FIRST}_2-Figure1-1`, 60],
      [`${FIRST}_2-Figure2-1`, 64],
      [`${SECOND}_10-Figure1-1`, 68],
      [`${SECOND}_11-Figure2-1`, 72],
    ] as const)
      await sharp({ create: { width, height: 50, channels: 3, background: { r: 20, g: width, b: 90 } } })
        .png()
        .toFile(join(folder, 'release', 'figures', `${name}.png`));
    const rejected = { dropped: 'row', file: 'figures-of-articles.jsonl' } as const;
    return {
      rows: [
        {
          sample_id: `${FIRST}_2-Figure1-1`,
          source_ref: '10.0000/made-up.01',
          images: [{ modality: 'FIG', width: 60, channels: 3 }],
          texts: [
            { kind: 'caption', body: '(A) Barium enema and (B) film of a made-up bowel.' },
            { kind: 'inline_reference', body: 'A stenosis was seen (Figure 1 ).' },
            { kind: 'inline_reference', body: 'See also Figure 1.' },
          ],
          meta: { figure: 'Figure1', radiology: 'true', licence: 'cc-by', oa_status: 'gold' },
        },
        {
          sample_id: `${FIRST}_2-Figure2-1`,
          texts: [{ kind: 'caption', body: 'Figure 2 shows the same bowel later.' }],
          meta: { radiology: 'false' },
        },
        {
          sample_id: `${SECOND}_10-Figure1-1`,
          texts: [{ body: 'CT of the chest.' }, { body: 'The CT (Fig. 1) was clear.' }],
          flags: ['no_licence', 'small_image', 'empty_text'],
        },
      ],
      rejects: [
        { ...rejected, dropped: 'text', code: 'empty_text', field: 's2orc_references[1]', row: 3 },
        { ...rejected, code: 'empty_text', field: 's2_caption', row: 4 },
        { ...rejected, code: 'missing_image', field: 'fig_uri', row: 5 },
        { ...rejected, code: 'bad_row', field: 'pdf_hash, fig_uri', row: 6 },
        { ...rejected, code: 'bad_row', field: 'row', row: 7 },
      ],
    };
  },
};
export default release;
