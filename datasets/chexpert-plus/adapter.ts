/** CheXpert-Plus: CheXpert's radiographs with their reports, cut into sections; one row a study. */
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type {
  AdapterContext,
  DatasetAdapter,
  Origin,
  SourceLabel,
  SourceReject,
  SourceRow,
  SourceText,
  TextKind,
} from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { isWanted } from '../../src/radiology/report-texts.js';
import { imageOf, LICENCE, labelsOf, type PathParts, partsOf, VOCABULARY } from '../chexpert/release-table.js';

const options = z.strictObject({
  /** Folder that holds train/ and valid/ as PNG, JPEG or DICOM; default: the release's own, or PNG/ in it. */
  images: z.string().optional(),
  /** describing: findings, impression and what stands for them; all: also indication, history, comparison, technique, … */
  sections: z.enum(['describing', 'all']).default('describing'),
  /** Which part of the report CheXbert's labels were read from; none: no labels. */
  labels: z.enum(['report', 'impression', 'findings', 'none']).default('report'),
});
type Options = z.infer<typeof options>;

const TABLE = 'df_chexpert_plus_240401.csv';
/** Columns that become texts, in the order of a row. */
const SECTIONS: [string, TextKind][] = [
  ['section_findings', 'findings'],
  ['section_impression', 'impression'],
  ['section_narrative', 'report'],
  ['section_comparison', 'comparison'],
  ['section_clinical_history', 'history'],
  ['section_history', 'history'],
  ['section_technique', 'technique'],
];

