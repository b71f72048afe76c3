/** VQA-RAD: radiology images of MedPix with questions and answers by clinicians; one row an image. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Modality, SourceReject, SourceRow, SourceText } from '../../src/data/adapter.js';
import { GadoliniumError } from '../../src/errors.js';
import { prompts } from './prompts.js';
import { statementOf } from './statements.js';

/** A question as the release has it; what this adapter does not use is left out. */
interface Entry {
  qid: string;
  phrase_type: string;
  qid_linked_id: string;
  image_case_url: string;
  image_name: string;
  image_organ: string;
  question: string;
  question_type: string;
  answer: string | number;
  answer_type: string;
}

/** Names of files and folders: as shipped here, as the OSF release has them. */
const TABLES = ['vqa_rad_public.json', 'VQA_RAD Dataset Public.json'];
const FOLDERS = ['images', 'VQA_RAD Image Folder'];

const ORGANS: Record<string, { label: string; word: string }> = {
  HEAD: { label: 'HEAD', word: 'head' },
  CHEST: { label: 'CHEST', word: 'chest' },
  ABD: { label: 'ABDOMEN', word: 'abdomen' },
};

const adapter: DatasetAdapter<Record<string, never>> = {
  name: 'vqa-rad',
  title: 'VQA-RAD',
  version: '1',
  licence: 'CC0-1.0',
  licenceText: 'CC0 1.0 Universal, as stated for the OSF release (osf.io/89kps)',
  access: 'open: osf.io/89kps; a copy with reduced images is shipped with this package',
  modalities: ['CT', 'MR', 'CR', 'UNKNOWN'],
  options: z.strictObject({}) as z.ZodType<Record<string, never>>,
  sample: 'sample',
  defaults: { size: 128, tokenizer: 'train:2000' },

  describe: () => ({
    labels: [{ vocab: 'organ', kind: 'class', names: Object.values(ORGANS).map(({ label }) => label) }],
    prompts,
    splitRule:
      'drawn by the hash of the case: all images of one MedPix case are in one split; train 0.7, valid 0.1, test 0.2',
    fractions: { train: 0.7, valid: 0.1, test: 0.2 },
  }),

  async *rows({ from }) {
    const table = existing(from, TABLES);
    const folder = existing(from, FOLDERS);
    const entries = JSON.parse(readFileSync(join(from, table), 'utf8')) as Entry[];
    const byImage = new Map<string, number[]>();
    for (const [index, { image_name }] of entries.entries())
      byImage.set(image_name, [...(byImage.get(image_name) ?? []), index]);
    const cases = casesOf(entries);
    for (const name of [...byImage.keys()].sort()) {
      const own = byImage.get(name)!;
      yield toRow(
        name,
        own.map((index) => entries[index]!),
        { file: table, row: own[0]! },
        join(from, folder, name),
        cases.get(name)!,
      );
    }
    for (const name of readdirSync(join(from, folder)).sort()) {
      if (!byImage.has(name))
        yield {
          reject: {
            code: 'no_questions',
            reason: 'no question is about this image',
            field: 'image_name',
            origin: { file: `${folder}/${name}` },
          },
        };
    }
  },
};
export default adapter;

function existing(from: string, names: string[]): string {
  const found = names.find((name) => existsSync(join(from, name)));
  if (found === undefined)
    throw GadoliniumError.expected(
      'no-source',
      `'${names.join("' or '")}'`,
      `the VQA-RAD release ${from}`,
      'a folder without it',
    );
  return found;
}

function toRow(
  name: string,
  entries: Entry[],
  origin: { file: string; row: number },
  file: string,
  patient: string,
): SourceRow | SourceReject {
  const { name: id } = parse(name);
  const organs = [...new Set(entries.map((entry) => entry.image_organ))];
  const organ = organs.length === 1 ? ORGANS[organs[0]!] : undefined;
  if (organ === undefined)
    return { reject: { code: 'bad_label', reason: `organ ${organs.join(', ')}`, field: 'image_organ', origin } };
  return {
    id,
    patient,
    images: [{ id, file, modality: modalityOf(entries), view: viewOf(entries), field: 'image_name' }],
    texts: [caption(entries), organText(organ.word), ...questionsAndAnswers(entries)],
    labels: [{ vocab: 'organ', name: organ.label, value: 1, state: 'positive', source: 'expert' }],
    sourceRef: name,
    origin,
  };
}

