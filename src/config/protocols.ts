/**
 * Evaluations exactly as papers and released code run them, by name: `gadolinium evaluate biovil-ms-cxr …`. Each is an entry as a
 * recipe may hold it, for the data set that it is named after; src/evaluate/published holds the figures that it may be compared with.
 */
import { entityNumbers } from './chest-x-ray-terms.js';
import {
  type EvaluationInput,
  grounding,
  headScores,
  linearProbe,
  pointingGame,
  segmentationProbe,
  sentencePairs,
  temporalClassification,
  zeroShot,
} from './evaluate.js';

export interface Protocol {
  /** Name of the data set in its dataset.json. */
  dataset: string;
  entry: EvaluationInput;
  /** Where the protocol was read, and what in it is ours. */
  source: string;
}

/** MedKLIP's entities, by the names that data sets give to findings. */
const ENTITY_OF = {
  Effusion: 'effusion',
  'Pleural Effusion': 'effusion',
  'Lung Opacity': 'opacity',
  Pneumothorax: 'pneumothorax',
  Edema: 'edema',
  Atelectasis: 'atelectasis',
  Consolidation: 'consolidation',
  Pneumonia: 'pneumonia',
  Cardiomegaly: 'cardiomegaly',
  Nodule: 'nodule',
  Pleural_Thickening: 'thicken',
  Emphysema: 'emphysema',
  Mass: 'mass',
  Infiltration: 'infiltrate',
  Hernia: 'hernia',
  // Not an entity: the bucket of all rarer ones stands for it.
  Fibrosis: 'tail_abnorm_obs',
} as const;

type Finding = keyof typeof ENTITY_OF;

/** Numbers of their entities by findings. */
const entities = (...names: Finding[]) =>
  Object.fromEntries(names.map((name) => [name, entityNumbers(ENTITY_OF[name])[0]!]));

const biovilMaps = {
  maps: { of: 'similarity', patches: 'image.projected', phrases: 'text.global' },
  smooth: 1.5,
  interpolation: 'bilinear',
  pixels: 'source',
} as const;

const medklipMaps = (...names: Finding[]) =>
  ({
    maps: { of: 'attention', feature: 'image.attention', queries: entities(...names) },
    interpolation: 'nearest',
    pixels: 'input',
  }) as const;

const medklipScores = (...names: Finding[]) =>
  headScores({ features: 'image.existence', queries: entities(...names), threshold: 'best-f1-of-reported' });

const HI_ML = 'microsoft/hi-ml, hi-ml-multimodal';
const MEDKLIP = 'MediaBrain-SJTU/MedKLIP';

