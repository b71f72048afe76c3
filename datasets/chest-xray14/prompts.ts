/** One prompt for and one against each finding, in the words of the labels (CheXzero's form: "{finding}" and "no {finding}"). */
import type { PromptSet } from '../../src/data/adapter.js';

export const FINDINGS = [
  'Atelectasis',
  'Cardiomegaly',
  'Effusion',
  'Infiltration',
  'Mass',
  'Nodule',
  'Pneumonia',
  'Pneumothorax',
  'Consolidation',
  'Edema',
  'Emphysema',
  'Fibrosis',
  'Pleural_Thickening',
  'Hernia',
];

const words = (finding: string) => finding.replace('_', ' ').toLowerCase();

export const prompts: PromptSet[] = [
  {
    name: 'chest-xray14',
    vocab: 'chest-xray14',
    kind: 'pairs',
    classes: FINDINGS.map((label) => ({ label, texts: [words(label)], negative: [`no ${words(label)}`] })),
  },
];
