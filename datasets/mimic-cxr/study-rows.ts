/** Studies of MIMIC-CXR in either form → source rows: what both data sets of it share. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type {
  AdapterContext,
  LabelVocabulary,
  SourceDescription,
  SourceImage,
  SourceLabel,
  SourceReject,
  SourceRow,
  SourceText,
} from '../../src/data/adapter.js';
import { GadoliniumError } from '../../src/errors.js';
import { isWanted, reportTexts } from '../../src/radiology/report-texts.js';
import { viewOf } from '../../src/radiology/view.js';
import { patientsOf } from './held-out.js';
import { type Cells, cellsOf, columnBy, linesOf, type TableLine, versionedTable } from './release-tables.js';
import { frontal, type ImageRecord, type Study, studiesOf, studyPath } from './studies.js';

export const options = z.strictObject({
  /** Folder below which files/p10/p10000032/s50414267.txt lie; none: no texts. */
  reports: z.string().optional(),
  /** Folder of the tables of MIMIC-CXR-JPG; default: the release's own. */
  tables: z.string().optional(),
  labels: z.enum(['chexpert', 'negbio', 'none']).default('chexpert'),
  /** describing: findings, impression and what stands for them; all: also indication, history, comparison, technique, … */
  sections: z.enum(['describing', 'all']).default('describing'),
  /** Tables of test sets, with commas between: their patients become `extra` and are not trained on. */
  without: z.string().optional(),
  /** ids: name the studies before; images: keep the pictures of the nearest too, frontal ones where there are any. */
  priors: z.enum(['ids', 'images']).default('ids'),
});
export type Options = z.infer<typeof options>;

export const LICENCE = {
  licence: 'PhysioNet-1.5.0',
  licenceText:
    'PhysioNet Credentialed Health Data License 1.5.0: no redistribution, no sending to services of third parties; training in human research required',
};

/** As the tables of both labellers call them. */
const FINDINGS = [
  'Atelectasis',
  'Cardiomegaly',
  'Consolidation',
  'Edema',
  'Enlarged Cardiomediastinum',
  'Fracture',
  'Lung Lesion',
  'Lung Opacity',
  'No Finding',
  'Pleural Effusion',
  'Pleural Other',
  'Pneumonia',
  'Pneumothorax',
  'Support Devices',
];
const STATES: Record<string, SourceLabel['state']> = { '1': 'positive', '0': 'negative', '-1': 'uncertain' };

export const tablesOf = ({ from, options }: AdapterContext<Options>) => options.tables ?? from;

export function description(context: AdapterContext<Options>): SourceDescription {
  const labelled = labelTable(context) !== undefined;
  const vocabulary: LabelVocabulary = { vocab: context.options.labels, kind: 'finding', names: FINDINGS };
  return {
    labels: labelled ? [vocabulary] : [],
    priorImages: context.options.priors === 'images',
    splitRule: splitTable(context)
      ? 'as the release has it, by patient'
      : 'no table of splits was found: drawn by the hash of the patient, train 0.8, valid 0.1, test 0.1',
  };
}

function labelTable(context: AdapterContext<Options>): string | undefined {
  const { labels } = context.options;
  return labels === 'none' ? undefined : versionedTable(tablesOf(context), labels);
}

export const splitTable = (context: AdapterContext<Options>) => versionedTable(tablesOf(context), 'split');

/** Where the images are listed: read line by line by one of the two data sets. */
export interface Listing {
  table: string;
  lines: AsyncIterable<TableLine>;
  record(cells: Cells, row: number): Promise<ImageRecord> | ImageRecord;
}

export async function* studyRows(
  context: AdapterContext<Options>,
  { table, lines, record }: Listing,
): AsyncGenerator<SourceRow | SourceReject> {
  const reports = reportFolder(context);
  const splits = splitTable(context);
  const splitOf = splits === undefined ? undefined : await columnBy(splits, 'dicom_id', 'split');
  const labels = await labelsByStudy(context);
  const { without } = context.options;
  const heldOut = without === undefined ? new Set<string>() : await patientsOf(without, context.from);
  const records: ImageRecord[] = [];
  for await (const line of lines) {
    const fault = 'fault' in line ? line.fault : wrongIds(line.cells);
    if (fault !== undefined) {
      yield { reject: { code: 'bad_row', reason: fault, field: 'row', origin: { file: table, row: line.row } } };
      continue;
    }
    const found = await record((line as { cells: Cells }).cells, line.row);
    records.push({ ...found, split: splitOf?.get(found.dicom) });
  }
  for (const study of studiesOf(records)) {
    const origin = { file: table, row: study.images[0]!.row };
    const split = study.images.find((image) => image.split !== undefined)?.split;
    if (splitOf !== undefined && split === undefined) {
      const reason = `no image of ${study.id} is in the table of splits`;
      yield { reject: { code: 'no_split', reason, field: 'dicom_id', origin } };
      continue;
    }
    const texts = reports === undefined ? [] : textsOf(study, reports, context.options.sections);
    const held = heldOut.has(study.patient) && split !== 'test';
    const spoken = texts.some(({ kind }) => isWanted(kind));
    yield {
      id: study.id,
      patient: study.patient,
      study: study.id,
      ...(held ? { split: 'extra' } : split === undefined ? {} : { split }),
      ...(study.time === undefined ? {} : { time: study.time }),
      ...(study.order === undefined ? {} : { order: study.order, priors: study.earlier.map(({ id }) => id) }),
      ...(context.options.priors === 'images' ? { priorImages: priorImages(study) } : {}),
      images: study.images.map(imageOf),
      texts,
      labels: labels.get(study.id) ?? [],
      meta: metaOf(study),
      sourceRef: study.id,
      flags: [...(spoken || reports === undefined ? [] : ['no_report']), ...(held ? ['held_out'] : [])],
      origin,
    };
  }
}

