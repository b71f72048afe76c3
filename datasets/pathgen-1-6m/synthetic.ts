/** A made-up PathGen list with two slides: tiled JPEG with Aperio's description as TCGA has them, one packed as JPEG 2000. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const LIST = 'PathGen-1.6M.json';
const SLIDE = 'TCGA-ZZ-0001-01Z-00-DX1.bf88ce1f-0000-4000-8000-000000000001';
const PACKED = 'TCGA-ZZ-0002-01Z-00-DX1.BF88CE1F-0000-4000-8000-000000000002';
const FILE = '00000000-0000-4000-8000-00000000000a';

const release: SyntheticRelease = {
  async write(folder) {
    const places = [
      { wsi_id: SLIDE, position: ['16', '32'], caption: 'Made-up pink stroma.', file_id: FILE },
      // As the script calls it, and with the uuid in capitals.
      { WSI_id: SLIDE.toUpperCase(), position: ['704', '300'], caption: 'Made-up blue nuclei.' },
      { wsi_id: SLIDE, position: ['1000', '300'], caption: 'Beyond the border.', file_id: FILE },
      { wsi_id: SLIDE, position: ['16', 'left'], caption: 'No place.', file_id: FILE },
      { wsi_id: PACKED, position: ['0', '0'], caption: 'Packed otherwise.', file_id: FILE },
      { wsi_id: 'TCGA-ZZ-0003-01Z-00-DX1.none', position: ['0', '0'], caption: 'Not downloaded.', file_id: FILE },
      { wsi_id: SLIDE, position: ['32', '32'], caption: ' ', file_id: FILE },
      // The same words of another place of the slide: no repeated row.
      { wsi_id: SLIDE, position: ['48', '32'], caption: 'Made-up pink stroma.', file_id: FILE },
    ];
    writeFileSync(join(folder, LIST), JSON.stringify(places, undefined, 2));
    const slide = await tiles();
    mkdirSync(join(folder, FILE));
    writeFileSync(
      join(folder, FILE, `${SLIDE}.svs`),
      described(
        slide,
        'Aperio Image Library v0.0.0\r\n1400x1000 (240x240) JPEG/RGB Q=70|AppMag = 40|MPP = 0.2520|Left = 0',
      ),
    );
    writeFileSync(join(folder, `${PACKED}.svs`), described(slide, 'Aperio|AppMag = 20', 33005));
    const rejected = { dropped: 'row', file: LIST } as const;
    return {
      rows: [
        {
          sample_id: `${SLIDE}:16:32`,
          patient_id: 'TCGA-ZZ-0001',
          source_ref: SLIDE,
          images: [{ modality: 'WSI', channels: 3, width: 64, height: 64, source_width: 672, source_height: 672 }],
          texts: [{ kind: 'caption', body: 'Made-up pink stroma.', origin: 'llm' }],
          meta: { file_id: FILE, mpp: '0.2520', magnification: '40' },
        },
        {
          sample_id: `${SLIDE.toUpperCase()}:704:300`,
          patient_id: 'TCGA-ZZ-0001',
          texts: [{ body: 'Made-up blue nuclei.' }],
          meta: { magnification: '40' },
        },
        { sample_id: `${SLIDE}:48:32`, flags: ['duplicate_text'] },
      ],
      rejects: [
        { ...rejected, code: 'part_outside_image', field: 'wsi_id, position', row: 2 },
        { ...rejected, code: 'bad_row', field: 'wsi_id, position, caption', row: 3 },
        { ...rejected, code: 'unsupported_slide', field: 'wsi_id', row: 4 },
        { ...rejected, code: 'missing_image', field: 'wsi_id, position', row: 5 },
        { ...rejected, code: 'empty_text', field: 'caption', row: 6 },
      ],
    };
  },
};
export default release;

/** Left half pink, right half blue, in tiles of Aperio's size. */
async function tiles(): Promise<Buffer> {
  const half = { create: { width: 700, height: 1000, channels: 3 as const, background: { r: 60, g: 50, b: 160 } } };
  return sharp({ create: { width: 1400, height: 1000, channels: 3, background: { r: 230, g: 150, b: 190 } } })
    .composite([{ input: half, left: 700, top: 0 }])
    .removeAlpha()
    .tiff({ tile: true, tileWidth: 240, tileHeight: 240, compression: 'jpeg', quality: 70 })
    .toBuffer();
}

const [COMPRESSION, DESCRIPTION, ENTRY] = [259, 270, 12];

/** The same TIFF (little-endian, as written above) with a description: a second directory behind it takes the place of the first. */
export function described(tiff: Buffer, description: string, compression?: number): Buffer {
  const at = tiff.readUInt32LE(4);
  const count = tiff.readUInt16LE(at);
  const entries = Array.from({ length: count }, (_, i) => {
    const start = at + 2 + i * ENTRY;
    return Buffer.from(tiff.subarray(start, start + ENTRY));
  });
  const packed = entries.find((entry) => entry.readUInt16LE(0) === COMPRESSION);
  if (compression !== undefined) packed?.writeUInt16LE(compression, 8);
  const text = Buffer.from(`${description}\0`, 'latin1');
  const entry = Buffer.alloc(ENTRY);
  entry.writeUInt16LE(DESCRIPTION, 0);
  entry.writeUInt16LE(2, 2);
  entry.writeUInt32LE(text.length, 4);
  entry.writeUInt32LE(tiff.length, 8);
  entries.push(entry);
  entries.sort((a, b) => a.readUInt16LE(0) - b.readUInt16LE(0));
  // A directory begins at an even place.
  const pad = Buffer.alloc((tiff.length + text.length) % 2);
  const head = Buffer.alloc(2);
  head.writeUInt16LE(entries.length, 0);
  const out = Buffer.concat([tiff, text, pad, head, ...entries, Buffer.alloc(4)]);
  out.writeUInt32LE(tiff.length + text.length + pad.length, 4);
  return out;
}
