/** Which images of MIMIC-CXR make a 5x200 set: GLoRIA's rule for CheXpert, with a draw that can be repeated. */
import { createHash } from 'node:crypto';
import type { Cells } from '../mimic-cxr/release-tables.js';

export const CLASSES = ['Atelectasis', 'Cardiomegaly', 'Consolidation', 'Edema', 'Pleural Effusion'];

/** Everything else that must not be there. "No Finding" is no finding. */
const OTHERS = [
  'Enlarged Cardiomediastinum',
  'Fracture',
  'Lung Lesion',
  'Lung Opacity',
  'Pleural Other',
  'Pneumonia',
  'Pneumothorax',
  'Support Devices',
];
export const FINDINGS = [...CLASSES, ...OTHERS];

/** The one class that a study is of: it is 1, and all other findings are 0 or not said, none is unsure. */
export function classOf(cells: Cells): string | undefined {
  const said = FINDINGS.filter((name) => Number(cells[name]!.trim() || 0) !== 0);
  const [only] = said;
  return said.length === 1 && CLASSES.includes(only!) && Number(cells[only!]) === 1 ? only : undefined;
}

/** The `count` names that come first when all are sorted by a hash of seed and name: more names change no more than they must. */
export function drawn(names: readonly string[], count: number, seed: number): Set<string> {
  const keyed = names.map((name) => ({ name, key: createHash('sha256').update(`${seed}\n${name}`).digest('hex') }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  return new Set(keyed.slice(0, count).map(({ name }) => name));
}
