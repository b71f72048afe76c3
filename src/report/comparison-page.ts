import { bytes, count, duration, figure } from '../events/wording.js';
import { configDifferences } from './config-table.js';
import { Grid } from './curve.js';
import { bestValue, byTask } from './evaluations.js';
import { type Figure, type Figures, type Series, short, stepLines } from './figures.js';
import type { History } from './history.js';
import { Captions, type Cell, type Html, html, table } from './html.js';
import { figureBlock, lowerIsBetter, moved, page } from './page.js';

/** Two or more runs on one page: what differs in their configs, how they evaluate, their curves over each other. */
export function comparisonPage(histories: readonly History[]): string {
  const names = distinctNames(histories);
  const captions = new Captions();
  const numeric = (value: string): Cell => ({ value, numeric: true });
  const orNone = (value: number | undefined, say: (value: number) => string) =>
    numeric(value === undefined ? '–' : say(value));
  const runs = table(
    captions.table('The runs.'),
    [
      'run',
      'recipe',
      'data',
      'state',
      numeric('steps'),
      numeric('last loss'),
      numeric('samples/s, median'),
      numeric('peak memory'),
      numeric('time'),
    ],
    histories.map((history, i) => {
      const started = history.sessions.at(-1)?.started;
      const time = history.sessions.reduce((sum, session) => sum + session.lastTime - session.started.time, 0);
      return [
        names[i]!,
        started?.recipe ?? '–',
        started?.data.name ?? '–',
        history.finished?.reason ?? 'unfinished',
        numeric(count(history.steps.last)),
        orNone(history.steps.latest('loss'), figure),
        orNone(history.steps.median('samplesPerSecond'), figure),
        orNone(history.steps.latest('memory.peak'), bytes),
        numeric(duration(time / 1000)),
      ];
    }),
  );
  const differences = configDifferences(
    histories.map(({ config }) => config),
    names,
    captions,
  );
  const evaluation = evaluationTables(histories, names, captions);
  const figures = comparisonFigures(histories, names);
  const blocks = figures.figures.map((chart) => figureBlock(chart, figures.grids[chart.grid]!, captions));
  return page({
    title: `${names.join(' · ')} – Gadolinium`,
    header: html`<div><h1>Comparison of ${histories.length} runs</h1><p class="recipe">${names.join(' · ')}</p></div>`,
    sections: [
      { id: 'runs', title: 'Runs', body: runs },
      { id: 'config', title: 'Config differences', body: differences },
      { id: 'evaluation', title: 'Evaluation', body: evaluation.length > 0 ? evaluation : undefined },
      {
        id: 'curves',
        title: 'Curves',
        body: blocks.length > 0 ? html`<div class="figures">${blocks}</div>` : undefined,
      },
    ],
    figures,
  });
}

/** Runs of one name (`a/run`, `b/run`) are told apart by their folders. */
function distinctNames(histories: readonly History[]): string[] {
  return histories.map(({ name, run }) => (histories.filter((other) => other.name === name).length > 1 ? run : name));
}

function evaluationTables(histories: readonly History[], names: readonly string[], captions: Captions): Html[] {
  const told = histories.map(({ evaluations }) => byTask(evaluations));
  const tasks = [...new Set(told.flatMap((tasks) => [...tasks.keys()]))];
  return tasks.map((task) => {
    const last = told.map((tasks) => tasks.get(task)?.at(-1));
    const metrics = [...new Set(last.flatMap((evaluation) => Object.keys(evaluation?.metrics ?? {})))];
    const rows = metrics.map((metric): Cell[] => {
      const values = last.map((evaluation) => evaluation?.metrics[metric] ?? undefined);
      const best = bestValue(
        last.filter((one) => one !== undefined),
        metric,
      );
      return [
        html`${metric}${lowerIsBetter(metric) ? html` <small>lower is better</small>` : ''}`,
        ...values.map((value, i) =>
          moved(value, i === 0 ? undefined : values[0], value !== undefined && value === best),
        ),
      ];
    });
    const steps = last.map((evaluation) => ({
      value: evaluation === undefined ? '–' : count(evaluation.step),
      numeric: true,
    }));
    const caption = captions.table(
      html`${task}: last evaluation of each run. Small: difference to ${names[0]}. Bold: best.`,
    );
    return table(
      caption,
      ['metric', ...names.map((value) => ({ value, numeric: true }))],
      [['at step', ...steps], ...rows],
    );
  });
}

/** One chart a number that at least two of the runs have, one line a run, over a common grid of steps. */
function comparisonFigures(histories: readonly History[], names: readonly string[]): Figures {
  const told = histories.filter(({ steps }) => steps.last > 0);
  if (told.length === 0) return { grids: {}, figures: [], resumed: [] };
  const grid = new Grid(
    Math.min(...told.map(({ steps }) => steps.first)),
    Math.max(...told.map(({ steps }) => steps.last)),
  );
  const grids: Record<string, number[]> = { steps: grid.steps };
  const figures: Figure[] = [];
  const overlay = (column: string, figure: Pick<Figure, 'title' | 'note' | 'unit'> & Partial<Figure>, scale = 1) => {
    const series = histories.flatMap((history, i) =>
      stepLines(history, grid, { [column]: names[i]! }, { smooth: true, scale }).map((line) => ({
        ...line,
        colour: i,
      })),
    );
    if (series.length > 1) figures.push({ id: column.replaceAll(/[^\w-]/g, '-'), grid: 'steps', series, ...figure });
  };
  const note = 'Line: local fit over 1 % of the longest run; shade: smallest and largest value at each pixel.';
  overlay('loss', { title: 'Loss', note, unit: '', logarithm: true });
  const all = (prefix: string) => [...new Set(histories.flatMap(({ steps }) => steps.names(prefix)))];
  const terms = all('losses.');
  if (terms.length > 1)
    for (const term of terms) overlay(`losses.${term}`, { title: `Loss: ${term}`, note, unit: '', logarithm: true });
  for (const name of all('measures.')) overlay(`measures.${name}`, { title: name, note, unit: '' });

  for (const task of new Set(histories.flatMap(({ evaluations }) => evaluations.map(({ name }) => name)))) {
    const evaluations = histories.map((history) => byTask(history.evaluations).get(task) ?? []);
    const steps = [...new Set(evaluations.flatMap((told) => told.map(({ step }) => step)))].sort((a, b) => a - b);
    if (steps.length < 2) continue;
    grids[`evaluation ${task}`] = steps;
    for (const metric of new Set(evaluations.flatMap((told) => told.flatMap(({ metrics }) => Object.keys(metrics))))) {
      const series = evaluations.flatMap((told, i): Series[] => {
        const at = new Map(told.map(({ step, metrics }) => [step, metrics[metric]]));
        const line = steps.map((step) => (Number.isFinite(at.get(step)) ? short(at.get(step)!) : null));
        return line.some((value) => value !== null) ? [{ label: names[i]!, line, colour: i }] : [];
      });
      if (series.length < 2) continue;
      const id = `evaluation-${figures.length}`;
      figures.push({
        id,
        title: `${task}: ${metric}`,
        note: 'On held-out samples.',
        grid: `evaluation ${task}`,
        unit: '',
        points: true,
        series,
      });
    }
  }

  overlay('gradientNorm', { title: 'Gradient norm', note, unit: '', logarithm: true, zero: true });
  overlay('samplesPerSecond', { title: 'Throughput', note, unit: 'samples/s', zero: true });
  overlay('memory.peak', { title: 'Peak memory', note: 'So far.', unit: 'GB', zero: true }, 1e-9);
  return { grids, figures, resumed: [] };
}
