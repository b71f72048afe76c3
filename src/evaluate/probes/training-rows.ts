import { Draws } from '../../data/draws.js';
import { GadoliniumError } from '../../errors.js';
import type { EvaluationRows } from '../rows.js';
import { rowsOf } from '../task.js';

/** Training and validation rows of a probe; without a split `valid` a fifth of the training patients stands in for it. */
export function trainingRows(
  { split, seed }: { split: string; seed: number },
  source: EvaluationRows,
  task: string,
  notes: string[],
): { train: Uint32Array; valid: Uint32Array } {
  if (split === 'train' || split === 'valid') {
    throw GadoliniumError.expected('bad-evaluation', "a split that is neither 'train' nor 'valid'", task, split);
  }
  const train = rowsOf(source, 'train');
  if (source.splits.includes('valid')) {
    const valid = source.ofSplit('valid');
    if (valid.length > 0) return { train, valid };
  }
  const patients = source.patients(train).map((patient, i) => patient ?? `row ${i}`);
  const names = [...new Set(patients)];
  const order = new Draws(seed).shuffle(Uint32Array.from(names, (_, i) => i));
  const away = new Set(Array.from(order.subarray(0, Math.ceil(names.length / 5)), (i) => names[i]!));
  notes.push(
    `there is no split 'valid': a fifth of the training patients (${away.size} of ${names.length}) took its place`,
  );
  return {
    train: train.filter((_, i) => !away.has(patients[i]!)),
    valid: train.filter((_, i) => away.has(patients[i]!)),
  };
}
