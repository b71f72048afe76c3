/** ROCO: figures of PubMed Central articles with captions, keywords and UMLS concepts; one row a figure. */
import { createReadStream, existsSync } from 'node:fs';
import { join, parse } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { DatasetAdapter, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { GadoliniumError } from '../../src/errors.js';

const options = z.strictObject({
  /** The lists that are read: radiology, non-radiology (drawings, photographs), or both. */
  figures: z.enum(['radiology', 'non-radiology', 'all']).default('radiology'),
});
type Options = z.infer<typeof options>;

const SPLITS = ['train', 'validation', 'test'];

const adapter: DatasetAdapter<Options> = {
  name: 'roco',
  title: 'ROCO, Radiology Objects in COntext',
  version: '1',
  licence: 'per-article',
  licenceText:
    "each figure under its article's licence (column CC of licences.txt, kept in meta.licence); the lists are open",
  access: 'open: the lists of github.com/razorx89/roco-dataset; its scripts/fetch.py brings the pictures',
  modalities: ['FIG'],
  options: options as z.ZodType<Options>,

  describe: () => ({
    splitRule: "the release's folders; drawn by figure, so that figures of one article lie in several",
  }),

  async *rows({ from, options }) {
    const data = existsSync(join(from, 'data')) ? join(from, 'data') : from;
    const lists = (options.figures === 'all' ? ['radiology', 'non-radiology'] : [options.figures]).flatMap((figures) =>
      SPLITS.map((split) => ({ split, place: `${split}/${figures}` })),
    );
    // A split may be absent, but not half of it.
    const present = lists.filter(({ place }) => existsSync(join(data, place)));
    const broken = present.find(({ place }) => !existsSync(join(data, place, 'captions.txt')));
    if (broken !== undefined)
      throw GadoliniumError.expected('no-source', "'captions.txt'", join(data, broken.place), 'a folder without it');
    if (present.length === 0)
      throw GadoliniumError.expected(
        'no-source',
        `'data/train/${options.figures}/captions.txt' or one of another split`,
        `the ROCO release ${from}`,
        'none',
      );
    for (const { split, place } of present) yield* listRows(data, place, split);
  },
};
export default adapter;

/** The lists of one folder; joined by ROCO_00001, each line being one figure. */
async function* listRows(data: string, place: string, split: string): AsyncGenerator<SourceRow | SourceReject> {
  const folder = join(data, place);
  const [keywords, concepts, types, links] = await Promise.all(
    ['keywords', 'cuis', 'semtypes', 'dlinks'].map((list) => fieldsBy(join(folder, `${list}.txt`))),
  );
  const licences = await licencesBy(join(folder, 'licences.txt'));
  let row = 0;
  for await (const line of lines(join(folder, 'captions.txt'))) {
    row++;
    const origin = { file: `${place}/captions.txt`, row };
    const [, id, caption] = /^(ROCO_\d+)\t(.*)$/u.exec(line) ?? [];
    if (id === undefined || caption === undefined) {
      yield { reject: { code: 'bad_row', reason: 'not an id, a tab and a caption', field: 'row', origin } };
      continue;
    }
    const name = pictureOf(links!.get(id)) ?? licences.get(id)?.name;
    if (name === undefined) {
      const reason = `${id} is neither in dlinks.txt nor in licences.txt, so that nothing names its picture`;
      yield { reject: { code: 'no_picture_name', reason, field: 'ROCO_ID', origin } };
      continue;
    }
    const meta: Record<string, string> = {
      list: place.replace(/^.*\//u, ''),
      licence: licences.get(id)?.licence ?? '',
      keywords: values(keywords!.get(id)).join(' | '),
      cuis: values(concepts!.get(id)).join(' '),
      semantic_types: pairs(values(types!.get(id))).join(' | '),
    };
    yield {
      id,
      split,
      group: name.replace(/_.*$/u, ''),
      images: [{ id: parse(name).name, file: join(folder, 'images', name), modality: 'FIG', field: 'dlinks.txt' }],
      texts: [{ kind: 'caption', lang: 'en', body: caption.trim(), origin: 'human', field: 'caption' }],
      meta: Object.fromEntries(Object.entries(meta).filter(([, value]) => value !== '')),
      sourceRef: name,
      origin,
    };
  }
}

async function* lines(path: string): AsyncGenerator<string> {
  if (!existsSync(path)) return;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY }))
    if (line !== '') yield line;
}

/** Id → the fields behind it. */
async function fieldsBy(path: string): Promise<Map<string, string[]>> {
  const out = new Map<string, string[]>();
  for await (const line of lines(path)) {
    const [id, ...fields] = line.split('\t');
    out.set(id!, fields);
  }
  return out;
}

/** Comma-separated with a header, unlike all others; its column PMC_ID is the picture's name. */
async function licencesBy(path: string): Promise<Map<string, { name: string; licence: string }>> {
  const out = new Map<string, { name: string; licence: string }>();
  for await (const line of lines(path)) {
    const [, id, name, licence] = /^(ROCO_\d+),(.*),([^,]*)$/u.exec(line) ?? [];
    if (id !== undefined) out.set(id, { name: name!, licence: licence!.trim() });
  }
  return out;
}

/** As the fetching script names it: archive `…/PMC4608653.tar.gz` and figure file make PMC4608653_cro-0008-0385-g01.jpg. */
function pictureOf(link: string[] | undefined): string | undefined {
  const archive = /(PMC\d+)\.tar\.gz/u.exec(link?.[0] ?? '')?.[1];
  const figure = link?.at(-1)?.trim() ?? '';
  return archive === undefined || figure === '' ? undefined : `${archive}_${figure}`;
}

/** An empty column stands between id and values. */
const values = (fields: string[] | undefined) => (fields ?? []).map((field) => field.trim()).filter(Boolean);

/** T060, Diagnostic Procedure, T023, … */
const pairs = (fields: string[]) =>
  fields.flatMap((field, i) => (i % 2 === 0 ? [[field, fields[i + 1] ?? ''].join(' ').trim()] : []));