/** All that the answers say of the image: one statement for each question, paraphrases left out. */
function caption(entries: Entry[]): SourceText {
  const firsts = new Map<string, Entry>();
  for (const entry of entries) {
    const known = firsts.get(entry.qid_linked_id);
    if (known === undefined || (!isFreeform(known) && isFreeform(entry))) firsts.set(entry.qid_linked_id, entry);
  }
  const statements = [...firsts.values()].map((entry) =>
    statementOf({ question: entry.question, answer: String(entry.answer), type: entry.question_type }),
  );
  return {
    kind: 'caption',
    lang: 'en',
    body: [...new Set(statements)].join(' '),
    origin: 'human',
    field: 'question, answer',
  };
}

const isFreeform = (entry: Entry) => entry.phrase_type.endsWith('freeform');

/** The label in words, as its own text: a template, and marked as one. */
const organText = (organ: string): SourceText => ({
  kind: 'label_text',
  lang: 'en',
  body: `Organ: ${organ}.`,
  origin: 'template',
  field: 'image_organ',
});

/** As asked and answered, paraphrases too; question, answer and paraphrases of one thing share a group. */
function questionsAndAnswers(entries: Entry[]): SourceText[] {
  const groups = new Map<string, number>();
  return entries.flatMap((entry) => {
    const group = groups.get(entry.qid_linked_id) ?? groups.size;
    groups.set(entry.qid_linked_id, group);
    const shared = { lang: 'en', origin: 'human' as const, group };
    return [
      { kind: 'question' as const, body: entry.question, field: 'question', ...shared },
      { kind: 'answer' as const, body: String(entry.answer), field: 'answer', ...shared },
    ];
  });
}

/** What the answers say of how the image was made; UNKNOWN where they say nothing or differ. */
function modalityOf(entries: Entry[]): Modality {
  return (
    theOne<Modality>(entries, /MODALITY/u, [
      ['MR', /\bmri?\b|magnetic|\bflair\b|\bt[12]\b|\bdwi\b|diffusion/iu],
      ['CT', /\bct\b|\bcat scan|computed tomography|computerized tomography/iu],
      ['CR', /x-?\s?ray|\bxr\b|\bcxr\b|radiograph|plain film/iu],
      ['US', /ultraso/iu],
    ]) ?? 'UNKNOWN'
  );
}

function viewOf(entries: Entry[]): string {
  return (
    theOne(entries, /PLANE/u, [
      ['PA', /\bpa\b|posterior[- ]?anterior|posteroanterior/iu],
      ['AP', /\bap\b|anterior[- ]?posterior|anteroposterior/iu],
      ['LATERAL', /\blateral\b/iu],
      ['AXIAL', /\baxial\b|transverse/iu],
      ['CORONAL', /\bcoronal\b/iu],
      ['SAGITTAL', /\bsagg?ittal\b/iu],
    ]) ?? 'UNKNOWN'
  );
}

/** The one value that open answers name or that a question answered with yes asks for. */
function theOne<T extends string>(entries: Entry[], type: RegExp, words: [T, RegExp][]): T | undefined {
  const found = new Set<T>();
  for (const entry of entries) {
    if (!type.test(entry.question_type)) continue;
    const answer = String(entry.answer).trim();
    if (/^no$/iu.test(answer)) continue;
    const said = /^yes$/iu.test(answer) ? entry.question : answer;
    for (const [value, word] of words) if (word.test(said)) found.add(value);
  }
  return found.size === 1 ? [...found][0] : undefined;
}

/** Image → case. A few images belong to several case pages: those pages then are one case. */
function casesOf(entries: Entry[]): Map<string, string> {
  const parent = new Map<string, string>();
  const root = (key: string): string => {
    let at = key;
    while (parent.get(at) !== at) at = parent.get(at)!;
    return at;
  };
  for (const { image_name, image_case_url } of entries) {
    const [image, page] = [`image ${image_name}`, `case ${image_case_url.replace(/^.*id=/u, '')}`];
    for (const key of [image, page]) if (!parent.has(key)) parent.set(key, key);
    // The root is the page first in order, so that the case's name does not depend on the order of entries.
    const [a, b] = [root(image), root(page)].sort();
    parent.set(b!, a!);
  }
  return new Map(entries.map(({ image_name }) => [image_name, root(`image ${image_name}`).replace(/^case /u, '')]));
}
