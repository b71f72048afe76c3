/** A made-up Open-i release: seven reports as the archives unpack, with pictures as PNG and as DICOM. Nobody was imaged. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';
import { dicomFile } from '../../src/data/formats/dicom-writer.js';

interface Made {
  number: number;
  findings: string;
  impression: string;
  major: string[];
  images: string[];
}

const REPORTS: Made[] = [
  {
    number: 1,
    findings: 'The heart is normal in size. Lungs are clear. No pneumothorax.',
    impression: 'Normal chest x-XXXX.',
    major: ['normal'],
    images: ['CXR1_1_IM-0001-3001', 'CXR1_1_IM-0001-4001'],
  },
  {
    number: 2,
    findings: '',
    impression: '1. Opacity > 2.5 cm in the left base, seen by Dr. XXXX.\n2. Small effusion & scarring.',
    major: ['Pulmonary Atelectasis/base/left', 'Pleural  Effusion/left/small'],
    images: ['CXR2_IM-0652-1001', 'CXR2_IM-0652-2001'],
  },
  // No picture: a fortieth of the reports.
  { number: 3, findings: 'Stable cardiomegaly.', impression: 'No change.', major: ['Cardiomegaly/mild'], images: [] },
  // Neither findings nor impression.
  { number: 4, findings: '', impression: '', major: ['No Indexing'], images: ['CXR4_IM-2050-1001'] },
  // One picture of two is not there; of the next, the only one.
  {
    number: 10,
    findings: 'Lungs are clear.',
    impression: 'Normal.',
    major: ['normal'],
    images: ['CXR10_IM-0002-1001', 'CXR10_IM-0002-2001'],
  },
  { number: 11, findings: 'Clear.', impression: 'Normal.', major: ['normal'], images: ['CXR11_IM-0067-1001'] },
];

const release: SyntheticRelease = {
  async write(folder) {
    const [reports, png, dcm] = ['ecgen-radiology', 'NLMCXR_png', 'NLMCXR_dcm'].map((name) => join(folder, name));
    for (const path of [reports!, png!, join(dcm!, '2')]) mkdirSync(path, { recursive: true });
    for (const report of REPORTS) writeFileSync(join(reports!, `${report.number}.xml`), xml(report));
    writeFileSync(join(reports!, '12.xml'), xml(REPORTS[0]!).slice(0, 900));
    // RGB files of grey pictures, each of a size of its own.
    for (const [name, width] of [
      ['CXR1_1_IM-0001-3001', 40],
      ['CXR1_1_IM-0001-4001', 44],
      ['CXR4_IM-2050-1001', 48],
      ['CXR10_IM-0002-1001', 52],
    ] as const)
      await sharp({ create: { width, height: 36, channels: 3, background: { r: width, g: width, b: width } } })
        .png()
        .toFile(join(png!, `${name}.png`));
    // As the DICOM archive names them; every second radiograph there is MONOCHROME1, and many do not say their view.
    const pixels = Uint16Array.from({ length: 36 * 56 }, (_, i) => i % 4096);
    const file = { rows: 36, columns: 56, pixels, bitsStored: 12 };
    writeFileSync(
      join(dcm!, '2', '2_IM-0652-1001.dcm'),
      dicomFile({ ...file, photometric: 'MONOCHROME1', view: 'PA', modality: 'DX' }),
    );
    writeFileSync(join(dcm!, '2', '2_IM-0652-2001.dcm'), dicomFile(file));
    const views =
      'imageid,View Position\nCXR1_1_IM-0001-3001,PA\nCXR1_1_IM-0001-4001,LL\nCXR2_IM-0652-2001,LATERAL\nCXR4_IM-2050-1001,\n';
    writeFileSync(join(folder, 'views.csv.gz'), gzipSync(views));
    const row = (number: number) => REPORTS.find((report) => report.number === number)!;
    return {
      options: { views: 'views.csv.gz', sections: 'all' },
      rows: [
        {
          sample_id: 'CXR1',
          images: [
            { image_id: 'CXR1_1_IM-0001-3001', view: 'PA', width: 40, channels: 1 },
            { image_id: 'CXR1_1_IM-0001-4001', view: 'LATERAL', width: 44 },
          ],
          texts: texts(row(1)),
          meta: { caption: 'PA and lateral chest x-XXXX.', mesh_major: 'normal' },
        },
        {
          sample_id: 'CXR2',
          images: [
            { image_id: 'CXR2_IM-0652-1001', view: 'PA', width: 56, modality: 'DX', inverted: true, bits_stored: 12 },
            { image_id: 'CXR2_IM-0652-2001', view: 'LATERAL', width: 56, modality: 'CR', inverted: false },
          ],
          texts: texts(row(2)),
        },
        { sample_id: 'CXR3', images: [], texts: texts(row(3)) },
        {
          sample_id: 'CXR4',
          images: [{ image_id: 'CXR4_IM-2050-1001', view: 'UNKNOWN', width: 48 }],
          texts: texts(row(4)),
          labels: [],
        },
        {
          sample_id: 'CXR10',
          images: [{ image_id: 'CXR10_IM-0002-1001', view: 'UNKNOWN', width: 52 }],
          texts: texts(row(10)),
        },
      ],
      rejects: [
        { dropped: 'image', code: 'missing_image', file: 'ecgen-radiology/10.xml', field: 'parentImage' },
        { dropped: 'row', code: 'missing_image', file: 'ecgen-radiology/11.xml', field: 'parentImage' },
        { dropped: 'row', code: 'bad_xml', file: 'ecgen-radiology/12.xml', field: 'eCitation' },
      ],
    };
  },
};
export default release;

const texts = ({ findings, impression }: Made) =>
  [
    { kind: 'findings', body: findings },
    { kind: 'impression', body: impression },
    { kind: 'comparison', body: 'None.' },
    { kind: 'indication', body: 'Chest pain' },
  ].filter(({ body }) => body !== '');

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('>', '&gt;').replaceAll('<', '&lt;');

const section = (label: string, text: string) =>
  text === ''
    ? `            <AbstractText Label="${label}"/>\n`
    : `            <AbstractText Label="${label}">${escaped(text)}</AbstractText>\n`;

const xml = ({ number, findings, impression, major, images }: Made) => `<?xml version="1.0" encoding="utf-8"?>
<eCitation>
   <meta type="rr"/>
   <uId id="CXR${number}"/>
   <IUXRId id="${number}"/>
   <licenseType>open-access</licenseType>
   <licenseURL>http://creativecommons.org/licenses/by-nc-nd/4.0/</licenseURL>
   <title>Made-up chest X-rays</title>
   <MedlineCitation Owner="nobody" Status="made up">
      <Article PubModel="Electronic">
         <Abstract>
${section('COMPARISON', 'None.')}${section('INDICATION', 'Chest pain')}${section('FINDINGS', findings)}${section('IMPRESSION', impression)}         </Abstract>
      </Article>
   </MedlineCitation>
   <MeSH>
${major.map((term) => `      <major>${escaped(term)}</major>\n`).join('')}      <automatic>opacity</automatic>
   </MeSH>
${images
  .map(
    (id, i) => `   <parentImage id="${id}">
      <figureId>F${i + 1}</figureId>
      <caption>PA and lateral chest x-XXXX.</caption>
      <panel type="single">
         <url>/images/${id}.jpg</url>
      </panel>
   </parentImage>
`,
  )
  .join('')}</eCitation>`;
