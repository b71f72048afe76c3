import { type Curve, Grid, smoothed } from './curve.js';
import type { History } from './history.js';

/** A chart as the page's script (draw-charts.js) draws it. Its x values are a grid of the page. */
export interface Figure {
  id: string;
  title: string;
  /** What the caption says beside the title: what is drawn and how. */
  note: string;
  /** Name of the x values in `Figures.grids`. */
  grid: string;
  unit: string;
  series: Series[];
  /** Lines lie on each other and the areas between are filled. */
  stacked?: boolean;
  /** Values are marked: there are few. */
  points?: boolean;
  /** A logarithmic scale is offered. */
  logarithm?: boolean;
  /** y begins at 0. */
  zero?: boolean;
}

export interface Series {
  label: string;
  line: (number | null)[];
  /** Smallest and largest values, shaded. */
  low?: (number | null)[];
  high?: (number | null)[];
  /** Place in the palette, where not the series' own place. */
  colour?: number;
}

export interface Figures {
  grids: Record<string, number[]>;
  figures: Figure[];
  /** Steps at which a session was resumed: a dashed line. */
  resumed: number[];
}

/** Standard deviation of the smoothing, as a share of the run. */
const smoothing = 1 / 100;
/** As many as the palette has colours. */
const mostLines = 8;

/** All charts of one run, of `history.steps` in at most 800 points a line. */
export function runFigures(history: History): Figures {
  const { steps } = history;
  const grid = new Grid(steps.first, steps.last);
  const figures: Figure[] = [];
  // Areas need width to be seen, and a spike of one step is seen in the throughput.
  const coarse = new Grid(steps.first, steps.last, 160);
  const add = (figure: Omit<Figure, 'grid'> & { grid?: string }) => {
    const all = figure.series;
    if (all.length === 0) return;
    if (all.length <= mostLines) figures.push({ grid: 'steps', ...figure });
    else {
      // Layer-wise rates can be dozens: first, last and evenly in between tell the same.
      const series = Array.from(
        { length: mostLines },
        (_, i) => all[Math.round((i * (all.length - 1)) / (mostLines - 1))]!,
      );
      figures.push({
        ...figure,
        grid: 'steps',
        series,
        note: `${figure.note} Drawn are ${mostLines} of ${all.length} lines.`,
      });
    }
  };
  const lines = (names: Record<string, string>, options: LineOptions = {}) => stepLines(history, grid, names, options);

  const shade = 'Line: local fit over 1 % of the run; shade: smallest and largest value at each pixel.';
  const terms = steps.names('losses.');
  add({
    id: 'loss',
    title: 'Loss',
    note: `The sum that was differentiated${terms.length > 1 ? ' and its terms, weights applied' : ''}. ${shade}`,
    unit: '',
    // One term alone is the sum: the same line twice would hide itself.
    series: lines({ loss: 'total', ...(terms.length > 1 ? prefixed('losses.', terms) : {}) }, { smooth: true }),
    logarithm: true,
  });
  add({
    id: 'measures',
    title: 'Measures of the training batches',
    note: `What objectives report beside their loss. ${shade}`,
    unit: '',
    // Scale and bias of logits have a size that leaves accuracies flat on the ground; the scale has a chart of its own.
    series: lines(
      prefixed(
        'measures.',
        steps.names('measures.').filter((name) => !/logit(Scale|Bias)$/.test(name)),
      ),
      {
        smooth: true,
      },
    ),
  });
  add({
    id: 'gradient-norm',
    title: 'Gradient norm',
    note: `Before clipping, over all parameters and by tower. ${shade}`,
    unit: '',
    series: lines(
      { gradientNorm: 'all', ...prefixed('gradientNorms.', steps.names('gradientNorms.')) },
      { smooth: true },
    ),
    logarithm: true,
    zero: true,
  });
  add({
    id: 'learning-rate',
    title: 'Learning rates',
    note: 'By parameter group.',
    unit: '',
    series: lines(prefixed('learningRates.', steps.names('learningRates.'))),
    zero: true,
  });
  add({
    id: 'logit-scale',
    title: 'Logit scale',
    note: 'exp of the learned scale: one over the temperature.',
    unit: '',
    series: lines({ logitScale: 'logit scale' }),
  });
  add({
    id: 'rate',
    title: 'Throughput',
    note: `Samples a second over all processes. ${shade}`,
    unit: 'samples/s',
    series: lines({ samplesPerSecond: 'samples/s' }, { smooth: true }),
    zero: true,
  });
  add({
    id: 'mfu',
    title: 'Model FLOP/s utilisation',
    note: `Share of the machine's peak. ${shade}`,
    unit: '%',
    series: lines({ mfu: 'MFU' }, { smooth: true, scale: 100 }),
    zero: true,
  });
  add({
    id: 'step-time',
    title: 'Where the time of a step goes',
    note: 'Means over 1/160 of the run, parts on top of each other; "wait" is the wait for data.',
    unit: 'ms',
    series: stepTimes(history, coarse),
    grid: 'coarse',
    stacked: true,
    zero: true,
  });
  add({
    id: 'memory',
    title: 'Memory',
    note: 'Resident set on a CPU, allocator on a card.',
    unit: 'GB',
    series: lines({ 'memory.now': 'now', 'memory.peak': 'peak so far' }, { scale: 1e-9 }),
    zero: true,
  });
  add({
    id: 'ready',
    title: 'Batches waiting to be trained on',
    note: `0 means that training waits for the data. ${shade}`,
    unit: 'batches',
    series: lines({ ready: 'ready' }, { smooth: true }),
    zero: true,
  });

  const grids: Record<string, number[]> = { steps: grid.steps, coarse: coarse.steps };
  for (const figure of evaluationFigures(history)) {
    grids[figure.grid] = figure.steps;
    figures.push(figure.figure);
  }
  return { grids, figures, resumed: history.sessions.slice(1).map(({ started }) => started.from) };
}

