/** Lines of CheXpert's tables, which its test sets and CheXpert-Plus share: a path that names patient, study and view, and findings. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LabelVocabulary, SourceImage, SourceLabel } from '../../src/data/adapter.js';
import { viewOf } from '../../src/radiology/view.js';

/** As the tables call them, in their order. */
export const FINDINGS = [
  'No Finding',
  'Enlarged Cardiomediastinum',
  'Cardiomegaly',
  'Lung Opacity',
  'Lung Lesion',
  'Edema',
  'Consolidation',
  'Pneumonia',
  'Atelectasis',
  'Pneumothorax',
  'Pleural Effusion',
  'Pleural Other',
  'Fracture',
  'Support Devices',
];
export const VOCABULARY: LabelVocabulary = { vocab: 'chexpert', kind: 'finding', names: FINDINGS };
const STATES: Record<string, SourceLabel['state']> = { '1': 'positive', '0': 'negative', '-1': 'uncertain' };

export const LICENCE = {
  licence: 'Stanford-AIMI-research',
  licenceText: 'Stanford University School of Medicine research use agreement: no redistribution, no commercial use',
};

export interface PathParts {
  /** patient00001 */
  patient: string;
  /** study1 */
  study: string;
  /** view1_frontal */
  view: string;
  /** Without the folder of the release in front: train/patient00001/study1/view1_frontal.jpg. */
  relative: string;
}

/** CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg; undefined for another form. */
export function partsOf(path: string): PathParts | undefined {
  const match = /(?:^|\/)((?:[^/]+\/)?(patient\d+)\/(study\d+)\/(view\d+_\w+))\.\w+$/u.exec(path);
  if (match === null) return undefined;
  const [, inner, patient, study, view] = match as unknown as [string, string, string, string, string];
  return { patient, study, view, relative: path.slice(match.index).replace(/^\//u, '') || inner };
}

/** The folder that holds train/ and valid/: what was given, or the release's own folder in it. */
export function imageRoot(from: string): string {
  const inside = ['CheXpert-v1.0', 'CheXpert-v1.0-small'].map((name) => join(from, name));
  return inside.find((path) => existsSync(path)) ?? from;
}

export function imageOf(file: string, { view }: PathParts, values: Record<string, string>): SourceImage {
  const lateral = (values['Frontal/Lateral'] ?? (view.endsWith('lateral') ? 'Lateral' : 'Frontal')) === 'Lateral';
  const said = (values['AP/PA'] ?? '').trim();
  return {
    id: view,
    file,
    modality: 'DX',
    view: lateral ? 'LATERAL' : viewOf(said === '' ? 'FRONTAL' : said),
    field: 'Path',
  };
}

/** Findings of a line; empty cells are unknown. A text says which cell cannot be. */
export function labelsOf(values: Record<string, string>): SourceLabel[] | string {
  const labels: SourceLabel[] = [];
  for (const name of FINDINGS) {
    const value = (values[name] ?? '').trim().replace(/\.0*$/u, '');
    if (value === '') continue;
    const state = STATES[value];
    if (state === undefined) return name;
    labels.push({ vocab: 'chexpert', name, value: Number(value), state, source: 'nlp' });
  }
  return labels;
}
