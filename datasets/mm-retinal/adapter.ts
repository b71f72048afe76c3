/** MM-Retinal: pictures of the eye's fundus in three techniques with the captions of textbooks; one row a picture. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, parse } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { textList } from '../../src/data/formats/python-literals.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';

const options = z.strictObject({
  /** train: everything is for training, as KeepFIT does; drawn: by the hash of the figure. */
  split: z.enum(['drawn', 'train']).default('drawn'),
});
type Options = z.infer<typeof options>;

const RELEASE = 'MM_Retinal_dataset_v1';
const TABLES = /^(?:39_MM_Retinal_dataset|CFP|FFA|OCT)\.csv$/u;
const TECHNIQUES = ['CFP', 'FFA', 'OCT'] as const;

const adapter: DatasetAdapter<Options> = {
  name: 'mm-retinal',
  title: 'MM-Retinal',
  version: '1',
  licence: 'unknown',
  licenceText: 'none stated; pictures and captions are of four textbooks: do not redistribute',
  access:
    "open: the link in github.com/lxirich/MM-Retinal; its tables of captions are in that repository's folders of data",
  modalities: ['CFP', 'FFA', 'OCT'],
  options: options as z.ZodType<Options>,

  describe: ({ options }) => ({
    splitRule:
      options.split === 'train'
        ? 'everything is for training'
        : 'the release has no splits: drawn by the hash of the figure, all panels and techniques of a figure together; train 0.8, valid 0.1, test 0.1',
  }),

  async *rows({ from, options }) {
    const seen = new Set<string>();
    for (const table of tablesIn(from)) {
      for await (const found of tableRows(table)) {
        const origin = { file: basename(table), row: found.row };
        const item =
          'fault' in found ? reject('bad_row', found.fault, 'row', origin) : toRow(found.values, origin, from, options);
        const known = 'id' in item && seen.has(item.id);
        if ('id' in item) seen.add(item.id);
        yield known ? reject('duplicate_image', `${item.id} came before`, 'image', origin) : item;
      }
    }
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

function tablesIn(from: string): string[] {
  const found = [from, join(from, RELEASE)].flatMap((folder) =>
    (existsSync(folder) ? readdirSync(folder) : [])
      .filter((name) => TABLES.test(name))
      .sort()
      .map((name) => join(folder, name)),
  );
  if (found.length > 0) return found;
  throw GadoliniumError.expected(
    'no-source',
    "'CFP.csv', '39_MM_Retinal_dataset.csv', 'FFA.csv' or 'OCT.csv'",
    `the MM-Retinal release ${from}`,
    'none',
  );
}

function toRow(
  values: Record<string, unknown>,
  origin: Origin,
  from: string,
  { split }: Options,
): SourceRow | SourceReject {
  const cells = values as Record<string, string>;
  const path = (cells['image'] ?? '').trim();
  const technique = TECHNIQUES.find((name) => basename(dirname(path)).startsWith(name));
  // figure02-26A.jpg: chapter, figure, panel.
  const figure = /^figure\d+-\d+/u.exec(basename(path))?.[0];
  if (technique === undefined || figure === undefined)
    return reject('bad_row', `'${path}' is no …/CFP, FFA or OCT/figureNN-NNx.jpg`, 'image', origin);
  const column = 'caption' in cells ? 'caption' : 'categories';
  const body = column === 'caption' ? cells['caption'] : textList(cells['categories'] ?? '')?.join(' ');
  if (body === undefined) return reject('bad_text', `'${cells['categories']}' is no list of texts`, column, origin);
  const { name } = parse(path);
  return {
    id: `${technique}/${name}`,
    ...(split === 'train' ? { split } : {}),
    group: figure,
    images: [{ id: name, file: fileOf(path, technique, from), modality: technique, field: 'image' }],
    texts: [
      {
        kind: 'caption',
        lang: /\p{Script=Han}/u.test(body) ? 'zh' : 'en',
        body: body.trim(),
        origin: 'human',
        field: column,
      },
    ],
    sourceRef: name,
    origin,
  };
}

/** Tables name the folder in several ways, and the same picture as PNG or JPEG; the first path is what is missed. */
function fileOf(path: string, technique: string, from: string): string {
  const { name, ext } = parse(path);
  const endings = [ext, '.jpg', '.png'];
  const folders = [join(from, dirname(path)), join(from, RELEASE, technique), join(from, technique)];
  const paths = folders.flatMap((folder) => endings.map((ending) => join(folder, `${name}${ending}`)));
  return paths.find((candidate) => existsSync(candidate)) ?? paths[0]!;
}
