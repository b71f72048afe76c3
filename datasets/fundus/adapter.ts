/** FUNDUS: FLAIR's assembly of some thirty public sets of fundus photographs, their labels brought into words; one row a photograph. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, extname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { AdapterContext, DatasetAdapter, Origin, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { textList } from '../../src/data/formats/python-literals.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { descriptionsOf, OWN_WORDS } from './descriptions.js';

const options = z.strictObject({
  /** Folder of the tables 01_EYEPACS.csv, …; default: the release's own. */
  tables: z.string().optional(),
  /** Names of sets, with commas between; default: all that have a table, but for those that FLAIR holds out. */
  sets: z.string().optional(),
  /** Words, with commas between: a photograph with a category that contains one becomes `extra`. Default: FLAIR's; none: nothing. */
  banned: z.string().default('myopia,cataract,macular hole,retinitis pigmentosa,myopic,myope,myop,retinitis'),
  /** A JSON file { category: [sentences] } of experts' words, which then stand in for the category too. */
  definitions: z.string().optional(),
  /** train: everything is for training, as FLAIR does; drawn: by the hash of the photograph, left and right eye together. */
  split: z.enum(['train', 'drawn']).default('train'),
});
type Options = z.infer<typeof options>;

/** 02 MESSIDOR, 13 FIVES, 22 HEI-MED, 25 REFUGE and 36–38 are for evaluation; 39 is MM-Retinal, a data set of its own. */
const HELD_OUT = /^(?:02|13|22|25|36|37|38|39)_/u;
const TABLE = /^\d{2}_.+\.csv$/u;
/** Categories of fewer photographs are no class of their own: the captions that some sets have. */
const FEWEST = 10;

