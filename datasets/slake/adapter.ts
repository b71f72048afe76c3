/** SLAKE: radiology images with questions and answers in English and Chinese; one row an image. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Modality, SourceReject, SourceRow, SourceText } from '../../src/data/adapter.js';
import { GadoliniumError } from '../../src/errors.js';
import { boxesOf } from './boxes.js';
import { promptsFor, wordsOf } from './prompts.js';

const options = z.strictObject({
  /** Whose questions are read. Each language has splits of its own: with both, the English ones hold. */
  language: z.enum(['en', 'zh', 'both']).default('en'),
  /** vision: without the questions that only medical knowledge answers (base_type kvqa). */
  questions: z.enum(['all', 'vision']).default('all'),
});
type Options = z.infer<typeof options>;

/** What of a question is used. */
interface Entry {
  img_name: string;
  question: string;
  answer: string | number;
  q_lang: string;
  location: string;
  modality: string;
  base_type: string;
}

/** A question with the list that it stands in. */
type Asked = Entry & { split: string; file: string; row: number };

const LISTS: [split: string, names: string[]][] = [
  ['train', ['train.json']],
  ['validate', ['validate.json', 'validation.json']],
  ['test', ['test.json']],
];
const MODALITIES: Record<string, Modality> = { CT: 'CT', MRI: 'MR', 'X-Ray': 'CR' };

const adapter: DatasetAdapter<Options> = {
  name: 'slake',
  title: 'SLAKE',
  version: '1',
  licence: 'CC-BY-4.0',
  licenceText: 'CC BY 4.0 (from memory of the release page)',
  access: 'open: med-vqa.com/slake, or the data set BoKelvin/SLAKE of the Hugging Face hub; imgs.zip unpacked',
  modalities: ['CT', 'MR', 'CR'],
  options: options as z.ZodType<Options>,

  describe({ from, options }) {
    const asked = questions(from, options);
    const names = (field: 'modality' | 'location') =>
      [...new Set(asked.map((entry) => entry[field]))].filter(Boolean).sort();
    return {
      labels: [
        { vocab: 'modality', kind: 'class', names: names('modality') },
        { vocab: 'location', kind: 'class', names: names('location') },
      ],
      prompts: promptsFor(names('modality'), names('location')),
      splitRule:
        options.language === 'both'
          ? 'that of the English questions about an image, else that of the Chinese ones; no patient is named'
          : "the release's lists, which part by image within one language; no patient is named",
    };
  },

  async *rows({ from, options }) {
    const images = new Map<string, Asked[]>();
    for (const entry of questions(from, options))
      images.set(entry.img_name, [...(images.get(entry.img_name) ?? []), entry]);
    const folder = join(from, 'imgs');
    for (const [name, asked] of images) yield toRow(name, asked, folder);
  },
};
export default adapter;

function questions(from: string, { language, questions }: Options): Asked[] {
  return LISTS.flatMap(([split, names]) => {
    const file = names.find((name) => existsSync(join(from, name)));
    if (file === undefined)
      throw GadoliniumError.expected('no-source', `'${names[0]}'`, `the SLAKE release ${from}`, 'a folder without it');
    let entries: Entry[];
    try {
      entries = JSON.parse(readFileSync(join(from, file), 'utf8')) as Entry[];
    } catch (error) {
      throw GadoliniumError.expected(
        'bad-json',
        'a JSON array of questions',
        join(from, file),
        (error as Error).message,
      );
    }
    return entries.map((entry, row) => ({ ...entry, split, file, row }));
  }).filter(
    (entry) =>
      (language === 'both' || entry.q_lang === language) && (questions === 'all' || entry.base_type !== 'kvqa'),
  );
}

function toRow(name: string, asked: Asked[], folder: string): SourceRow | SourceReject {
  const first = asked.find(({ q_lang }) => q_lang === 'en') ?? asked[0]!;
  const origin = { file: first.file, row: first.row };
  // xmlab1/source.jpg: the folder is the image's name.
  const id = dirname(name);
  if (id === '.' || basename(name) === '')
    return { reject: { code: 'bad_row', reason: `'${name}' names no folder and file`, field: 'img_name', origin } };
  const flags: string[] = [];
  const modality = theOne(asked, 'modality', flags);
  const location = theOne(asked, 'location', flags);
  if (new Set(asked.map(({ split }) => split)).size > 1) flags.push('several_splits');
  const boxes = boxesOf(join(folder, id, 'detection.json'));
  if (boxes === undefined) flags.push('bad_regions');
  return {
    id,
    split: first.split,
    images: [{ id, file: join(folder, name), modality: MODALITIES[modality ?? ''] ?? 'UNKNOWN', field: 'img_name' }],
    texts: [...labelText(modality, location), ...questionsAndAnswers(asked)],
    labels: [
      ...(modality === undefined ? [] : [{ vocab: 'modality', name: modality }]),
      ...(location === undefined ? [] : [{ vocab: 'location', name: location }]),
    ].map((label) => ({ ...label, value: 1, state: 'positive', source: 'expert' })),
    regions: boxes ?? [],
    sourceRef: name,
    flags,
    origin,
  };
}

/** What all questions about an image say of it; none, and a flag, where they differ. */
function theOne(asked: Asked[], field: 'modality' | 'location', flags: string[]): string | undefined {
  const said = [...new Set(asked.map((entry) => entry[field]))].filter(Boolean);
  if (said.length > 1) flags.push(`several_${field}s`);
  return said.length === 1 ? said[0] : undefined;
}

/** The labels in words, as a text of its own: a template, and marked as one. */
function labelText(modality: string | undefined, location: string | undefined): SourceText[] {
  if (modality === undefined || location === undefined) return [];
  const body = `${modality} image of the ${wordsOf(location)}.`;
  return [{ kind: 'label_text', lang: 'en', body, origin: 'template', field: 'modality, location' }];
}

/** A question and its answer share a group. */
function questionsAndAnswers(asked: Asked[]): SourceText[] {
  return asked.flatMap(({ question, answer, q_lang: lang }, group): SourceText[] => [
    { kind: 'question', lang, body: question, origin: 'human', group, field: 'question' },
    { kind: 'answer', lang, body: String(answer), origin: 'human', group, field: 'answer' },
  ]);
}
