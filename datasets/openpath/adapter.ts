/** OpenPath: pathology pictures of posts and the web with what their writers say; one row a post. Read from a table of one's own fetching. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, parse } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceImage, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { FORMATS, tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { cleanedPost, wordCount } from './post-text.js';

const options = z.strictObject({
  /** Columns: path of the picture, text, id of the post, where it was found (post, reply, web). */
  image: z.string().default('image'),
  text: z.string().default('text'),
  id: z.string().default('id'),
  source: z.string().default('source'),
  /** cleaned: without addresses, @names, #tags and pictographs; as-is: as fetched. */
  words: z.enum(['cleaned', 'as-is']).default('cleaned'),
  /** Texts of fewer words are rejects. */
  fewest: z.coerce.number().int().min(0).default(3),
});
type Options = z.infer<typeof options>;

const adapter: DatasetAdapter<Options> = {
  name: 'openpath',
  title: 'OpenPath',
  version: '1',
  licence: 'research-only',
  licenceText: 'terms of the platforms that the posts are on; research only',
  access: 'ids alone are released; pictures and texts are fetched by the user into one table and a folder',
  modalities: ['WSI'],
  options: options as z.ZodType<Options>,

  describe: () => ({
    splitRule: 'the release has no splits: drawn by the hash of the post; train 0.8, valid 0.1, test 0.1',
  }),

  async *rows({ from, options }) {
    const table = tableOf(from);
    const posts = new Map<string, Post>();
    for await (const found of tableRows(table)) {
      const origin = { file: basename(table), row: found.row };
      if ('fault' in found) {
        yield reject('bad_row', found.fault, 'row', origin);
        continue;
      }
      if (found.row === 1) checkColumns(found.values, table, options);
      const line = lineOf(found.values, options, origin);
      if ('reject' in line) {
        yield line;
        continue;
      }
      // Every picture of a post has a line, with the same text.
      const post = posts.get(line.id) ?? { id: line.id, source: line.source, images: [], texts: [], origin };
      if (!post.images.includes(line.image)) post.images.push(line.image);
      if (!post.texts.includes(line.text)) post.texts.push(line.text);
      posts.set(line.id, post);
    }
    for (const post of posts.values()) yield toRow(post, dirname(table), options);
  },
};
export default adapter;

interface Post {
  id: string;
  source: string;
  images: string[];
  texts: string[];
  origin: Origin;
}

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

/** The table itself, or the one table of a folder. */
function tableOf(from: string): string {
  if (existsSync(from) && statSync(from).isFile()) return from;
  const found = (existsSync(from) ? readdirSync(from) : [])
    .filter((name) => (FORMATS as readonly string[]).includes(extname(name.replace(/\.gz$/u, '')).slice(1)))
    .sort();
  if (found.length === 1) return join(from, found[0]!);
  throw GadoliniumError.expected(
    'no-source',
    `one table (${FORMATS.join(', ')})`,
    `the OpenPath folder ${from}`,
    found.length === 0 ? 'none' : found.join(', '),
    'give the table itself with --from',
  );
}

function checkColumns(values: Record<string, unknown>, table: string, { image, text }: Options): void {
  const missing = [image, text].filter((name) => !(name in values));
  if (missing.length > 0)
    throw GadoliniumError.expected(
      'no-column',
      `columns ${missing.map((name) => `'${name}'`).join(' and ')}`,
      table,
      Object.keys(values).join(', '),
      'name yours with --option image=COLUMN and --option text=COLUMN',
    );
}

/** Parquet brings texts as bytes and ids as big numbers. */
const cell = (value: unknown): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value ?? '').trim();

function lineOf(
  values: Record<string, unknown>,
  options: Options,
  origin: Origin & { row: number },
): { id: string; image: string; text: string; source: string } | SourceReject {
  const image = cell(values[options.image]);
  if (image === '') return reject('missing_image', 'no path of a picture', options.image, origin);
  if (/^https?:/iu.test(image))
    return reject('not_fetched', `an address, where a fetched file is needed: ${image}`, options.image, origin);
  const said = cell(values[options.text]);
  const text = options.words === 'cleaned' ? cleanedPost(said) : said;
  const words = wordCount(text);
  if (words < options.fewest)
    return reject('short_text', `${words} words, fewer than ${options.fewest}`, options.text, origin);
  const id = cell(values[options.id]) || `row-${String(origin.row).padStart(7, '0')}`;
  return { id, image, text, source: cell(values[options.source]) };
}

function toRow(post: Post, folder: string, options: Options): SourceRow {
  const images = post.images.map(
    (path): SourceImage => ({
      id: parse(path).name,
      file: isAbsolute(path) ? path : join(folder, path),
      modality: 'WSI',
      field: options.image,
    }),
  );
  return {
    id: post.id,
    study: post.id,
    images,
    // Of different authors, or before and after an edit: each speaks of all pictures.
    texts: post.texts.map((body) => ({
      kind: 'caption',
      lang: 'en',
      body,
      origin: 'human',
      group: 0,
      field: options.text,
    })),
    meta: post.source === '' ? {} : { source: post.source },
    origin: post.origin,
  };
}
