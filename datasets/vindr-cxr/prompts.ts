/** Findings of VinDr-CXR as the release calls them: 22 that have boxes, then 6 of the whole image; and a prompt for and against each. */
import type { PromptSet } from '../../src/data/adapter.js';

export const NOTHING = 'No finding';

export const FINDINGS = [
  'Aortic enlargement',
  'Atelectasis',
  'Calcification',
  'Cardiomegaly',
  'Clavicle fracture',
  'Consolidation',
  'Edema',
  'Emphysema',
  'Enlarged PA',
  'ILD',
  'Infiltration',
  'Lung Opacity',
  'Lung cavity',
  'Lung cyst',
  'Mediastinal shift',
  'Nodule/Mass',
  'Pleural effusion',
  'Pleural thickening',
  'Pneumothorax',
  'Pulmonary fibrosis',
  'Rib fracture',
  'Other lesion',
  'COPD',
  'Lung tumor',
  'Pneumonia',
  'Tuberculosis',
  'Other diseases',
  NOTHING,
];

const WORDS: Record<string, string> = {
  'Enlarged PA': 'enlarged pulmonary artery',
  ILD: 'interstitial lung disease',
  'Nodule/Mass': 'nodule or mass',
  COPD: 'chronic obstructive pulmonary disease',
};

const words = (finding: string) => WORDS[finding] ?? finding.toLowerCase();

/** CheXzero's form. "Other …" and "No finding" say nothing that a picture shows. */
export const prompts: PromptSet[] = [
  {
    name: 'vindr-cxr',
    vocab: 'vindr-cxr',
    kind: 'pairs',
    classes: FINDINGS.filter((label) => label !== NOTHING && !label.startsWith('Other')).map((label) => ({
      label,
      texts: [words(label)],
      negative: [`no ${words(label)}`],
    })),
  },
];