const adapter: DatasetAdapter<Options> = {
  name: 'chexpert-plus',
  title: 'CheXpert Plus',
  version: '1',
  ...LICENCE,
  access: 'after agreement: aimi.stanford.edu/datasets/chexpert-plus',
  modalities: ['DX'],
  options: options as z.ZodType<Options>,

  describe: (context) => ({
    labels: labelFile(context) === undefined ? [] : [VOCABULARY],
    splitRule: "by patient: column 'split' where the table has it, else the folder of the image",
  }),

  async *rows(context) {
    const { from, options } = context;
    const path = join(from, TABLE);
    if (!existsSync(path))
      throw GadoliniumError.expected(
        'no-source',
        `'${TABLE}'`,
        `the CheXpert Plus release ${from}`,
        'a folder without it',
      );
    const root = options.images ?? (existsSync(join(from, 'PNG')) ? join(from, 'PNG') : from);
    const labels = await labelsByStudy(context);
    const studies = new Map<string, Study>();
    for await (const found of tableRows(path)) {
      const origin = { file: TABLE, row: found.row };
      const values = 'fault' in found ? undefined : (found.values as Record<string, string>);
      const parts = values === undefined ? undefined : partsOf(values['path_to_image'] ?? '');
      if (values === undefined || parts === undefined) {
        const reason = 'fault' in found ? found.fault : `no patient, study and view in '${values?.['path_to_image']}'`;
        yield reject('bad_row', reason, values === undefined ? 'row' : 'path_to_image', origin);
      } else add(studies, values, parts, { root, sections: options.sections, origin });
    }
    for (const study of inOrder(studies)) yield toRow(study, labels);
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

interface Study {
  id: string;
  patient: string;
  split: string;
  /** Place in time among the patient's reports, as the table has it; NaN where it does not. */
  place: number;
  images: SourceRow['images'];
  texts: SourceText[];
  meta: Record<string, string>;
  origin: Origin;
  earlier: Study[];
}

function add(
  studies: Map<string, Study>,
  values: Record<string, string>,
  parts: PathParts,
  { root, sections, origin }: { root: string; sections: Options['sections']; origin: Origin },
): void {
  const id = `${parts.patient}_${parts.study}`;
  let study = studies.get(id);
  if (study === undefined) {
    const place = values['patient_report_date_order']?.trim();
    study = {
      id,
      patient: parts.patient,
      split: values['split']?.trim() || parts.relative.split('/')[0]!,
      place: place ? Number(place) : Number.NaN,
      images: [],
      texts: textsOf(values, sections),
      meta: { age: values['age'] ?? '', sex: values['sex'] ?? '' },
      origin,
      earlier: [],
    };
    studies.set(id, study);
  }
  const said = { 'Frontal/Lateral': values['frontal_lateral'] || 'Frontal', 'AP/PA': values['ap_pa'] ?? '' };
  if (!values['frontal_lateral']) said['Frontal/Lateral'] = parts.view.endsWith('lateral') ? 'Lateral' : 'Frontal';
  const image = imageOf(fileOf(root, parts.relative), parts, said);
  study.images.push({ ...image, field: 'path_to_image' });
}

/** The table says .jpg whatever the release's pictures are. */
function fileOf(root: string, relative: string): string {
  const bare = join(root, relative.replace(/\.\w+$/u, ''));
  return ['.png', '.jpg', '.dcm'].map((ending) => bare + ending).find((path) => existsSync(path)) ?? `${bare}.png`;
}

const textsOf = (values: Record<string, string>, sections: Options['sections']): SourceText[] =>
  SECTIONS.flatMap(([field, kind]): SourceText[] => {
    const body = (values[field] ?? '').trim();
    return body === '' || !isWanted(kind, sections) ? [] : [{ kind, lang: 'en', body, origin: 'human', field }];
  });

/** In the order of the table; each with the patient's earlier studies, nearest first. */
function inOrder(studies: ReadonlyMap<string, Study>): Study[] {
  const patients = new Map<string, Study[]>();
  for (const study of studies.values()) patients.set(study.patient, [...(patients.get(study.patient) ?? []), study]);
  for (const own of patients.values()) {
    const placed = own.filter(({ place }) => Number.isFinite(place)).sort((a, b) => a.place - b.place);
    for (const study of placed) study.earlier = placed.filter(({ place }) => place < study.place).reverse();
  }
  return [...studies.values()];
}

function toRow({ place, earlier, ...study }: Study, labels: ReadonlyMap<string, SourceLabel[]>): SourceRow {
  const spoken = study.texts.some(({ kind }) => kind === 'findings' || kind === 'impression');
  return {
    ...study,
    study: study.id,
    ...(Number.isFinite(place) ? { order: earlier.length, priors: earlier.map(({ id }) => id) } : {}),
    labels: labels.get(study.id) ?? [],
    flags: spoken ? [] : ['no_report'],
  };
}

function labelFile({ from, options }: AdapterContext<Options>): string | undefined {
  const path = join(from, 'chexbert_labels', `${options.labels}_fixed.json`);
  return options.labels !== 'none' && existsSync(path) ? path : undefined;
}

/** JSON lines, in spite of the ending: path_to_image and fourteen findings of 1, 0, -1 or null. */
async function labelsByStudy(context: AdapterContext<Options>): Promise<Map<string, SourceLabel[]>> {
  const out = new Map<string, SourceLabel[]>();
  const path = labelFile(context);
  if (path === undefined) return out;
  let row = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    row++;
    if (line.trim() === '') continue;
    const where = `${path} line ${row}`;
    const values = cellsOf(line, where);
    const parts = partsOf(values['path_to_image'] ?? '');
    const labels = labelsOf(values);
    if (parts === undefined || typeof labels === 'string')
      throw GadoliniumError.expected('bad-label', 'a path and findings of 1, 0, -1 or null', where, line);
    out.set(`${parts.patient}_${parts.study}`, labels);
  }
  return out;
}

function cellsOf(line: string, where: string): Record<string, string> {
  try {
    const entries = Object.entries(JSON.parse(line) as Record<string, unknown>);
    return Object.fromEntries(entries.map(([name, value]) => [name, value === null ? '' : String(value)]));
  } catch (error) {
    throw GadoliniumError.expected('bad-label', 'a JSON object', where, (error as Error).message);
  }
}
