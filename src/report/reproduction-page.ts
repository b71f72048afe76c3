import type { Evaluation } from '../events/types.js';
import { count, figure } from '../events/wording.js';
import { galleries } from './evaluations.js';
import { Captions, type Cell, type Html, html, table } from './html.js';
import { page } from './page.js';

/** A result with what its numbers may be compared by. */
interface Result extends Evaluation {
  task: string;
  notes: readonly string[];
  protocol: Readonly<Record<string, string | number>>;
  model: { resolution?: number | undefined; weights?: string | undefined; recipe?: string | undefined };
}

/** A published figure and what became of it. */
interface Reproduced {
  task: string;
  figure: {
    method: string;
    metrics: Record<string, number>;
    standing: string;
    source: string;
    note: string;
    protocol: Readonly<Record<string, string | number>>;
    model: { resolution?: number | undefined; weights?: string | undefined };
  };
  state: 're-run' | 'another-protocol' | 'not-run' | 'impossible';
  result?: Result;
  reasons: readonly string[];
}

export interface Reproduction {
  paper: { title: string };
  figures: readonly Reproduced[];
  results: readonly Result[];
}

/** One page: which numbers of a paper were run again, on what data, with what difference; which not, and why; pictures with their maps. */
export function reproductionPage({ paper, figures, results }: Reproduction): string {
  const captions = new Captions();
  const of = (state: Reproduced['state']) => figures.filter((one) => one.state === state);
  const again = of('re-run');
  const pictures = galleries(results);
  const sections = [
    { id: 'summary', title: 'Summary', body: summary(figures) },
    { id: 're-run', title: 'Run again', body: again.length > 0 ? againTables(again, captions) : undefined },
    { id: 'results', title: 'What was run', body: results.length > 0 ? resultTable(results, captions) : undefined },
    {
      id: 'refused',
      title: 'Run, but by another protocol',
      body: reasonTable(
        of('another-protocol'),
        captions,
        'Not compared: two numbers of different protocols say nothing of each other.',
      ),
    },
    { id: 'not-run', title: 'Not run', body: reasonTable(of('not-run'), captions, 'No result of these was given.') },
    {
      id: 'impossible',
      title: 'Cannot be run here',
      body: reasonTable(
        of('impossible'),
        captions,
        'Evaluations that do not exist here, or whose protocol nobody has told.',
      ),
    },
    {
      id: 'maps',
      title: 'Maps over pictures',
      body:
        pictures.length > 0
          ? [
              html`<p class="note">From black over red to yellow: the map from its lowest to its highest value. Cyan: the edge of the regions that readers drew. Pictures and texts of the data set: this page may be passed on only as the data set may.</p>`,
              ...pictures,
            ]
          : undefined,
    },
  ];
  const header = html`<div><h1>${paper.title}, reproduced</h1></div>`;
  return page({
    title: `${paper.title}, reproduced – Gadolinium`,
    header,
    sections,
    figures: { grids: {}, figures: [], resumed: [] },
  });
}

function summary(figures: readonly Reproduced[]): Html {
  const numbers = (state: Reproduced['state']) =>
    figures.filter((one) => one.state === state).reduce((sum, one) => sum + metricsOf(one).length, 0);
  const tile = (name: string, value: number) => html`<div><dt>${name}</dt><dd>${count(value)}</dd></div>`;
  const remembered = figures.some(({ figure: { standing } }) => standing === 'memory')
    ? html`<p class="note">Published numbers marked <i>memory</i> are remembered from the paper and were not read again: targets to confirm, and no measure.</p>`
    : '';
  return html`<dl class="tiles">${tile('numbers run again', numbers('re-run'))}${tile('by another protocol', numbers('another-protocol'))}${tile('not run', numbers('not-run'))}${tile('cannot be run here', numbers('impossible'))}</dl>${remembered}`;
}

const weightsOf = ({ model: { weights, recipe } }: Result) =>
  [weights, recipe && `recipe ${recipe}`].filter(Boolean).join(', ') || '–';

