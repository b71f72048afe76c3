/** MedICaT: medical figures of open articles with captions and the sentences that refer to them; one row a figure. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, parse } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceReject, SourceRow, SourceText } from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { withoutFigureNumber } from './figure-number.js';

const options = z.strictObject({
  /** The list of figures, where the folder holds several files of JSON lines. */
  table: z.string().optional(),
  /** all figures, or those that the release marks as radiology. */
  figures: z.enum(['all', 'radiology']).default('all'),
  /** Whether "Figure 4." stays in front of a caption. */
  numbers: z.enum(['strip', 'keep']).default('strip'),
  /** Whether sentences of the article that refer to the figure are texts too. */
  references: z.enum(['keep', 'none']).default('keep'),
});
type Options = z.infer<typeof options>;

/** Of further downloads, which list no figures. */
const OTHER_LISTS = /^subcaption/u;

const adapter: DatasetAdapter<Options> = {
  name: 'medicat',
  title: 'MedICaT',
  version: '1',
  licence: 'per-article',
  licenceText: "non-commercial research as a whole; each figure under its article's licence (kept in meta.licence)",
  access: 'on request: github.com/allenai/medicat links the form; one archive of 104 GB',
  modalities: ['FIG'],
  options: options as z.ZodType<Options>,

  describe: () => ({
    splitRule: 'the release has no splits: drawn by the hash of the article (pdf_hash); train 0.8, valid 0.1, test 0.1',
  }),

  async *rows({ from, options }) {
    const table = tableOf(from, options.table);
    const figures = join(dirname(table), 'figures');
    for await (const found of tableRows(table)) {
      const origin = { file: basename(table), row: found.row };
      if ('fault' in found) yield reject('bad_row', found.fault, 'row', origin);
      else if (options.figures === 'all' || found.values['radiology'] === true)
        yield toRow(found.values, figures, options, origin);
    }
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

/** The one list of figures in the folder, or in its folder `release`; its name differs between downloads. */
function tableOf(from: string, given: string | undefined): string {
  if (given !== undefined) return isAbsolute(given) ? given : join(from, given);
  const found = [from, join(from, 'release')]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => /\.jsonl(?:\.gz)?$/u.test(path) && !OTHER_LISTS.test(basename(path)))
    .sort();
  if (found.length === 1) return found[0]!;
  throw GadoliniumError.expected(
    'no-source',
    "one file of JSON lines beside the folder 'figures'",
    `the MedICaT release ${from}`,
    found.length === 0 ? 'none' : found.map((path) => basename(path)).join(', '),
    found.length === 0 ? 'unpack the archive there' : 'name one with --option table=FILE',
  );
}

const word = (value: unknown) => (typeof value === 'string' ? value : '');

function toRow(
  values: Record<string, unknown>,
  figures: string,
  options: Options,
  origin: Origin,
): SourceRow | SourceReject {
  const [article, uri] = [word(values['pdf_hash']), word(values['fig_uri'])];
  if (article === '' || uri === '')
    return reject('bad_row', 'pdf_hash and fig_uri name the picture, and one is missing', 'pdf_hash, fig_uri', origin);
  const name = `${article}_${uri}`;
  const open = (values['oa_info'] ?? {}) as { doi?: unknown; oa?: { license?: unknown; oa_status?: unknown } | null };
  const meta: Record<string, string> = {
    figure: word(values['fig_key']),
    radiology: String(values['radiology'] ?? ''),
    scope: String(values['scope'] ?? ''),
    predicted_type: word(values['predicted_type']),
    licence: word(open.oa?.license),
    oa_status: word(open.oa?.oa_status),
  };
  return {
    id: parse(name).name,
    group: article,
    images: [{ id: parse(name).name, file: join(figures, name), modality: 'FIG', field: 'fig_uri' }],
    texts: [caption(values, options), ...(options.references === 'keep' ? references(values) : [])],
    meta: Object.fromEntries(Object.entries(meta).filter(([, value]) => value !== '')),
    sourceRef: word(open.doi) || name,
    // Bronze access: free to read, no licence said.
    flags: meta['licence'] === '' ? ['no_licence'] : [],
    origin,
  };
}

function caption(values: Record<string, unknown>, { numbers }: Options): SourceText {
  const field =
    word(values['s2_caption']).trim() === '' && word(values['s2orc_caption']) !== '' ? 's2orc_caption' : 's2_caption';
  const text = word(values[field]);
  const body = numbers === 'strip' ? withoutFigureNumber(text) : text;
  return { kind: 'caption', lang: 'en', body, origin: 'human', field };
}

function references({ s2orc_references: found }: Record<string, unknown>): SourceText[] {
  return (Array.isArray(found) ? found : []).map((body, i) => ({
    kind: 'inline_reference',
    lang: 'en',
    body: word(body),
    origin: 'human',
    field: `s2orc_references[${i}]`,
  }));
}
