/** A made-up ChiMed-VL: lists of contexts, descriptions and questions about three figures. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SyntheticRelease } from '../../src/data/adapter.js';

const FIRST = 'PMC8000001_Fig6_46.jpg';
const SECOND = 'PMC8000002_Fig1_3.jpg';

const item = (id: string | undefined, image: unknown, ...said: string[]) => ({
  id,
  image,
  conversations: said.map((value, i) => ({ from: i % 2 === 0 ? 'human' : 'gpt', value })),
});

const release: SyntheticRelease = {
  async write(folder) {
    const lists: Record<string, unknown[]> = {
      'ChiMed-VL-Alignment/caption.json': [
        item('0', FIRST, '<image>\n请描述这张图片。', '胸部CT显示右肺下叶有一个虚构的结节（箭头）。'),
        item('1', 'PMC8000003_Fig1_0.jpg', '<image>\n请描述这张图片。', '图片缺失。'),
        item('2', FIRST, '<image>\n请描述这张图片。'),
        item('3', undefined, '请描述。', '没有图片。'),
      ],
      'ChiMed-VL-Alignment/context.json': [
        item('0', FIRST, '图片背景?\n<image>', '患者男性，45岁，因咳嗽入院。MRI 未见异常。'),
        item(undefined, [FIRST, SECOND], '<image>\n<image>\n背景?', '两张图片的背景。'),
      ],
      'ChiMed-VL-Instruction/qa.json': [
        item('0', SECOND, '<image>\n图中是什么?', '是心脏超声。', '大小正常吗?', '正常。'),
        item('1', SECOND, '<image>\n有积液吗?', ' '),
      ],
    };
    for (const [name, items] of Object.entries(lists)) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), JSON.stringify(items, undefined, 1));
    }
    mkdirSync(join(folder, 'images'));
    for (const [name, red] of [
      [FIRST, 90],
      [SECOND, 190],
    ] as const)
      await sharp({ create: { width: 64, height: 50, channels: 3, background: { r: red, g: 90, b: 90 } } })
        .jpeg()
        .toFile(join(folder, 'images', name));
    const caption = 'ChiMed-VL-Alignment/caption.json';
    const zh = { lang: 'zh', origin: 'translated' };
    return {
      options: { part: 'both' },
      rows: [
        {
          sample_id: 'caption:0',
          study_id: 'PMC8000001_Fig6_46',
          source_ref: FIRST,
          images: [{ modality: 'FIG', channels: 1 }],
          texts: [{ kind: 'caption', body: '胸部CT显示右肺下叶有一个虚构的结节（箭头）。', ...zh }],
        },
        {
          sample_id: 'context:0',
          study_id: 'PMC8000001_Fig6_46',
          texts: [{ kind: 'context', body: '患者男性，45岁，因咳嗽入院。MRI 未见异常。', ...zh }],
        },
        { sample_id: 'context:1', images: [{ channels: 1 }, { channels: 3 }], texts: [{ kind: 'context' }] },
        {
          sample_id: 'qa:0',
          texts: [
            { kind: 'question', body: '图中是什么?', group: 0, ...zh },
            { kind: 'answer', body: '是心脏超声。', group: 0 },
            { kind: 'question', body: '大小正常吗?', group: 1 },
            { kind: 'answer', body: '正常。', group: 1 },
          ],
        },
        { sample_id: 'qa:1', texts: [{ kind: 'question', body: '有积液吗?' }], flags: ['small_image', 'empty_text'] },
      ],
      rejects: [
        { dropped: 'row', code: 'missing_image', file: caption, field: 'image', row: 1 },
        { dropped: 'row', code: 'bad_conversation', file: caption, field: 'conversations', row: 2 },
        { dropped: 'row', code: 'missing_image', file: caption, field: 'image', row: 3 },
        { dropped: 'text', code: 'empty_text', file: 'ChiMed-VL-Instruction/qa.json', field: 'conversations', row: 1 },
      ],
    };
  },
};
export default release;