const adapter: DatasetAdapter<Options> = {
  name: 'fundus',
  title: 'FUNDUS (the assembly of FLAIR)',
  version: '1',
  licence: 'mixed',
  licenceText:
    'each source set its own licence: see github.com/jusiro/FLAIR for the list; several forbid redistribution or commercial use',
  access: "each source set from its owner, several after registration; tables as FLAIR's preparation writes them",
  modalities: ['CFP'],
  options: options as z.ZodType<Options>,

  async describe(context) {
    return {
      labels: [{ vocab: 'flair', kind: 'finding', names: await frequentCategories(context) }],
      splitRule:
        context.options.split === 'train'
          ? 'everything is for training, but for banned categories'
          : 'drawn by the hash of the photograph, left and right eye of one number together; train 0.8, valid 0.1, test 0.1',
    };
  },

  async *rows(context) {
    const { from, options } = context;
    const names = new Set(await frequentCategories(context));
    const banned = options.banned === 'none' ? [] : options.banned.split(',').map((word) => word.trim());
    const definitions = definitionsIn(context);
    const seen = new Set<string>();
    for await (const line of linesOf(context)) {
      if ('reject' in line) yield line;
      else if (seen.has(line.image)) yield reject('duplicate_image', `${line.image} came before`, 'image', line.origin);
      else yield toRow(line, from, names, banned, definitions, options);
      if ('image' in line) seen.add(line.image);
    }
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

interface Line {
  /** Name of the set: 08_ODIR. */
  set: string;
  /** Path below the release. */
  image: string;
  attributes: string[];
  categories: string[];
  origin: Origin;
}

function tablesIn({ from, options }: AdapterContext<Options>): string[] {
  const folder =
    options.tables === undefined ? from : isAbsolute(options.tables) ? options.tables : join(from, options.tables);
  const found = (existsSync(folder) ? readdirSync(folder) : []).filter((name) => TABLE.test(name)).sort();
  const wanted = options.sets?.split(',').map((name) => `${name.trim()}.csv`);
  const missing = wanted?.find((name) => !found.includes(name));
  if (missing !== undefined || found.length === 0)
    throw GadoliniumError.expected(
      'no-source',
      `'${missing ?? '01_EYEPACS.csv'}'`,
      `the folder of tables ${folder}`,
      found.join(', ') || 'none',
      'give another folder with --option tables=DIR',
    );
  return found
    .filter((name) => (wanted ? wanted.includes(name) : !HELD_OUT.test(name)))
    .map((name) => join(folder, name));
}

async function* linesOf(context: AdapterContext<Options>): AsyncGenerator<Line | SourceReject> {
  for (const table of tablesIn(context)) {
    const file = basename(table);
    for await (const found of tableRows(table)) {
      const origin = { file, row: found.row };
      if ('fault' in found) {
        yield reject('bad_row', found.fault, 'row', origin);
        continue;
      }
      // The tables' own spelling.
      const { image = '', atributes = '', categories = '' } = found.values as Record<string, string>;
      const [attributeList, categoryList] = [textList(atributes), textList(categories)];
      if (image.trim() === '') yield reject('bad_row', 'no path', 'image', origin);
      else if (attributeList === undefined)
        yield reject('bad_label', `'${atributes}' is no list of texts`, 'atributes', origin);
      else if (categoryList === undefined || categoryList.length === 0)
        yield reject('bad_label', `'${categories}' is no list of one or more texts`, 'categories', origin);
      else
        yield {
          set: basename(file, '.csv'),
          image: image.trim(),
          attributes: [...new Set(attributeList)],
          categories: [...new Set(categoryList)],
          origin,
        };
    }
  }
}

async function frequentCategories(context: AdapterContext<Options>): Promise<string[]> {
  const counts = new Map<string, number>();
  let rows = 0;
  for await (const line of linesOf(context)) {
    if ('reject' in line) continue;
    rows++;
    for (const name of line.categories) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const fewest = rows < 100 * FEWEST ? 1 : FEWEST;
  return [...counts]
    .filter(([, count]) => count >= fewest)
    .map(([name]) => name)
    .sort();
}

function definitionsIn({ from, options }: AdapterContext<Options>): ReadonlyMap<string, string[]> {
  if (options.definitions === undefined) return new Map();
  const path = isAbsolute(options.definitions) ? options.definitions : join(from, options.definitions);
  const form = z.record(z.string(), z.array(z.string().min(1)));
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw GadoliniumError.expected('bad-definitions', 'a JSON file', path, (error as Error).message);
  }
  const known = form.safeParse(read);
  if (known.success) return new Map(Object.entries(known.data));
  throw GadoliniumError.expected('bad-definitions', '{ category: [sentences] }', path, known.error.issues[0]!.message);
}

function toRow(
  { set, image, attributes, categories, origin }: Line,
  from: string,
  names: ReadonlySet<string>,
  banned: readonly string[],
  definitions: ReadonlyMap<string, string[]>,
  { split }: Options,
): SourceRow {
  const held = categories.some((category) => banned.some((word) => category.includes(word)));
  const own = OWN_WORDS.has(set.slice(0, 2));
  const bodies = descriptionsOf(attributes, categories, own ? new Map() : definitions);
  return {
    id: image,
    ...(held ? { split: 'extra' } : split === 'train' ? { split } : {}),
    group: eyesOf(image),
    images: [{ id: image, file: join(from, image), modality: 'CFP', field: 'image' }],
    texts: bodies.map((body) => ({
      kind: own ? 'caption' : 'label_text',
      lang: 'en',
      body,
      origin: own ? 'human' : 'template',
      group: 0,
      field: 'categories',
    })),
    labels: categories
      .filter((name) => names.has(name))
      .map((name) => ({ vocab: 'flair', name, value: 1, state: 'positive', source: 'expert' })),
    meta: { set, ...(attributes.length > 0 ? { attributes: attributes.join(' | ') } : {}) },
    sourceRef: image,
    flags: held ? ['held_out'] : [],
    origin,
  };
}

/** 08_ODIR-5K/train_resized/2_left.jpg and …/2_right.jpg are of one patient. */
const eyesOf = (image: string) =>
  image.slice(0, image.length - extname(image).length).replace(/[_-](?:left|right)$/iu, '');
