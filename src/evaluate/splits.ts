import type { EvaluationEntry } from '../config/evaluate.js';

/** Tasks that read rows of their entry's split alone; every other one may read all. */
const modest: readonly string[] = ['zero-shot', 'retrieval', 'grounding', 'pointing-game'];

/** Splits whose rows an evaluation reads; undefined: any. */
export function splitsOf(entry: EvaluationEntry): string[] | undefined {
  if (!modest.includes(entry.task)) return undefined;
  const chooses = 'threshold' in entry && entry.threshold !== 'argmax';
  return [entry.split, ...(chooses ? ['valid'] : [])];
}

/** The same of several, and of what is read beside. */
export function splitsOfAll(entries: readonly EvaluationEntry[], ...beside: string[]): string[] | undefined {
  const each = entries.map(splitsOf);
  return each.every((one) => one !== undefined) ? [...new Set([...beside, ...each.flat()])] : undefined;
}
