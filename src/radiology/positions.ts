/**
 * The 49 rules that find one of MedKLIP's 51 positions for an anatomy: its noun, then the words that
 * go with it, joined by | as in lobe|left|lower. The first rule that holds decides; the order of the words matters for whole strings.
 */

import { POSITIONS } from '../config/chest-x-ray-terms.js';

interface Rule {
  name: string;
  /** One of these words must be there, … */
  base: string[];
  /** … one of each of these lists, … */
  and?: string[][];
  /** … and none of these. */
  not?: string[];
  /** Or the anatomy is one of these as a whole. */
  whole?: string[];
}

const HILAR = ['hilar', 'hilum', 'perihilar', 'infrahilar'];
const SIDES = ['left', 'right'];
const LOW = ['lower', 'base', 'basilar', 'basal', 'basis'];
const PARTS = [...LOW, 'bases', 'middle', 'mid', 'upper', 'apex', 'apical'];

/** Rules of one side, the other being `other`. */
const hilar = (side: string, other: string): Rule => ({
  name: `${side}_hilar`,
  base: HILAR,
  and: [[side]],
  not: [other],
});
const sided = (name: string, base: string[], side: string, other: string): Rule => ({
  name: `${side}_${name}`,
  base,
  and: [[side]],
  not: [other],
});
const lobe = (level: string, side: string, whole: string[] = []): Rule => ({
  name: `${level}_${side}_lobe`,
  base: ['lobe'],
  and: [[side], [level]],
  whole,
});
const lung = (side: string, other: string, midlung: string[]): Rule[] => [
  {
    name: `${side}_lower_lung`,
    base: ['lung'],
    and: [[side], LOW],
    whole: [`base|${side}`, `basilar|${side}`, `basal|${side}`, `lung|${side}|bases`],
  },
  { name: `${side}_mid_lung`, base: ['lung'], and: [[side], ['middle', 'mid']], whole: midlung },
  { name: `${side}_upper_lung`, base: ['lung'], and: [[side], ['upper']] },
  sided('apical_lung', ['apex', 'apical', 'apicolateral'], side, other),
  {
    name: `${side}_lung_unspec`,
    base: ['lung', 'hemithorax'],
    and: [[side, `${side}-sided`]],
    not: ['volume', 'volumes', other, 'perihilar', ...PARTS],
    whole: [side, `${side} side`, `thorax|${side}|hemi`],
  },
];
const named = (name: string, ...base: string[]): Rule => ({ name, base });

const RULES: readonly Rule[] = [
  named('trachea', 'trachea', 'tracheal'),
  hilar('left', 'right'),
  hilar('right', 'left'),
  { name: 'hilar_unspec', base: HILAR, not: SIDES, whole: ['hila', 'perihilar|right|left', 'perihilar|left|right'] },
  sided('pleural', ['pleural'], 'left', 'right'),
  sided('pleural', ['pleural'], 'right', 'left'),
  {
    name: 'pleural_unspec',
    base: ['pleural'],
    not: SIDES,
    whole: ['', 'bilateral|'].flatMap((both) => [`pleural|${both}left|right`, `pleural|${both}right|left`]),
  },
  { name: 'heart_size', base: ['heart', 'cardiac'], not: ['border', 'borders'] },
  { name: 'heart_border', base: ['heart', 'cardiac'], and: [['border', 'borders']] },
  sided('diaphragm', ['diaphragm', 'hemidiaphragm'], 'left', 'right'),
  sided('diaphragm', ['diaphragm', 'hemidiaphragm'], 'right', 'left'),
  {
    name: 'diaphragm_unspec',
    base: ['diaphragm', 'diaphragms', 'hemidiaphragms', 'hemidiaphragm'],
    not: SIDES,
    whole: ['hemidiaphragm|left|right', 'hemidiaphragm|right|left'],
  },
  named('retrocardiac', 'retrocardiac'),
  lobe('lower', 'left'),
  lobe('upper', 'left', ['lingula', 'lingular']),
  lobe('lower', 'right'),
  lobe('middle', 'right'),
  lobe('upper', 'right'),
  // The right side has no whole string for midlung.
  ...lung('left', 'right', ['midlung|left']),
  ...lung('right', 'left', []),
  { name: 'lung_apices', base: ['apices', 'apical'], not: SIDES, whole: ['biapical', 'lungs|upper'] },
  {
    name: 'lung_bases',
    base: ['lung', 'lungs'],
    and: [['bibasilar', 'basilar', 'base', 'bases', 'bibasal', 'basal']],
    not: SIDES,
    whole: [
      ...['lung|lower', 'lungs|lower', 'bibasilar', 'basilar', 'bases', 'bibasal', 'basal', 'basal|bilateral'],
      ...['lobe|lower', 'lobes|lower', 'lobe|bilateral|lower', 'bases|both'],
      ...['bibasilar|left|right', 'bibasilar|right|left'],
    ],
  },
  sided('costophrenic', ['costophrenic'], 'left', 'right'),
  sided('costophrenic', ['costophrenic'], 'right', 'left'),
  { name: 'costophrenic_unspec', base: ['costophrenic'], not: SIDES },
  named('cardiophrenic_sulcus', 'cardiophrenic'),
  named('mediastinal', 'mediastinal', 'cardiomediastinal', 'mediastinum', 'cardiomediastinum'),
  named('spine', 'spine', 'spinal'),
  named('clavicle', 'clavicle', 'clavicles'),
  named('rib', 'rib', 'ribs'),
  named('stomach', 'stomach', 'abdomen', 'abdominal'),
  sided('atrium', ['atrium', 'atrial'], 'right', 'left'),
  sided('ventricle', ['ventricle', 'ventricular'], 'right', 'left'),
  named('aorta', 'aorta', 'aortic'),
  named('svc', 'svc'),
  named('interstitium', 'interstitium', 'interstitial'),
  named('parenchymal', 'parenchymal'),
  named('cavoatrial_junction', 'cavoatrial junction'),
  named('cardiopulmonary', 'cardiopulmonary'),
  named('pulmonary', 'pulmonary'),
  { name: 'lung_volumes', base: ['lungs', 'lung', 'volume', 'volumes'], not: [...SIDES, ...PARTS] },
];

const UNSPECIFIED = POSITIONS.indexOf('unspecified');

/** Number of the position of an anatomy. */
export function positionOf(anatomy: string): number {
  const said = new Set(anatomy.split('|'));
  const any = (words: readonly string[]) => words.some((word) => said.has(word));
  const rule = RULES.find(
    ({ base, and = [], not = [], whole = [] }) => (any(base) && and.every(any) && !any(not)) || whole.includes(anatomy),
  );
  if (rule) return POSITIONS.indexOf(rule.name);
  return anatomy === 'unspecified' ? UNSPECIFIED : POSITIONS.length - 1;
}

/** Words that a rule reads: what an anatomy of a plain sentence is made of. */
export const POSITION_WORDS: { bases: ReadonlySet<string>; others: ReadonlySet<string> } = {
  bases: new Set(RULES.flatMap(({ base, whole = [] }) => [...base, ...whole.filter((text) => !/[| ]/u.test(text))])),
  others: new Set(RULES.flatMap(({ and = [], not = [] }) => [...and.flat(), ...not])),
};