interface LineOptions {
  smooth?: boolean;
  scale?: number;
}

export function stepLines(
  history: History,
  grid: Grid,
  names: Record<string, string>,
  { smooth = false, scale = 1 }: LineOptions = {},
): Series[] {
  return Object.entries(names).flatMap(([name, label]) => {
    const column = history.steps.column(name);
    if (column === undefined) return [];
    const curve = grid.curve(column);
    // A name that a resume has taken out of the run leaves an empty column behind.
    return curve.mean.some((value) => value !== null) ? [series(label, curve, smooth, scale)] : [];
  });
}

function series(label: string, curve: Curve, smooth: boolean, scale: number): Series {
  const scaled = (values: (number | null)[]) => values.map((value) => (value === null ? null : short(value * scale)));
  if (!smooth) return { label, line: scaled(curve.mean) };
  const width = Math.max(0.5, curve.mean.length * smoothing);
  return { label, line: scaled(smoothed(curve.mean, width)), low: scaled(curve.min), high: scaled(curve.max) };
}

function stepTimes(history: History, grid: Grid): Series[] {
  const parts = history.steps.names('milliseconds.').filter((name) => name !== 'total');
  const total = history.steps.column('milliseconds.total');
  const colours: Record<string, number> = {
    wait: 5,
    forward: 0,
    loss: 6,
    backward: 4,
    communication: 7,
    optimiser: 1,
    transfer: 2,
  };
  const all = parts.map((part) => {
    const [one] = stepLines(history, grid, { [`milliseconds.${part}`]: part });
    return one === undefined ? undefined : { ...one, colour: colours[part] ?? 3 };
  });
  // A part that takes no time (communication in one process) is no line.
  const shown = all.filter((one) => one !== undefined).filter(({ line }) => line.some((value) => (value ?? 0) > 0));
  if (total === undefined || shown.length === 0) return shown;
  const rest = grid.curve(total).mean.map((value, i) => {
    if (value === null) return null;
    return short(Math.max(0, value - shown.reduce((sum, one) => sum + (one.line[i] ?? 0), 0)));
  });
  const visible = rest.some((value, i) => (value ?? 0) > 0.02 * (grid.curve(total).mean[i] ?? 1));
  return visible ? [...shown, { label: 'other', line: rest, colour: 3 }] : shown;
}

/** One chart for the metrics of a task that lie between 0 and 1; of the others, one for those of one kind (`….median-rank`). */
function evaluationFigures(history: History): { grid: string; steps: number[]; figure: Figure }[] {
  const tasks = [...new Set(history.evaluations.map(({ name }) => name))];
  return tasks.flatMap((task, t) => {
    const told = history.evaluations.filter(({ name }) => name === task).sort((a, b) => a.step - b.step);
    if (told.length < 2) return [];
    const metrics = [...new Set(told.flatMap((evaluation) => Object.keys(evaluation.metrics)))];
    const value = (metric: string) =>
      told.map(({ metrics }) => (Number.isFinite(metrics[metric]) ? short(metrics[metric]!) : null));
    const isShare = (metric: string) => value(metric).every((v) => v === null || (v >= 0 && v <= 1));
    const kind = (metric: string) => metric.slice(metric.lastIndexOf('.') + 1);
    const others = metrics.filter((metric) => !isShare(metric));
    const groups: [title: string, metrics: string[]][] = [
      [task, metrics.filter(isShare)],
      ...[...new Set(others.map(kind))].map((one): [string, string[]] => [
        `${task}: ${one}`,
        others.filter((metric) => kind(metric) === one),
      ]),
    ];
    const grid = `evaluation-${t}`;
    return groups
      .filter(([, group]) => group.length > 0)
      .map(([title, group], g) => ({
        grid,
        steps: told.map(({ step }) => step),
        figure: {
          id: `${grid}-${g}`,
          title,
          note: 'On held-out samples.',
          grid,
          unit: '',
          points: true,
          series: group.map((metric) => ({ label: metric, line: value(metric) })),
        },
      }));
  });
}

function prefixed(prefix: string, names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [prefix + name, name]));
}

/** Five digits are more than a screen shows, and a third of the page's size. */
export function short(value: number): number {
  return Number(value.toPrecision(5));
}
