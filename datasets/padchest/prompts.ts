/** CheXzero's form for the labels of PadChest: "{label}" against "no {label}". */
import type { PromptSet } from '../../src/data/adapter.js';

/** They say something of the report or the study, not of the picture. */
const NO_FINDINGS = new Set(['normal', 'unchanged', 'exclude', 'suboptimal study']);

export function promptsFor(names: readonly string[]): PromptSet[] {
  const classes = names
    .filter((name) => !NO_FINDINGS.has(name))
    .map((label) => ({ label, texts: [label], negative: [`no ${label}`] }));
  return classes.length === 0 ? [] : [{ name: 'padchest', vocab: 'padchest', kind: 'pairs', classes }];
}
