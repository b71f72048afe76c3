import { GadoliniumError } from '../errors.js';
import type { Truth } from './metrics/ranking.js';
import { type EvaluationRows, LABEL_STATE } from './rows.js';

/** What an uncertain label counts as. */
export type Uncertain = 'ignore' | 'positive' | 'negative';

/** The vocabulary asked for; else the preferred one where the folder has it; else the only one that holds all these names. */
export function vocabularyOf(
  source: EvaluationRows,
  names: readonly string[],
  asked: string | undefined,
  preferred?: string,
): string {
  if (asked !== undefined) return asked;
  const { vocabularies } = source;
  if (vocabularies.some(({ vocab }) => vocab === preferred)) return preferred!;
  const fitting = vocabularies.filter((one) => names.every((name) => one.names.includes(name)));
  if (fitting.length === 1) return fitting[0]!.vocab;
  throw GadoliniumError.expected(
    'no-labels',
    `one label vocabulary with ${names.join(', ')}`,
    source.name,
    fitting.length === 0
      ? vocabularies.map(({ vocab }) => vocab).join(', ') || 'none'
      : fitting.map(({ vocab }) => vocab).join(', '),
    'name one with --labels; findings are named as the data set names them',
  );
}

/** Rows with exactly one of the wanted classes, and its number. */
export interface ClassTruth {
  rows: Uint32Array;
  /** Place of each kept row among the given ones. */
  kept: Uint32Array;
  /** Number of the row's class among the wanted names. */
  classes: Int32Array;
}

/** The single class of each row among `names`; rows with none or several of them are left out with a note. */
export function classTruth(
  source: EvaluationRows,
  vocab: string,
  names: readonly string[],
  rows: Uint32Array,
  notes: string[],
): ClassTruth {
  const { columns, states, width } = select(source, vocab, names, rows);
  const kept: number[] = [];
  const classes: number[] = [];
  let none = 0;
  let several = 0;
  for (let i = 0; i < rows.length; i++) {
    const held = columns.flatMap((k, c) => (states[i * width + k] === LABEL_STATE.positive ? [c] : []));
    if (held.length === 1) {
      kept.push(i);
      classes.push(held[0]!);
    } else if (held.length === 0) none++;
    else several++;
  }
  if (none > 0) notes.push(`${none} of ${rows.length} rows carry none of the classes of '${vocab}' and were left out`);
  if (several > 0)
    notes.push(`${several} of ${rows.length} rows carry several classes of '${vocab}' and were left out`);
  return {
    rows: Uint32Array.from(kept, (i) => rows[i]!),
    kept: Uint32Array.from(kept),
    classes: Int32Array.from(classes),
  };
}

/** Truth [rows, names] of findings: 1, 0, or -1 where nothing is known. */
export function findingTruth(
  source: EvaluationRows,
  vocab: string,
  names: readonly string[],
  rows: Uint32Array,
  uncertain: Uncertain,
): Truth {
  const { columns, states, width } = select(source, vocab, names, rows);
  const unsure = uncertain === 'positive' ? 1 : uncertain === 'negative' ? 0 : -1;
  const truth = new Int8Array(rows.length * names.length);
  for (let i = 0; i < rows.length; i++) {
    for (const [c, k] of columns.entries()) {
      const state = states[i * width + k]!;
      truth[i * names.length + c] =
        state === LABEL_STATE.positive
          ? 1
          : state === LABEL_STATE.negative
            ? 0
            : state === LABEL_STATE.uncertain
              ? unsure
              : -1;
    }
  }
  return truth;
}

function select(source: EvaluationRows, vocab: string, names: readonly string[], rows: Uint32Array) {
  const { vocabulary, states } = source.labels(vocab, rows);
  const columns = names.map((name) => {
    const k = vocabulary.names.indexOf(name);
    if (k >= 0) return k;
    throw GadoliniumError.expected(
      'no-labels',
      `one of ${vocabulary.names.join(', ')}`,
      `a class of '${vocab}'`,
      name,
      'name classes as the data set does',
    );
  });
  return { columns, states, width: vocabulary.names.length };
}