function wrongIds(cells: Cells): string | undefined {
  for (const column of ['subject_id', 'study_id'])
    if (!/^\d{8}$/u.test(cells[column]!)) return `${column} '${cells[column]}' is not eight digits`;
  return cells['dicom_id'] === '' ? 'no dicom_id' : undefined;
}

const imageOf = (image: ImageRecord): SourceImage => ({
  id: image.dicom,
  file: image.file,
  modality: image.modality ?? 'DX',
  view: viewOf(image.view),
  field: 'dicom_id',
});

function priorImages({ earlier }: Study): SourceImage[] {
  const images = earlier[0]?.images ?? [];
  const front = images.filter(frontal);
  return (front.length > 0 ? front : images).map(imageOf);
}

function metaOf({ images }: Study): Record<string, string> {
  const procedures = [...new Set(images.map(({ procedure }) => procedure).filter((text) => text !== ''))];
  const views = images.map(({ view }) => view);
  return {
    ...(procedures.length > 0 ? { procedure: procedures.join(' | ') } : {}),
    // Rare views are all OTHER in the images' own column.
    ...(views.some((view) => viewOf(view) === 'OTHER') ? { view_position: views.join(' | ') } : {}),
  };
}

/** The folder with p10 … p19 of report files; undefined: texts are not wanted. */
function reportFolder({ from, options }: AdapterContext<Options>): string | undefined {
  if (options.reports === 'none') return undefined;
  const roots = options.reports === undefined ? [from, join(from, 'mimic-cxr-reports')] : [options.reports];
  const candidates = roots.flatMap((root) => [join(root, 'files'), root]);
  const found = candidates.find((folder) => existsSync(folder) && hasReports(folder));
  if (found !== undefined) return found;
  throw GadoliniumError.expected(
    'no-source',
    'report files (p10/p10000032/s50414267.txt)',
    `the folders ${candidates.join(', ')}`,
    'none',
    'unpack mimic-cxr-reports.zip and give its folder with --option reports=DIR; or go on without texts: --option reports=none',
  );
}

/** Whether the first patients of some group have a report; the JPG release has the same folders without one. */
function hasReports(folder: string): boolean {
  const below = (path: string, pattern: RegExp) =>
    readdirSync(path)
      .filter((name) => pattern.test(name))
      .sort();
  return below(folder, /^p1\d$/u).some((group) =>
    below(join(folder, group), /^p\d{8}$/u)
      .slice(0, 20)
      .some((patient) => below(join(folder, group, patient), /^s\d{8}\.txt$/u).length > 0),
  );
}

function textsOf({ patient, id }: Study, reports: string, sections: Options['sections']): SourceText[] {
  const path = join(reports, `${studyPath(patient, id)}.txt`);
  if (!existsSync(path)) return [];
  return reportTexts(readFileSync(path, 'utf8'), id)
    .filter(({ kind }) => isWanted(kind, sections))
    .map(({ kind, body }) => ({ kind, lang: 'en', body, origin: 'human', field: kind }));
}

async function labelsByStudy(context: AdapterContext<Options>): Promise<Map<string, SourceLabel[]>> {
  const path = labelTable(context);
  const out = new Map<string, SourceLabel[]>();
  if (path === undefined) return out;
  const vocab = context.options.labels;
  for await (const line of linesOf(path, ['subject_id', 'study_id', ...FINDINGS])) {
    const cells = cellsOf(line, path);
    out.set(
      `s${cells['study_id']}`,
      FINDINGS.flatMap((name): SourceLabel[] => {
        const value = cells[name]!.trim().replace(/\.0*$/u, '');
        if (value === '') return [];
        const state = STATES[value];
        if (state === undefined)
          throw GadoliniumError.expected('bad-label', '1, 0, -1 or nothing', `${path} row ${line.row}, ${name}`, value);
        return [{ vocab, name, value: Number(value), state, source: 'nlp' }];
      }),
    );
  }
  return out;
}
