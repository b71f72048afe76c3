/** PadChest: radiographs of the chest with Spanish reports, labels and where they lie; one row a study. */
import { existsSync } from 'node:fs';
import { basename, join, parse } from 'node:path';
import { z } from 'zod';
import type { AdapterContext, DatasetAdapter, SourceImage, SourceLabel, SourceRow } from '../../src/data/adapter.js';
import { promptsFor } from './prompts.js';
import { type ImageLine, linesOf, namesIn, sentencesIn, tableOf } from './release-table.js';

const options = z.strictObject({
  /** all: every image of the table, a missing one is rejected; found: those that are there, and their studies; none: texts alone. */
  images: z.enum(['all', 'found', 'none']).default('all'),
  /** physician: only studies whose labels a physician gave; the others' come from a network. */
  labelled: z.enum(['all', 'physician']).default('all'),
  /** test: everything is for testing, as CheXzero does. */
  split: z.enum(['drawn', 'test']).default('drawn'),
});
type Options = z.infer<typeof options>;

/** Labels of fewer studies are no class of their own; all of them stay in `meta`. */
const FEWEST = 10;
const OLDEST = 120;

const adapter: DatasetAdapter<Options> = {
  name: 'padchest',
  title: 'PadChest',
  version: '1',
  licence: 'BIMCV-PadChest-research',
  licenceText: 'PadChest research use agreement of BIMCV: no redistribution, no commercial use',
  access: 'on request: bimcv.cipf.es/bimcv-projects/padchest',
  modalities: ['CR', 'DX'],
  options: options as z.ZodType<Options>,

  async describe(context) {
    const names = frequent([...(await labelsByStudy(context)).values()]);
    return {
      labels: [{ vocab: 'padchest', kind: 'finding', names }],
      prompts: promptsFor(names),
      splitRule:
        context.options.split === 'test'
          ? 'everything is for testing'
          : 'the release has no splits: drawn by the hash of the patient; train 0.8, valid 0.1, test 0.1',
    };
  },

  async *rows(context) {
    const { from, options } = context;
    const table = tableOf(from);
    const file = basename(table);
    const studies = new Map<string, ImageLine[]>();
    for await (const line of linesOf(table)) {
      if ('fault' in line) {
        const { code, fault: reason, field, row } = line;
        yield { reject: { code, reason, field, origin: { file, row } } };
      } else studies.set(line.study, [...(studies.get(line.study) ?? []), line]);
    }
    const names = frequent([...studies.values()].map(labelsIn));
    for (const lines of studies.values()) {
      if (options.labelled === 'physician' && !lines.some(({ byPhysician }) => byPhysician)) continue;
      const images = options.images === 'none' ? [] : imagesOf(lines, from, options);
      // Of a part of the release only its studies.
      if (images.length === 0 && options.images === 'found') continue;
      yield toRow(lines, images, names, file, options);
    }
  },
};
export default adapter;

/** What the reports of a study were labelled with, by study. */
async function labelsByStudy({ from }: AdapterContext<Options>): Promise<Map<string, Set<string>>> {
  const studies = new Map<string, Set<string>>();
  for await (const line of linesOf(tableOf(from))) {
    if ('fault' in line) continue;
    const known = studies.get(line.study) ?? new Set();
    for (const label of line.labels ?? []) known.add(label);
    studies.set(line.study, known);
  }
  return studies;
}

const labelsIn = (lines: readonly ImageLine[]) => new Set(lines.flatMap(({ labels }) => labels ?? []));

/** Labels of at least FEWEST studies, or of all where there are not many. */
function frequent(studies: readonly ReadonlySet<string>[]): string[] {
  const counts = new Map<string, number>();
  for (const labels of studies) for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const fewest = studies.length < 100 * FEWEST ? 1 : FEWEST;
  return [...counts]
    .filter(([, count]) => count >= fewest)
    .map(([label]) => label)
    .sort();
}

function imagesOf(lines: ImageLine[], from: string, { images }: Options): SourceImage[] {
  return lines.flatMap(({ image, folder, view, modality }): SourceImage[] => {
    // As the archives unpack, or all in one folder.
    const paths = [join(from, folder, image), join(from, image)];
    const file = paths.find((path) => existsSync(path));
    if (file === undefined && images === 'found') return [];
    return [{ id: parse(image).name, file: file ?? paths[0]!, modality, view, field: 'ImageID' }];
  });
}

function toRow(
  lines: ImageLine[],
  images: SourceImage[],
  names: readonly string[],
  file: string,
  { split }: Options,
): SourceRow {
  const [first] = lines as [ImageLine];
  const body = lines.find(({ report }) => report !== '')?.report ?? '';
  const labelled = lines.some(({ labels }) => labels !== undefined);
  const { age, ...said } = metaOf(lines);
  const flags = [
    ...(body === '' ? ['no_report'] : ['stemmed_text']),
    ...(labelled ? [] : ['no_labels']),
    ...(lines.some(({ monochrome1 }) => monochrome1) ? ['monochrome1_source'] : []),
    ...(age === undefined && first.cells['PatientBirth'] !== '' ? ['bad_age'] : []),
  ];
  return {
    id: first.study,
    patient: first.patient || first.study,
    study: first.study,
    ...(split === 'test' ? { split: 'test' } : {}),
    ...timeOf(first),
    images,
    texts: body === '' ? [] : [{ kind: 'report', lang: 'es', body, origin: 'human', field: 'Report' }],
    labels: labelled ? labelsOf(lines, names) : [],
    meta: { ...said, ...(age === undefined ? {} : { age }) },
    sourceRef: first.cells['ReportID'] || first.study,
    flags,
    origin: { file, row: first.row },
  };
}

/** Reports were labelled whole, so that what is not named was not reported. */
function labelsOf(lines: ImageLine[], names: readonly string[]): SourceLabel[] {
  const own = labelsIn(lines);
  return names.map((name) => ({
    vocab: 'padchest',
    name,
    value: own.has(name) ? 1 : 0,
    state: own.has(name) ? 'positive' : 'negative',
    source: lines[0]!.byPhysician ? 'expert' : 'model',
  }));
}

const dateOf = ({ cells }: ImageLine) => /^(\d{4})(\d{2})(\d{2})(?:\.0*)?$/u.exec(cells['StudyDate_DICOM'] ?? '');

function timeOf(line: ImageLine): { time?: string } {
  const date = dateOf(line);
  return date === null ? {} : { time: date.slice(1).join('-') };
}

function metaOf(lines: ImageLine[]): Record<string, string> & { age?: string } {
  const [first] = lines as [ImageLine];
  const years = Number(dateOf(first)?.[1]) - Number(first.cells['PatientBirth'] || Number.NaN);
  const turned = lines.filter(({ monochrome1 }) => monochrome1).map(({ image }) => parse(image).name);
  const all = {
    ...(years >= 0 && years <= OLDEST ? { age: String(years) } : {}),
    sex: first.cells['PatientSex_DICOM']?.trim() ?? '',
    pediatric: first.cells['Pediatric'] === 'PED' ? 'yes' : '',
    projections: lines.map(({ projection }) => projection).join(' | '),
    all_labels: [...labelsIn(lines)].join(' | '),
    localizations: namesIn(lines, 'Localizations').join(' | '),
    labels_by_sentence: sentencesIn(first) ?? '',
    label_cuis: namesIn(lines, 'LabelCUIS').join(' '),
    monochrome1: turned.join(' '),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}
