/**
 * A 12-lead signal against a row of measurements: the form of ECG ↔ cardiac measurements contrast (Turgut et al. in the survey).
 * run: gadolinium prepare synthetic-cardiac --to DATA && gadolinium train ecg-table --data DATA --run RUN
 */
import { linearProbe, retrieval } from '../config/evaluate.js';
import { recipe } from '../config/recipe.js';
import { adamw, array, cosine, globalContrast, linearProjection, signalResnet, tableMlp } from '../native/generated.js';

export default recipe({
  title: 'Signal against table: global contrast of a 12-lead ECG and cardiac measurements',
  source: 'ours; the survey names the pairing (Turgut et al.)',
  survey: { family: 'global contrast', domain: 'cardiology' },
  data: {
    signal: array({ column: 'signal', shape: [12, 256] }),
    table: array({ column: 'measurements', shape: [8] }),
  },
  encoders: {
    signal: signalResnet({ leads: 12, width: 16, stages: 3 }),
    table: tableMlp({ columns: 8, width: 64 }),
  },
  heads: [
    linearProjection({ from: 'signal.global', inputWidth: 64, outputWidth: 64 }),
    linearProjection({ from: 'table.global', inputWidth: 64, outputWidth: 64 }),
  ],
  objectives: [globalContrast({ rows: 'signal.global', columns: 'table.global' })],
  optimise: { optimiser: adamw(), schedule: cosine({ warmup: 20 }), lr: 1e-3, decay: 0.05, clip: 1 },
  train: { batch: 64, epochs: 60 },
  evaluate: [
    retrieval({ between: ['signal.global', 'table.global'] }),
    linearProbe({ labels: 'rhythm', features: 'signal.global', fractions: [1] }),
  ],
});