/** Metrics that the result has too; without a result all. */
function metricsOf({ figure: { metrics }, result, state }: Reproduced): string[] {
  return Object.keys(metrics).filter((metric) => state !== 're-run' || result?.metrics[metric] !== undefined);
}

function againTables(again: readonly Reproduced[], captions: Captions): Html {
  const numeric = (value: string): Cell => ({ value, numeric: true });
  const rows = again.flatMap((one) =>
    metricsOf(one).map((metric): Cell[] => {
      const { figure: theirs, result } = one;
      const [ours, published] = [result!.metrics[metric]!, theirs.metrics[metric]!];
      const [low, high] = [result!.metrics[`${metric}.low`], result!.metrics[`${metric}.high`]];
      const interval = low === undefined || high === undefined ? '–' : `${figure(low)} – ${figure(high)}`;
      const inside =
        low === undefined || high === undefined ? '–' : published >= low && published <= high ? 'yes' : 'no';
      return [
        `${theirs.method}: ${metric}`,
        String(theirs.protocol['dataset']),
        numeric(figure(published)),
        numeric(figure(ours)),
        numeric(`${ours < published ? '−' : '+'}${figure(Math.abs(ours - published))}`),
        numeric(interval),
        inside,
        numeric(count(result!.samples)),
        theirs.model.weights ?? '–',
        weightsOf(result!),
        `${theirs.source} [${theirs.standing}]`,
      ];
    }),
  );
  const missing = again.flatMap(({ figure: theirs, result }) =>
    Object.keys(theirs.metrics)
      .filter((metric) => result!.metrics[metric] === undefined)
      .map((metric) => html`<li>${theirs.method}: ${metric} (${theirs.source}) has no value in ${result!.name}</li>`),
  );
  const notes = [...new Set(again.map(({ figure: { note } }) => note))].map((note) => html`<li>${note}</li>`);
  return html`${table(
    captions.table(
      'Published and ours by the same protocol. The interval is ours, 95 % by bootstrap; published within says whether the published number lies in it.',
    ),
    [
      'number',
      'data set',
      numeric('published'),
      numeric('ours'),
      numeric('difference'),
      numeric('interval'),
      'published within',
      numeric('samples'),
      'published weights',
      'our weights',
      'published in',
    ],
    rows,
  )}${missing.length > 0 ? html`<p>Published, but not measured:</p><ul>${missing}</ul>` : ''}<p>Of the published numbers:</p><ul>${notes}</ul>`;
}

function resultTable(results: readonly Result[], captions: Captions): Html {
  return table(
    captions.table('The evaluations of this page, with all that their numbers depend on.'),
    ['evaluation', 'data', { value: 'samples', numeric: true }, 'protocol', 'weights', 'notes'],
    results.map((result) => {
      const { dataset, samples: _, ...facts } = result.protocol;
      const told = Object.entries(facts).map(([name, value]) => `${name} ${value}`);
      if (result.model.resolution !== undefined) told.push(`${result.model.resolution} pixels`);
      return [
        result.name,
        String(dataset),
        { value: count(result.samples), numeric: true },
        told.join(', '),
        weightsOf(result),
        result.notes.join('; ') || '–',
      ];
    }),
  );
}

function reasonTable(figures: readonly Reproduced[], captions: Captions, caption: string): Html | undefined {
  if (figures.length === 0) return undefined;
  return table(
    captions.table(caption),
    ['number', 'data set', 'task', 'published', 'why', 'published in'],
    figures.map(({ figure: theirs, task, reasons, result }) => [
      theirs.method,
      String(theirs.protocol['dataset']),
      result ? result.name : task,
      Object.entries(theirs.metrics)
        .map(([metric, value]) => `${metric} ${figure(value)}`)
        .join(', '),
      reasons.join('; '),
      `${theirs.source} [${theirs.standing}]`,
    ]),
  );
}
