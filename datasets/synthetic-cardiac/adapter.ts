/**
 * Made-up hearts: a 12-lead signal and a row of measurements of the same latent state. Neither modality is an image or a text; the set
 * shows and tests that nothing in the engine needs one.
 */
import { z } from 'zod';
import type { DatasetAdapter, SourceRow } from '../../src/data/adapter.js';

const LEADS = 12;
const SAMPLES = 256;
const COLUMNS = ['rate', 'amplitude', 'axis', 'width', 'mass', 'volume', 'age', 'noise'];

interface Options {
  /** Patients made. */
  patients: number;
  seed: number;
}

const adapter: DatasetAdapter<Options> = {
  name: 'synthetic-cardiac',
  title: 'Synthetic 12-lead signals and cardiac measurements',
  version: '1',
  licence: 'CC0-1.0',
  licenceText: 'made by this adapter; nobody was measured',
  access: 'none needed: every row is computed',
  modalities: ['ECG'],
  options: z.strictObject({
    patients: z.coerce.number().int().positive().default(400),
    seed: z.coerce.number().int().default(1),
  }) as z.ZodType<Options>,
  sample: '.',
  defaults: { tokenizer: 'train:100' },

  describe: () => ({
    labels: [{ vocab: 'rhythm', kind: 'class', names: ['SLOW', 'NORMAL', 'FAST'] }],
    arrays: {
      signal: { shape: [LEADS, SAMPLES] },
      measurements: { shape: [COLUMNS.length], names: COLUMNS, missing: true },
    },
    splitRule: 'drawn by the hash of the patient: train 0.7, valid 0.1, test 0.2',
    fractions: { train: 0.7, valid: 0.1, test: 0.2 },
  }),

  async *rows({ options }) {
    for (let i = 0; i < options.patients; i++) yield rowOf(i, options.seed);
  },
};

function rowOf(index: number, seed: number): SourceRow {
  const draw = draws(seed * 1_000_003 + index);
  const normal = () => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
  // The latent state, each about standard.
  const [rate, amplitude, axis, width] = [normal(), normal(), normal(), normal()] as [number, number, number, number];
  const beats = 4.5 + 1.2 * rate;
  const phase = draw();
  const signal = new Float32Array(LEADS * SAMPLES);
  for (let lead = 0; lead < LEADS; lead++) {
    const gain = Math.cos((lead * Math.PI) / 6 - 0.6 * axis) * (1 + 0.3 * amplitude);
    for (let t = 0; t < SAMPLES; t++) {
      const beat = ((t / SAMPLES) * beats + phase) % 1;
      const bump = (at: number, spread: number) => Math.exp(-(((beat - at) / spread) ** 2));
      const spread = 0.03 * (1 + 0.3 * width);
      signal[lead * SAMPLES + t] =
        gain * (bump(0.3, spread) - 0.25 * bump(0.36, spread) + 0.3 * bump(0.6, 2.5 * spread)) + 0.05 * normal();
    }
  }
  const measurements = [
    rate,
    amplitude,
    axis,
    width,
    0.7 * amplitude + 0.3 * normal(),
    0.6 * width - 0.4 * rate + 0.3 * normal(),
    normal(),
    normal(),
  ];
  // Some measurements are missing, as in a clinic.
  const told = measurements.map((value, column) => (column >= 4 && draw() < 0.1 ? Number.NaN : value));
  return {
    id: `patient-${String(index).padStart(5, '0')}`,
    patient: `patient-${index}`,
    images: [],
    texts: [],
    labels: [
      {
        vocab: 'rhythm',
        name: rate < -0.6 ? 'SLOW' : rate > 0.6 ? 'FAST' : 'NORMAL',
        state: 'positive',
        source: 'model',
      },
    ],
    arrays: { signal, measurements: told },
    origin: { file: 'computed', row: index },
  };
}

/** Uniform numbers under a seed (a 32-bit counter through a mixing function). */
function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 4294967296;
  };
}

export default adapter;