const list: Record<string, Protocol> = {
  'biovil-rsna': {
    dataset: 'rsna-pneumonia',
    entry: zeroShot({ prompts: 'pneumonia-pair', ensemble: 'mean-of-raw-embeddings' }),
    source: 'Boecking et al. 2022: one prompt for and one against. Which two they were is not known: the pair is ours',
  },
  'biovil-rsna-ensemble': {
    dataset: 'rsna-pneumonia',
    entry: zeroShot({ prompts: 'biovil-pneumonia', ensemble: 'mean-of-raw-embeddings' }),
    source: `${HI_ML}: the prompts of test_zero_shot_classification.py, their plain vectors averaged`,
  },
  'biovil-rsna-probe': {
    dataset: 'rsna-pneumonia',
    entry: linearProbe({ labels: 'pneumonia' }),
    source:
      'Boecking et al. 2022: a linear probe with 1, 10 and 100 % of the labels; the classifier and its penalty are ours',
  },
  'biovil-rsna-grounding': {
    dataset: 'rsna-pneumonia',
    entry: grounding({
      ...biovilMaps,
      maps: { ...biovilMaps.maps, words: { Pneumonia: 'Findings suggesting pneumonia' } },
      calledAbove: 0,
      gallery: 8,
    }),
    source: `${HI_ML} (maps); the phrase and the threshold 0 are ours`,
  },
  'biovil-rsna-segmentation': {
    dataset: 'rsna-pneumonia',
    entry: segmentationProbe({ patches: 'image.patches', fractions: [0.05] }),
    source:
      'Boecking et al. 2022: a linear head on frozen patches with 5 % of the labels; the training settings are those of LoVT',
  },
  'biovil-ms-cxr': {
    dataset: 'ms-cxr',
    entry: grounding({ ...biovilMaps, gallery: 8 }),
    source: `${HI_ML}, vlp/inference_engine.py (maps); Boecking et al. 2022 (CNR, mIoU)`,
  },
  'biovil-ms-cxr-pointing': {
    dataset: 'ms-cxr',
    entry: pointingGame(biovilMaps),
    source: 'the maps of biovil-ms-cxr; the pointing game is not in the paper',
  },
  'biovil-radnli': {
    dataset: 'radnli',
    entry: sentencePairs({ labels: 'nli', same: 'entailment', different: 'contradiction' }),
    source: 'Bannur et al. 2023: cosine and a threshold chosen by cross-validation; ten folds are ours',
  },
  'biovil-ms-cxr-t-sentences': {
    dataset: 'ms-cxr-t',
    entry: sentencePairs({ labels: 'similarity', same: 'paraphrase', different: 'contradiction' }),
    source: 'Bannur et al. 2023: cosine and a threshold chosen by cross-validation; ten folds are ours',
  },
  'biovil-ms-cxr-t': {
    dataset: 'ms-cxr-t',
    entry: temporalClassification({
      labels: ['consolidation', 'pleural effusion', 'pneumonia', 'pneumothorax', 'edema'],
    }),
    source: 'Bannur et al. 2023: macro-accuracy by finding; the frozen features and the classifier are ours',
  },
  'medklip-chest-xray14': {
    dataset: 'chest-xray14',
    entry: medklipScores(
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
    ),
    source: `${MEDKLIP}, Sample_zero-shot_Classification_CXR14/test.py`,
  },
  'medklip-rsna': {
    dataset: 'rsna-pneumonia',
    entry: medklipScores('Pneumonia'),
    source: `the rule of ${MEDKLIP}, Sample_zero-shot_Classification_CXR14/test.py`,
  },
  'medklip-siim-acr': {
    dataset: 'siim-acr',
    entry: medklipScores('Pneumothorax'),
    source: `the rule of ${MEDKLIP}, Sample_zero-shot_Classification_CXR14/test.py`,
  },
  'medklip-chexpert': {
    dataset: 'chexpert',
    entry: medklipScores('Cardiomegaly', 'Edema', 'Consolidation', 'Atelectasis', 'Pleural Effusion'),
    source: `the rule of ${MEDKLIP}; the entities as HieuPhan33/CVPR2024_MAVL maps them`,
  },
  'medklip-rsna-grounding': {
    dataset: 'rsna-pneumonia',
    entry: grounding({ ...medklipMaps('Pneumonia'), calledAbove: 0.008, gallery: 8 }),
    source: `${MEDKLIP}, Sample_Zero-Shot_Grounding_RSNA/test.py`,
  },
  'medklip-rsna-pointing': {
    dataset: 'rsna-pneumonia',
    entry: pointingGame({ ...medklipMaps('Pneumonia'), ties: 'any' }),
    source: `${MEDKLIP}, Sample_Zero-Shot_Grounding_RSNA/test.py`,
  },
  'medklip-ms-cxr': {
    dataset: 'ms-cxr',
    entry: grounding({
      ...medklipMaps(
        'Atelectasis',
        'Cardiomegaly',
        'Consolidation',
        'Edema',
        'Lung Opacity',
        'Pleural Effusion',
        'Pneumonia',
        'Pneumothorax',
      ),
      gallery: 8,
    }),
    source: "the maps of medklip-rsna-grounding, the query of each phrase's finding; the phrase is not read",
  },
  'chexpert-5x200': {
    dataset: 'chexpert-5x200',
    entry: zeroShot({ prompts: 'chexpert-5x200-names', ensemble: 'mean-of-scores' }),
    source:
      'Wang et al. 2022 (MedCLIP): mean over prompts of the scores; the prompts are ours, theirs come with --prompts',
  },
  'gloria-chexpert-5x200': {
    dataset: 'chexpert-5x200',
    entry: zeroShot({ prompts: 'chexpert-5x200-names', ensemble: 'max-of-scores', standardiseScores: true }),
    source:
      'marshuang80/gloria: greatest score over prompts, each class brought to mean 0 and deviation 1; global similarity alone',
  },
};

/** By name; the entry bears the name too. */
export const protocols: Readonly<Record<string, Protocol>> = Object.fromEntries(
  Object.entries(list).map(([name, protocol]) => [name, { ...protocol, entry: { ...protocol.entry, name } }]),
);
