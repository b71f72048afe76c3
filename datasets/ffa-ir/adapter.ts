/** FFA-IR: series of fluorescein angiograms with a report in Chinese and in English; one row a case. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { z } from 'zod';
import type {
  DatasetAdapter,
  Origin,
  SourceImage,
  SourceReject,
  SourceRow,
  SourceText,
} from '../../src/data/adapter.js';
import { GadoliniumError } from '../../src/errors.js';

const options = z.strictObject({
  /** At most this many frames of a case, evenly over its series; default: all. */
  frames: z.coerce.number().int().positive().optional(),
  /** Which of the two reports; both are parts of one group. */
  language: z.enum(['en', 'zh', 'both']).default('both'),
});
type Options = z.infer<typeof options>;

const ANNOTATION = 'ffair_annotation.json';
const ENGLISH = 'En_Report';
const PATHS = 'Image_path';

const adapter: DatasetAdapter<Options> = {
  name: 'ffa-ir',
  title: 'FFA-IR',
  version: '1',
  licence: 'PhysioNet-1.5.0',
  licenceText:
    'PhysioNet Credentialed Health Data License 1.5.0: no redistribution, no sending to services of third parties',
  access: 'credentialed: physionet.org/content/ffa-ir-medical-report',
  modalities: ['FFA'],
  options: options as z.ZodType<Options>,

  describe: () => ({ splitRule: 'as the release has it, by case (it names no patients)' }),

  async *rows({ from, options }) {
    let row = 0;
    for (const [split, cases] of Object.entries(annotation(from)))
      for (const [id, said] of Object.entries(cases))
        yield toRow(id, said, split, from, options, { file: ANNOTATION, row: ++row });
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

/** Cases by split. Digits as keys come in the order of numbers, whatever their order in the file. */
function annotation(from: string): Record<string, Record<string, unknown>> {
  const path = join(from, ANNOTATION);
  if (!existsSync(path))
    throw GadoliniumError.expected('no-source', `'${ANNOTATION}'`, `the FFA-IR release ${from}`, 'a folder without it');
  let read: unknown;
  try {
    // A byte order mark is no JSON.
    read = JSON.parse(readFileSync(path, 'utf8').replace(/^\ufeff/u, ''));
  } catch (error) {
    throw GadoliniumError.expected('bad-annotation', 'a JSON file', path, (error as Error).message);
  }
  const known = z.record(z.string(), z.record(z.string(), z.unknown())).safeParse(read);
  if (known.success) return known.data;
  throw GadoliniumError.expected(
    'bad-annotation',
    'an object of splits of cases',
    path,
    known.error.issues[0]!.message,
  );
}

const caseForm = z.looseObject({ [PATHS]: z.array(z.string().min(1)).min(1) });

function toRow(
  id: string,
  said: unknown,
  split: string,
  from: string,
  { frames, language }: Options,
  origin: Origin,
): SourceRow | SourceReject {
  const known = caseForm.safeParse(said);
  if (!known.success) return reject('bad_row', `case ${id} has no list of paths`, PATHS, origin);
  const paths = evenly(known.data[PATHS] as string[], frames);
  const texts = reportsOf(known.data, language);
  if (texts.length === 0)
    return reject('no_report', `case ${id} has no report of the language wanted`, ENGLISH, origin);
  return {
    id,
    study: id,
    split,
    images: paths.map((path) => imageOf(path, from)),
    texts,
    meta: { frames: String((known.data[PATHS] as string[]).length) },
    sourceRef: id,
    origin,
  };
}

/** The field of the Chinese report is called differently in copies of the file: it is the other one that ends in Report. */
function reportsOf(said: Record<string, unknown>, language: Options['language']): SourceText[] {
  return Object.entries(said)
    .filter(([name]) => /report$/iu.test(name))
    .map(([field, value]) => ({
      field,
      lang: field === ENGLISH ? 'en' : 'zh',
      body: typeof value === 'string' ? value.trim() : '',
    }))
    .filter(({ lang, body }) => body !== '' && (language === 'both' || language === lang))
    .map((text) => ({ ...text, kind: 'report', origin: text.lang === 'zh' ? 'human' : 'translated', group: 0 }));
}

/** `count` of a list, first and last among them; all where there are not more. */
export function evenly<T>(list: readonly T[], count: number | undefined): T[] {
  if (count === undefined || list.length <= count) return [...list];
  if (count === 1) return [list[Math.floor(list.length / 2)]!];
  return Array.from({ length: count }, (_, i) => list[Math.round((i * (list.length - 1)) / (count - 1))]!);
}

/** Below the release, or in the folder of its case alone. */
function imageOf(path: string, from: string): SourceImage {
  const paths = [join(from, path), join(from, basename(dirname(path)), basename(path))];
  const file = paths.find((candidate) => existsSync(candidate)) ?? paths[0]!;
  return { id: path.slice(0, path.length - extname(path).length), file, modality: 'FFA', field: PATHS };
}
