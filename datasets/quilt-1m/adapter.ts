/** Quilt-1M: histology pictures of teaching videos, articles, posts and the web with captions; one row a line of its table. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join, parse } from 'node:path';
import { z } from 'zod';
import type {
  DatasetAdapter,
  Origin,
  SourceReject,
  SourceRow,
  SourceText,
  TextOrigin,
} from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { pythonTexts } from './python-list.js';

const options = z.strictObject({
  /** Where pairs come from, separated by '+': quilt (videos), openpath, pubmed, laion. */
  subsets: z.string().default('quilt+openpath+pubmed+laion'),
  /** caption: one text a row; all: also what was said of regions, and the speech as it was corrected. */
  texts: z.enum(['caption', 'all']).default('caption'),
  /** only: without the pictures that the release marks as no histology. */
  histology: z.enum(['all', 'only']).default('all'),
});
type Options = z.infer<typeof options>;

const TABLE = 'quilt_1M_lookup.csv';
const SUBSETS = ['quilt', 'openpath', 'pubmed', 'laion'];
/** Speech was recognised and rewritten by programs; all else was written by people. */
const ORIGINS: Record<string, TextOrigin> = { quilt: 'asr' };
const COLUMNS = ['image_path', 'caption', 'subset', 'split'];

const adapter: DatasetAdapter<Options> = {
  name: 'quilt-1m',
  title: 'Quilt-1M',
  version: '1',
  licence: 'research-only',
  licenceText: "terms of the release's form: research, no passing on",
  access:
    'on request: Zenodo record 8239942 (512 px, 36 GB) or the form of github.com/wisdomikezogwo/quilt1m (full size)',
  modalities: ['WSI'],
  options: options as z.ZodType<Options>,

  describe: () => ({
    splitRule:
      "the table's column split; rows without one are drawn by the hash of the video, else of the picture; no patient is named",
  }),

  async *rows({ from, options }) {
    const subsets = subsetsOf(options);
    const path = join(from, TABLE);
    if (!existsSync(path))
      throw GadoliniumError.expected('no-source', `'${TABLE}'`, `the Quilt-1M release ${from}`, 'a folder without it');
    const folders = foldersOf(from);
    for await (const found of tableRows(path)) {
      const origin = { file: TABLE, row: found.row };
      if ('fault' in found) {
        yield reject('bad_row', found.fault, 'row', origin);
        continue;
      }
      const values = found.values as Record<string, string>;
      if (found.row === 1) checkColumns(values, path);
      if (!subsets.has(values['subset']!)) {
        if (!SUBSETS.includes(values['subset']!))
          yield reject('unknown_subset', `'${values['subset']}' is none of ${SUBSETS.join(', ')}`, 'subset', origin);
        continue;
      }
      if (options.histology === 'only' && isOther(values)) continue;
      yield toRow(values, folders, options, origin);
    }
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

function subsetsOf({ subsets }: Options): Set<string> {
  const asked = subsets.split('+').map((name) => name.trim());
  const unknown = asked.find((name) => !SUBSETS.includes(name));
  if (unknown === undefined) return new Set(asked);
  throw GadoliniumError.expected(
    'bad-option',
    `some of ${SUBSETS.join(', ')}, with + between`,
    '--option subsets',
    subsets,
  );
}

function checkColumns(values: Record<string, string>, path: string): void {
  const missing = COLUMNS.filter((name) => !(name in values));
  if (missing.length > 0)
    throw GadoliniumError.expected('no-column', `columns ${missing.join(', ')}`, path, Object.keys(values).join(', '));
}

/** Where archives of pictures unpack: quilt_1m/, images/, or a quilt_1m/ in each images_part_N…/. */
function foldersOf(from: string): string[] {
  const parts = readdirSync(from)
    .filter((name) => /^images_part_\d+/u.test(name) && !name.endsWith('.zip'))
    .sort();
  const found = ['quilt_1m', 'images', ...parts.map((part) => join(part, 'quilt_1m')), ...parts]
    .map((name) => join(from, name))
    .filter((path) => existsSync(path));
  return found.length > 0 ? found : [join(from, 'quilt_1m')];
}

const pathOf = (name: string, folders: string[]) =>
  folders.length === 1
    ? join(folders[0]!, name)
    : (folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? join(folders[0]!, name));

/** 0 or empty: histology; else what it is instead. */
const isOther = ({ not_histology: said = '' }: Record<string, string>) => !/^(?:0(?:\.0)?)?$/u.test(said.trim());

const META = ['subset', 'pathology', 'magnification', 'med_umls_ids', 'not_histology', 'single_wsi'];

function toRow(
  values: Record<string, string>,
  folders: string[],
  options: Options,
  origin: Origin,
): SourceRow | SourceReject {
  const name = values['image_path'] ?? '';
  if (name === '') return reject('missing_image', 'no path of a picture', 'image_path', origin);
  const caption = (values['caption'] ?? '').trim();
  const written = ORIGINS[values['subset']!] ?? 'human';
  const texts: SourceText[] = [
    { kind: 'caption', lang: 'en', body: caption, origin: written, group: 0, field: 'caption' },
  ];
  if (options.texts === 'all') {
    const regions = (values['roi_text'] ?? '').trim();
    const said = regions === '' || regions === 'nan' ? [] : pythonTexts(regions);
    if (said === undefined) return reject('bad_list', `no list of texts: ${regions.slice(0, 60)}`, 'roi_text', origin);
    for (const body of new Set(said.map((text) => text.trim())))
      if (body !== '' && body !== caption)
        texts.push({ kind: 'caption', lang: 'en', body, origin: written, group: 0, field: 'roi_text' });
    const speech = (values['corrected_text'] ?? '').trim();
    if (speech !== '' && speech !== 'nan')
      texts.push({ kind: 'asr', lang: 'en', body: speech, origin: 'asr', field: 'corrected_text' });
  }
  const stem = parse(name).name;
  const split = (values['split'] ?? '').trim();
  return {
    // A picture may stand in several lines, each with a caption of its own.
    id: `${stem}:${createHash('sha256').update(caption).digest('hex').slice(0, 8)}`,
    study: stem,
    group: /^(.{11})_image_/u.exec(stem)?.[1] ?? stem,
    ...(split === '' ? {} : { split }),
    images: [{ id: stem, file: pathOf(name, folders), modality: 'WSI', field: 'image_path' }],
    texts,
    meta: Object.fromEntries(META.flatMap((key) => (values[key] ? [[key, values[key]]] : []))),
    sourceRef: name,
    flags: isOther(values) ? ['not_histology'] : [],
    origin,
  };
}
