/** PMC-OA: subfigures of PubMed Central articles with the part of the caption that speaks of them; one row a subfigure. */
import { existsSync } from 'node:fs';
import { basename, isAbsolute, join, parse } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';

const options = z.strictObject({
  /** One list instead of train, valid and test: JSON lines or CSV; its rows get drawn splits. */
  table: z.string().optional(),
  /** Folder of the pictures, where it is none of the known ones. */
  images: z.string().optional(),
  /** Columns of a list of one's own. */
  image: z.string().default('image'),
  caption: z.string().default('caption'),
});
type Options = z.infer<typeof options>;

const SPLITS = ['train', 'valid', 'test'];
const WHOLE = ['pmc_oa.jsonl', 'pmc_oa_beta.jsonl'];
/** As the archive of pictures unpacks. */
const SUBFIGURES = 'caption_T060_filtered_top4_sep_v0_subfigures';
const FOLDERS = [join('images', SUBFIGURES), SUBFIGURES, 'images'];

const adapter: DatasetAdapter<Options> = {
  name: 'pmc-oa',
  title: 'PMC-OA',
  version: '1',
  licence: 'per-article',
  licenceText:
    'each figure under the licence of its article in the open-access subset of PubMed Central; not in the lists',
  access: 'open: the data sets axiong/pmc_oa and axiong/pmc_oa_beta of the Hugging Face hub',
  modalities: ['FIG'],
  options: options as z.ZodType<Options>,

  describe: ({ from, options }) => ({
    splitRule: lists(from, options)[0]!.split
      ? "the release's lists; whether they part by article is not said"
      : 'drawn by the hash of the article (PMC number); train 0.8, valid 0.1, test 0.1',
  }),

  async *rows({ from, options }) {
    const folder = folderOf(from, options.images);
    for (const { path, split } of lists(from, options)) {
      for await (const found of tableRows(path)) {
        const origin = { file: basename(path), row: found.row };
        if ('fault' in found) yield reject('bad_row', found.fault, 'row', origin);
        else yield toRow(found.values, folder, split, options, origin);
      }
    }
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

const pathIn = (from: string, path: string) => (isAbsolute(path) ? path : join(from, path));

/** The lists with splits; where there are none, the one list of all. */
function lists(from: string, { table }: Options): { path: string; split?: string }[] {
  if (table !== undefined) return [{ path: pathIn(from, table) }];
  const parts = SPLITS.flatMap((split) => {
    const path = ['jsonl', 'csv'].map((ending) => join(from, `${split}.${ending}`)).find((name) => existsSync(name));
    return path === undefined ? [] : [{ path, split }];
  });
  if (parts.length > 0) return parts;
  const whole = WHOLE.map((name) => join(from, name)).find((path) => existsSync(path));
  if (whole !== undefined) return [{ path: whole }];
  throw GadoliniumError.expected(
    'no-source',
    `'train.jsonl', 'valid.jsonl' and 'test.jsonl', or '${WHOLE.join("' or '")}'`,
    `the PMC-OA release ${from}`,
    'none',
    'or name a list with --option table=FILE',
  );
}

function folderOf(from: string, given: string | undefined): string {
  if (given !== undefined) return pathIn(from, given);
  return FOLDERS.map((name) => join(from, name)).find((path) => existsSync(path)) ?? join(from, 'images');
}

function toRow(
  values: Record<string, unknown>,
  folder: string,
  split: string | undefined,
  options: Options,
  origin: Origin,
): SourceRow | SourceReject {
  const image = values[options.image];
  if (typeof image !== 'string' || image === '')
    return reject('missing_image', 'no name of a picture', options.image, origin);
  const id = parse(image).name;
  const article = /^PMC\d+/u.exec(id)?.[0];
  const meta: Record<string, string> = {};
  for (const name of ['alignment_type', 'alignment_score'])
    if (values[name] !== undefined && values[name] !== null) meta[name] = String(values[name]);
  return {
    id,
    ...(split === undefined ? {} : { split }),
    ...(article === undefined ? {} : { group: article }),
    images: [{ id, file: join(folder, image), modality: 'FIG', field: options.image }],
    // A caption that is a number is a number in JSON; it is a text all the same.
    texts: [
      {
        kind: 'caption',
        lang: 'en',
        body: String(values[options.caption] ?? '').trim(),
        origin: 'human',
        field: options.caption,
      },
    ],
    meta,
    sourceRef: image,
    origin,
  };
}
