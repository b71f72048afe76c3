/** A made-up OpenPath table: a post with two pictures, a reply, pictographs and tags, an animated picture, an address. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const TABLE = 'openpath.jsonl';
const POST = '1234567890123456789';

const release: SyntheticRelease = {
  async write(folder) {
    const said =
      'Made-up  tumour of the colon &amp; its stroma 🔬👩🏽‍⚕️\nWhat is it? #GIPath @someone https://example.org/x1';
    const lines: Record<string, unknown>[] = [
      { id: POST, image: 'images/a.jpg', text: said, source: 'post' },
      { id: POST, image: 'images/b.png', text: said, source: 'post' },
      { id: POST, image: 'images/a.jpg', text: 'I think it is an adenoma, CK20+', source: 'reply' },
      { id: '22', image: 'images/moving.gif', text: 'Naevus cells in the skin', source: 'web' },
      // Found on the web: no post, no id.
      { image: 'images/a.jpg', text: 'Glands of the stomach', source: 'web' },
      { id: '23', image: 'images/a.jpg', text: '#pathology 😀 wow https://example.org', source: 'post' },
      { id: '24', image: 'https://example.org/c.jpg', text: 'A picture that nobody fetched', source: 'web' },
      { id: '25', image: 'images/lost.jpg', text: 'Its picture is not there', source: 'post' },
      { id: '26', image: null, text: 'No picture at all', source: 'post' },
    ];
    writeFileSync(join(folder, TABLE), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    mkdirSync(join(folder, 'images'));
    const image = (red: number) =>
      sharp({ create: { width: 48, height: 48, channels: 3, background: { r: red, g: 90, b: 150 } } });
    await image(200)
      .jpeg()
      .toFile(join(folder, 'images', 'a.jpg'));
    await image(180)
      .png()
      .toFile(join(folder, 'images', 'b.png'));
    const frames = await Promise.all([10, 250].map((red) => image(red).raw().toBuffer()));
    await sharp(Buffer.concat(frames), { raw: { width: 48, height: 96, channels: 3, pageHeight: 48 } })
      .gif()
      .toFile(join(folder, 'images', 'moving.gif'));
    const rejected = { dropped: 'row', file: TABLE } as const;
    return {
      rows: [
        {
          sample_id: POST,
          study_id: POST,
          images: [{ image_id: 'a', modality: 'WSI' }, { image_id: 'b' }],
          texts: [
            { kind: 'caption', body: 'Made-up tumour of the colon & its stroma What is it?', group: 0 },
            { body: 'I think it is an adenoma, CK20+', group: 0 },
          ],
          meta: { source: 'post' },
        },
        { sample_id: '22', flags: ['first_frame_only', 'alpha_flattened', 'small_image'] },
        { sample_id: 'row-0000005', texts: [{ body: 'Glands of the stomach' }] },
      ],
      rejects: [
        { ...rejected, code: 'short_text', field: 'text', row: 6 },
        { ...rejected, code: 'not_fetched', field: 'image', row: 7 },
        { ...rejected, code: 'missing_image', field: 'image', row: 9 },
        { ...rejected, code: 'missing_image', field: 'image', row: 8 },
      ],
    };
  },
};
export default release;
