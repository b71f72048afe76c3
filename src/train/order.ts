/** The order in which a configuration sees the rows of a data folder. */
import type { ResolvedConfig } from '../config/schema.js';
import { Draws } from '../data/draws.js';
import { Plan } from '../data/plan.js';
import { type EvaluationRows, openRows } from '../evaluate/rows.js';

export function planOf(config: ResolvedConfig, data: string): Plan {
  const rows = openRows(data);
  try {
    return planOfRows(config, rows);
  } finally {
    rows.close();
  }
}

function planOfRows(config: ResolvedConfig, rows: EvaluationRows): Plan {
  const { split, order, labels, share } = config.sampling;
  const chosen = shareOf(rows.ofSplit(split), share, config.train.seed);
  const streams = 1 + Math.max(0, ...Object.values(config.data).map(({ options }) => Number(options['stream'] ?? 0)));
  const facts = { rows: chosen, seed: config.train.seed, batch: config.train.batch, streams, order };
  if (order === 'apart') {
    const numbers = new Map<string, number>();
    const patients = Int32Array.from(rows.patients(chosen), (patient) => {
      if (patient === null) return -1;
      if (!numbers.has(patient)) numbers.set(patient, numbers.size);
      return numbers.get(patient) as number;
    });
    return new Plan({ ...facts, patients });
  }
  if (order === 'balanced') {
    const { vocabulary, states } = rows.labels(labels, chosen);
    const width = vocabulary.names.length;
    // The first positive name of a row is its class.
    const classes = Int32Array.from(chosen, (_, i) => states.subarray(i * width, (i + 1) * width).indexOf(1));
    return new Plan({ ...facts, classes });
  }
  return new Plan(facts);
}

/** A share of the rows, at least one, ascending: the first of an order that the seed alone decides. */
export function shareOf(rows: Uint32Array, share: number, seed: number): Uint32Array {
  if (share === 1) return rows;
  const order = new Draws(seed).shuffle(rows.slice());
  return order.subarray(0, Math.ceil(share * rows.length)).sort();
}
